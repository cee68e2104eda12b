// Asks Kubernetes' own Pod Security code. One pod a line of JSON on standard input; one line of JSON a pod on standard
// output: {"baseline/37": ["host namespaces", ...], ...} with the reasons for which each level of each minor forbids it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
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
		var pod corev1.Pod
		if err := json.Unmarshal(in.Bytes(), &pod); err != nil {
			panic(err)
		}
		answers := map[string][]string{}
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
		if err := out.Encode(answers); err != nil {
			panic(err)
		}
	}
}
