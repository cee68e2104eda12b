package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	manageroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	"k8s.io/kubernetes/cmd/kube-controller-manager/names"
)

// defaultControllers are the ones that decide who may do what; the workload controllers would want nodes.
var defaultControllers = []string{
	names.ClusterRoleAggregationController,
	names.ServiceAccountController,
	names.ServiceAccountTokenController,
	names.RootCACertificatePublisherController,
	names.CertificateSigningRequestSigningController,
	names.CertificateSigningRequestApprovingController,
	names.NamespaceController,
}

// startEtcd serves on a socket file in root, which is no port to find and closed to other users of the machine.
func startEtcd(root string) (func(), error) {
	config := embed.NewConfig()
	config.Dir = filepath.Join(root, "etcd")
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	config.TickMs, config.ElectionMs = 20, 200
	endpoint := []url.URL{socket(root)}
	config.ListenClientUrls, config.AdvertiseClientUrls = endpoint, endpoint
	config.ListenPeerUrls, config.AdvertisePeerUrls = nil, endpoint // one member has no peers to hear from
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	<-etcd.Server.ReadyNotify()
	return etcd.Close, nil
}

func socket(root string) url.URL {
	return url.URL{Scheme: "unix", Path: filepath.Join(root, "etcd.sock")}
}

// configure reads every flag and gives the two components, ready to run. They share one set of feature gates,
// which is why both are made before the gates are set.
func configure(root string, listener net.Listener, authorization string, controllers, args []string) (server, controller func(context.Context) error, err error) {
	file := func(name string) string { return filepath.Join(root, name) }
	rest.SetDefaultWarningHandler(rest.NoWarnings{})

	options := apiserveroptions.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	sets := options.Flags()
	controlled, err := manageroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, nil, err
	}
	managerSets := controlled.Flags(manager.KnownControllers(), manager.ControllersDisabledByDefault(), manager.ControllerAliases())

	etcd := socket(root)
	defaults := map[string]string{
		"advertise-address":                "127.0.0.1",
		"allow-privileged":                 "true",
		"authorization-mode":               authorization,
		"bind-address":                     "127.0.0.1",
		"client-ca-file":                   file("ca.crt"),
		"enable-admission-plugins":         "NodeRestriction",
		"endpoint-reconciler-type":         "none",
		"etcd-servers":                     etcd.String(),
		"service-account-issuer":           "https://kubernetes.default.svc",
		"service-account-key-file":         file("sa.key"),
		"service-account-signing-key-file": file("sa.key"),
		"service-cluster-ip-range":         "10.0.0.0/24",
		"tls-cert-file":                    file("apiserver.crt"),
		"tls-private-key-file":             file("apiserver.key"),
	}
	if err := parse(flags, sets, args, defaults); err != nil {
		return nil, nil, err
	}
	options.SecureServing.Listener = listener
	options.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port

	err = parse(pflag.NewFlagSet("kube-controller-manager", pflag.ContinueOnError), managerSets, nil, map[string]string{
		"cluster-signing-cert-file":        file("ca.crt"),
		"cluster-signing-key-file":         file("ca.key"),
		"controllers":                      strings.Join(controllers, ","),
		"kubeconfig":                       file("controllers.kubeconfig"),
		"leader-elect":                     "false",
		"root-ca-file":                     file("ca.crt"),
		"secure-port":                      "0",
		"service-account-private-key-file": file("sa.key"),
		"use-service-account-credentials":  "true",
	})
	if err != nil {
		return nil, nil, err
	}
	if err := options.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, nil, err
	}
	if err := logsapi.ValidateAndApply(options.Logs, utilfeature.DefaultFeatureGate); err != nil {
		return nil, nil, err
	}
	server = func(ctx context.Context) error {
		completed, err := options.Complete(ctx)
		if err != nil {
			return err
		}
		if errs := completed.Validate(); len(errs) > 0 {
			return utilerrors.NewAggregate(errs)
		}
		return apiserver.Run(ctx, completed)
	}
	controller = func(ctx context.Context) error {
		if len(controllers) == 0 {
			<-ctx.Done()
			return nil
		}
		config, err := controlled.Config(ctx, manager.KnownControllers(), manager.ControllersDisabledByDefault(), manager.ControllerAliases())
		if err != nil {
			return err
		}
		return manager.Run(ctx, config.Complete())
	}
	return server, controller, nil
}

// parse reads the given flags, then sets the defaults that were not given.
func parse(flags *pflag.FlagSet, sets cliflag.NamedFlagSets, args []string, defaults map[string]string) error {
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes flags only, got %q", flags.Name(), flags.Args())
	}
	if flags.Changed("authorization-config") { // the server refuses both
		delete(defaults, "authorization-mode")
	}
	for name, value := range defaults {
		if flags.Changed(name) {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
	}
	return nil
}

func client(root string) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(root, "admin.kubeconfig"))
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func serverReady(ctx context.Context, admin *kubernetes.Clientset) bool {
	_, err := admin.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil
}

// controllersReady asks for what the controllers owe every new cluster: roles filled in, and an account for pods.
func controllersReady(ctx context.Context, admin *kubernetes.Clientset, controllers []string) bool {
	if slices.Contains(controllers, names.ClusterRoleAggregationController) {
		for _, name := range []string{"view", "edit", "admin"} {
			role, err := admin.RbacV1().ClusterRoles().Get(ctx, name, metav1.GetOptions{})
			if err != nil || len(role.Rules) == 0 {
				return false
			}
		}
	}
	if slices.Contains(controllers, names.ServiceAccountController) {
		_, err := admin.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	}
	return true
}
