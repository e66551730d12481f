package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rampart-dev/rampart/internal/child"
)

// ServerName is the name in the certificate of a server, which is not its address.
const ServerName = "redis.internal"

// Certificates are files of an authority of the test's own, and of what it has signed.
type Certificates struct {
	CA                    string
	ServerCert, ServerKey string // for ServerName
	ClientCert, ClientKey string
}

// NewCertificates makes certificates that are gone with the test.
func NewCertificates(t testing.TB) Certificates {
	t.Helper()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	c := Certificates{file("ca.pem"), file("server.pem"), file("server.key"), file("client.pem"), file("client.key")}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	sign(t, c.CA, "", authority, authority, key, key)
	for i, of := range []struct{ cert, key, name string }{{c.ServerCert, c.ServerKey, ServerName}, {c.ClientCert, c.ClientKey, "a client"}} {
		own := newKey(t)
		sign(t, of.cert, of.key, &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 2), Subject: pkix.Name{CommonName: of.name}, DNSNames: []string{of.name},
			NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, authority, own, key)
	}
	return c
}

// StartTLS starts a server that speaks TLS at an address of its own ([Server.TLSURL]),
// and only with who has a certificate. The test itself goes in beside it.
func StartTLS(t testing.TB, c Certificates, args ...string) *Server {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	s := Start(t, append([]string{
		"--tls-port", strconv.Itoa(port), "--tls-auth-clients", "yes",
		"--tls-ca-cert-file", c.CA, "--tls-cert-file", c.ServerCert, "--tls-key-file", c.ServerKey,
	}, args...)...)
	s.tls = port
	return s
}

// TLSURL returns the address at which the server speaks TLS.
func (s *Server) TLSURL() string {
	return "rediss://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.tls))
}

// config is how the test itself speaks to sentinels.
func (c Certificates) config(t testing.TB) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	authority, err := os.ReadFile(c.CA)
	if err != nil || !roots.AppendCertsFromPEM(authority) {
		t.Fatalf("redistest: no authority: %v", err)
	}
	pair, err := tls.LoadX509KeyPair(c.ClientCert, c.ClientKey)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}, ServerName: ServerName}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	return key
}

func sign(t testing.TB, certFile, keyFile string, cert, parent *x509.Certificate, own, parents *ecdsa.PrivateKey) {
	t.Helper()
	signed, err := x509.CreateCertificate(rand.Reader, cert, parent, &own.PublicKey, parents)
	if err == nil {
		err = os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600)
	}
	if err == nil && keyFile != "" {
		var text []byte
		if text, err = x509.MarshalPKCS8PrivateKey(own); err == nil {
			err = os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600)
		}
	}
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
}
