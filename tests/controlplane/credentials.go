package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// authority signs every certificate of one server directory.
type authority struct {
	certFile string
	cert     *x509.Certificate
	key      crypto.Signer
}

// writeCredentials puts the authority, the server's own files and the two kubeconfigs into root.
func writeCredentials(root, address string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	ca, err := openAuthority(root)
	if errors.Is(err, os.ErrNotExist) {
		ca, err = newAuthority(root)
	}
	if err != nil {
		return err
	}
	names := []string{"127.0.0.1", "localhost", "10.0.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	return errors.Join(
		os.WriteFile(filepath.Join(root, "server"), []byte(address), 0o600),
		ca.issue(filepath.Join(root, "apiserver"), "kube-apiserver", nil, names),
		ca.kubeconfig(filepath.Join(root, "admin"), address, "admin", []string{"system:masters"}, nil),
		ca.kubeconfig(filepath.Join(root, "controllers"), address, "system:kube-controller-manager", nil, nil),
	)
}

func openAuthority(root string) (*authority, error) {
	certFile := filepath.Join(root, "ca.crt")
	certs, err := cert.CertsFromFile(certFile)
	if err != nil {
		return nil, err
	}
	key, err := keyutil.PrivateKeyFromFile(filepath.Join(root, "ca.key"))
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("ca.key in %s cannot sign", root)
	}
	return &authority{certFile, certs[0], signer}, nil
}

func newAuthority(root string) (*authority, error) {
	if _, err := newKey(filepath.Join(root, "sa.key")); err != nil {
		return nil, err
	}
	// The server verifies the client's chain at every request, and RSA is several times quicker to verify than ECDSA.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	if err := writeKey(filepath.Join(root, "ca.key"), key); err != nil {
		return nil, err
	}
	self, err := cert.NewSelfSignedCACert(cert.Config{CommonName: "controlplane-ca"}, key)
	if err != nil {
		return nil, err
	}
	certFile := filepath.Join(root, "ca.crt")
	return &authority{certFile, self, key}, cert.WriteCert(certFile, encode(self.Raw))
}

// issue writes prefix.crt and prefix.key, valid for clients and, with hosts, for servers.
func (a *authority) issue(prefix, user string, groups, hosts []string) error {
	key, err := newKey(prefix + ".key")
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: user, Organization: groups},
		NotBefore:    a.cert.NotBefore,
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	raw, err := x509.CreateCertificate(rand.Reader, &template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	return cert.WriteCert(prefix+".crt", encode(raw))
}

// kubeconfig issues a certificate and writes prefix.kubeconfig, which holds it.
func (a *authority) kubeconfig(prefix, address, user string, groups, hosts []string) error {
	if err := a.issue(prefix, user, groups, hosts); err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["controlplane"] = &clientcmdapi.Cluster{Server: address, CertificateAuthority: a.certFile}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificate: prefix + ".crt", ClientKey: prefix + ".key"}
	config.Contexts["controlplane"] = &clientcmdapi.Context{Cluster: "controlplane", AuthInfo: user}
	config.CurrentContext = "controlplane"
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return err
	}
	return clientcmd.WriteToFile(*config, prefix+".kubeconfig")
}

func newKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, writeKey(file, key)
}

func writeKey(file string, key crypto.Signer) error {
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	return keyutil.WriteKey(file, text)
}

func encode(raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: raw})
}
