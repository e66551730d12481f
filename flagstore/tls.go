package flagstore

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/rampart-dev/rampart"
)

// TLSFiles say how to reach Redis over TLS, for whoever is configured by files.
type TLSFiles struct {
	CA         string // the roots that sign the servers, instead of the system's
	Cert, Key  string // the client's certificate, where the servers ask for one
	ServerName string // that the servers' certificates must have, where it is not the address's
}

// Config reads the files; nil where none is named. The client's certificate is read
// again for each connection, so that it can be rotated.
func (f TLSFiles) Config() (*tls.Config, error) {
	if f == (TLSFiles{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.ServerName}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, rampart.Errorf(rampart.Invalid, "the roots for Redis cannot be read").WithHint("name a file that can").Because(err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, rampart.Errorf(rampart.Invalid, "%s holds no certificate", f.CA).WithHint("it must be PEM")
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, rampart.Errorf(rampart.Invalid, "half a client certificate for Redis").
			WithHint("a certificate needs its key, and a key its certificate")
	}
	if f.Cert != "" {
		read := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
			return &pair, err
		}
		if _, err := read(); err != nil { // known at once, and not at the first connection
			return nil, rampart.Errorf(rampart.Invalid, "the client certificate for Redis, %s, cannot be used", f.Cert).
				WithHint("certificate and key must be PEM, and belong together").Because(err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	}
	return c, nil
}
