// Asks Kubernetes' own Pod Security code. One object a line of JSON on standard input, one answer a line on standard
// output. A Pod: {"baseline/37": ["host namespaces", ...], ...}, the reasons for which each level of each minor forbids
// it. A Namespace: {"enforce": ["baseline:latest"], ..., "invalid": [...]}, the policy that its labels mean.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

const newest = 38

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(err)
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<24)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var kind metav1.TypeMeta
		var pod corev1.Pod
		if err := json.Unmarshal(in.Bytes(), &kind); err != nil {
			panic(err)
		}
		if err := json.Unmarshal(in.Bytes(), &pod); err != nil {
			panic(err)
		}
		answers := map[string][]string{}
		if kind.Kind == "Namespace" {
			meant(pod.Labels, answers)
		} else {
			forbidden(evaluator, &pod, answers)
		}
		if err := out.Encode(answers); err != nil {
			panic(err)
		}
	}
}

func forbidden(evaluator policy.Evaluator, pod *corev1.Pod, answers map[string][]string) {
	for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
		for minor := 0; minor <= newest; minor++ {
			asked := api.LevelVersion{Level: level, Version: api.MajorMinorVersion(1, minor)}
			reasons := []string{}
			for _, result := range evaluator.EvaluatePod(asked, &pod.ObjectMeta, &pod.Spec) {
				if !result.Allowed {
					reasons = append(reasons, result.ForbiddenReason)
				}
			}
			answers[fmt.Sprintf("%s/%d", level, minor)] = reasons
		}
	}
}

func meant(labels map[string]string, answers map[string][]string) {
	privileged := api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()}
	found, errs := api.PolicyToEvaluate(labels, api.Policy{Enforce: privileged, Audit: privileged, Warn: privileged})
	answers["enforce"] = []string{found.Enforce.String()}
	answers["audit"] = []string{found.Audit.String()}
	answers["warn"] = []string{found.Warn.String()}
	answers["invalid"] = []string{}
	for _, err := range errs {
		answers["invalid"] = append(answers["invalid"], err.Field)
	}
}
