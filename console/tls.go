package console

import (
	"bytes"
	"crypto/tls"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
)

// certificates returns the configuration of TLS, or nil where none is spoken.
func (s *console) certificates() (*tls.Config, error) {
	if s.config.Cert == "" {
		return nil, nil
	}
	c := &certificate{cert: s.config.Cert, key: s.config.Key, log: s.log}
	if err := c.read(); err != nil {
		return nil, rampart.Errorf(rampart.Invalid, "the certificate cannot be used").Because(err).
			WithHint("check --tls-cert and --tls-key")
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}, nil
}

// certificate is read again every so often, because certificates are renewed. While
// the files cannot be used, say because one of the two is new and the other is not yet,
// the one of before is.
type certificate struct {
	cert, key string
	log       *zap.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	at      time.Time
	failing bool
}

// certificateFor is how old what was read may be when somebody connects.
const certificateFor = time.Second

func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) <= certificateFor {
		return c.pair
	}
	err := c.read()
	if err != nil && !c.failing {
		c.log.Error("certificate cannot be read again; the one of before is used", zap.Error(err))
	}
	c.failing = err != nil
	return c.pair
}

func (c *certificate) read() error {
	c.at = time.Now()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	if c.pair != nil && !slices.EqualFunc(c.pair.Certificate, pair.Certificate, bytes.Equal) {
		c.log.Info("certificate renewed", zap.Time("until", pair.Leaf.NotAfter))
	}
	c.pair = &pair
	return nil
}
