// Command controlplane is a whole Kubernetes control plane in one process, on loopback, for tests:
// etcd, kube-apiserver, and the controllers without which access does not behave as it does in a cluster.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

const usage = `usage:
  controlplane serve --dir DIR [flags] [-- kube-apiserver flags]
  controlplane cert --dir DIR --user NAME [--group NAME ...] [--host NAME ...] --out PREFIX`

func main() {
	command, args := "", []string(nil)
	if len(os.Args) > 1 {
		command, args = os.Args[1], os.Args[2:]
	}
	var err error
	switch command {
	case "serve":
		err = serve(args)
	case "cert":
		err = issue(args)
	default:
		err = errors.New(usage)
	}
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

// issue writes PREFIX.crt, PREFIX.key and PREFIX.kubeconfig for a user that the server of DIR believes.
func issue(args []string) error {
	flags := pflag.NewFlagSet("cert", pflag.ContinueOnError)
	dir := flags.String("dir", "", "the directory of a server")
	out := flags.String("out", "", "prefix of the files to write")
	user := flags.String("user", "", "user name: the common name of the certificate")
	groups := flags.StringArray("group", nil, "group: an organization of the certificate; repeatable")
	hosts := flags.StringArray("host", nil, "address or DNS name to serve as, for a webhook; repeatable")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := os.ReadFile(filepath.Join(*dir, "server"))
	if err != nil {
		return err
	}
	ca, err := openAuthority(*dir)
	if err != nil {
		return err
	}
	return ca.kubeconfig(*out, string(server), *user, *groups, *hosts)
}

// serve runs until a signal, or with --exit-with-stdin until standard input ends.
func serve(args []string) error {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	dir := flags.String("dir", "", "data, certificates and kubeconfig files; used again when it holds them already")
	port := flags.Int("port", 0, "port on 127.0.0.1; 0 takes a free one")
	authorization := flags.String("authorization-mode", "Node,RBAC", "authorizers; not used with --authorization-config")
	controllers := flags.StringSlice("controllers", defaultControllers, "controllers to run; may be empty")
	withStdin := flags.Bool("exit-with-stdin", false, "stop when standard input ends: no orphan when the parent dies")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := filepath.Abs(*dir)
	if err != nil || *dir == "" {
		return errors.Join(errors.New("--dir is required"), err)
	}
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	address := "https://" + listener.Addr().String()
	if err := writeCredentials(root, address); err != nil {
		return err
	}
	stopped := genericapiserver.SetupSignalContext()
	if *withStdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			genericapiserver.RequestShutdown()
		}()
	}

	apiserver, manager, err := configure(root, listener, *authorization, *controllers, flags.Args())
	if err != nil {
		return err
	}
	stopEtcd, err := startEtcd(root)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer stopEtcd()
	admin, err := client(root)
	if err != nil {
		return err
	}
	serving := start(apiserver)
	defer serving.stop()
	if err := serving.until(stopped, func() bool { return serverReady(stopped, admin) }); err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	controlling := start(manager) // deferred later, so stopped earlier than the server it talks to
	defer controlling.stop()
	if err := controlling.until(stopped, func() bool { return controllersReady(stopped, admin, *controllers) }); err != nil {
		return fmt.Errorf("kube-controller-manager: %w", err)
	}
	ready, err := json.Marshal(map[string]any{
		"ready": true, "server": address, "kubeconfig": filepath.Join(root, "admin.kubeconfig"),
	})
	if err != nil {
		return err
	}
	fmt.Println(string(ready))

	select {
	case <-stopped.Done():
		return nil
	case <-serving.done:
		return fmt.Errorf("kube-apiserver: %w", serving.err)
	case <-controlling.done:
		return fmt.Errorf("kube-controller-manager: %w", controlling.err)
	}
}

// task is a component that runs until it is told to stop, or fails.
type task struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func start(run func(context.Context) error) *task {
	ctx, cancel := context.WithCancel(context.Background())
	t := &task{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.err = run(ctx)
	}()
	return t
}

func (t *task) stop() {
	t.cancel()
	<-t.done
}

// until waits for the condition, and gives up when the task ends or the program is told to stop.
func (t *task) until(stopped context.Context, condition func() bool) error {
	for !condition() {
		select {
		case <-time.After(25 * time.Millisecond):
		case <-stopped.Done():
			return stopped.Err()
		case <-t.done:
			return fmt.Errorf("ended before it was ready: %w", t.err)
		}
	}
	return nil
}
