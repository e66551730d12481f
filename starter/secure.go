package starter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/settings"
)

// TLS says how to reach Temporal safely.
type TLS struct {
	On         bool   // with the system's roots; implied by every other field and by an API key
	CA         string // file with the roots that sign the server
	Cert, Key  string // files of the client's certificate; read for every connection, so that it can be rotated
	ServerName string // that the server's certificate must have
}

// secure returns how this client makes itself known to Temporal, and what it wants to
// know of it. Both are nil where Temporal is on a network that is trusted.
func (o Options) secure() (client.Credentials, *tls.Config, error) {
	if err := o.suitsCloud(); err != nil {
		return nil, nil, err
	}
	credentials, err := o.credentials()
	if err != nil {
		return nil, nil, err
	}
	config, err := o.TLS.config(credentials != nil)
	return credentials, config, err
}

// clouds are what the addresses of Temporal Cloud end in: those of a namespace, and
// those of a region.
var clouds = []string{".tmprl.cloud", ".api.temporal.io"}

// suitsCloud refuses what Temporal Cloud refuses without saying why.
func (o Options) suitsCloud() error {
	host, _, _ := net.SplitHostPort(o.Temporal)
	cloud := false
	for _, suffix := range clouds {
		cloud = cloud || strings.HasSuffix(host, suffix)
	}
	switch {
	case !cloud:
		return nil
	case !strings.Contains(o.Namespace, "."):
		return rampart.Errorf(rampart.Invalid, "%q is no namespace of Temporal Cloud", o.Namespace).
			WithHint("write NAME.ACCOUNT, such as --namespace production.a1b2c")
	case o.APIKey == "" && o.APIKeyFile == "" && o.TLS.Cert == "":
		return rampart.Errorf(rampart.Invalid, "Temporal Cloud lets nobody in who is not known").
			WithHint("name an API key with --temporal-api-key-file, or a certificate with --temporal-tls-cert and --temporal-tls-key")
	}
	return nil
}

// credentials returns the API key, if there is one.
func (o Options) credentials() (client.Credentials, error) {
	switch {
	case o.APIKey != "" && o.APIKeyFile != "":
		return nil, rampart.Errorf(rampart.Invalid, "there are two API keys for Temporal").
			WithHint("unset RAMPART_TEMPORAL_API_KEY, or leave --temporal-api-key-file out")
	case o.APIKeyFile != "":
		if _, err := settings.Secret(o.APIKeyFile); err != nil { // known at once, and not at the first call
			return nil, err
		}
		return client.NewAPIKeyDynamicCredentials(func(context.Context) (string, error) { return settings.Secret(o.APIKeyFile) }), nil
	case o.APIKey != "":
		return client.NewAPIKeyStaticCredentials(o.APIKey), nil
	}
	return nil, nil
}

func (t TLS) config(forced bool) (*tls.Config, error) {
	if !forced && t == (TLS{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, rampart.Errorf(rampart.Invalid, "the roots for Temporal cannot be read").Because(err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, rampart.Errorf(rampart.Invalid, "%s holds no certificate", t.CA).WithHint("it must be PEM")
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, rampart.Errorf(rampart.Invalid, "a client certificate needs its key, and a key its certificate").
			WithHint("name both: --temporal-tls-cert and --temporal-tls-key")
	}
	if t.Cert != "" {
		if _, err := t.pair(nil); err != nil { // known at once, and not at the first connection
			return nil, err
		}
		c.GetClientCertificate = t.pair
	}
	return c, nil
}

// pair reads the client's certificate and its key as they are now.
func (t TLS) pair(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the client certificate for Temporal").
			WithHint("both files must be PEM, and belong together").Because(fmt.Errorf("%s: %w", t.Cert, err))
	}
	return &pair, nil
}

// greet connects to Temporal and listens for what it says at once. A server of TLS 1.3
// turns a certificate down only after the client believes to be let in, and gRPC, which
// talks at once, may hear nothing but that the line is dead.
func (s *Starter) greet(ctx context.Context) error {
	if s.tls == nil {
		return nil
	}
	config := s.tls.Clone()
	config.NextProtos = []string{"h2"}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(greeting))
	_, err = conn.Read(make([]byte, 1))
	return err
}

// greeting is how long a server may take to turn a client down, which needs no thought.
const greeting = time.Second

// barred tells that Temporal is there and does not let this client in, or is not
// trusted by it; nil where that is not so. Whoever is told "it does not answer" would
// look for the fault in the network. These are faults of what this process was told,
// which may be put right while it runs: files are read again.
func (s *Starter) barred(err error) error {
	if err == nil {
		return nil
	}
	var denied *serviceerror.PermissionDenied
	says := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(err.Error(), p) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.As(err, &denied):
		return rampart.Errorf(rampart.Invalid, "Temporal at %s does not allow that in namespace %s", s.Address, s.Space).
			WithHint("the API key or the certificate has too few rights there, or has expired").Because(err)
	case status.Code(err) == codes.Unauthenticated, says("code = Unauthenticated"):
		return rampart.Errorf(rampart.Invalid, "Temporal at %s does not know who calls", s.Address).
			WithHint("name a valid API key with --temporal-api-key-file, or a certificate with --temporal-tls-cert and --temporal-tls-key").Because(err)
	case says("tls: certificate required", "tls: bad certificate", "tls: unknown certificate", "tls: expired certificate", "tls: handshake failure"):
		return rampart.Errorf(rampart.Invalid, "Temporal at %s does not accept this client's certificate", s.Address).
			WithHint("--temporal-tls-cert and --temporal-tls-key must be of an authority that it knows, and valid today").Because(bare(err))
	case says("failed to verify certificate", "x509: "):
		return rampart.Errorf(rampart.Invalid, "Temporal at %s is not trusted", s.Address).
			WithHint("name the roots that sign it with --temporal-tls-ca, and the name in its certificate with --temporal-tls-server-name").Because(bare(err))
	case says("first record does not look like a TLS handshake"):
		return rampart.Errorf(rampart.Invalid, "Temporal at %s speaks no TLS", s.Address).
			WithHint("leave --temporal-tls and its like out, or name another address")
	case says("error reading server preface", "connection closed before server preface received"):
		return rampart.Errorf(rampart.Unreachable, "Temporal at %s hangs up", s.Address).
			WithHint("where it speaks TLS, say so with --temporal-tls; is it Temporal at all?").Because(bare(err))
	}
	return nil
}
