package console_test

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rampart-dev/rampart/console"
	"github.com/rampart-dev/rampart/internal/redistest"
)

// shown returns the certificate that is shown at an address.
func shown(t *testing.T, address string) []byte {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) // #nosec G402 -- it is looked at
	require.NoError(t, err)
	defer conn.Close()
	require.Equal(t, "h2", conn.ConnectionState().NegotiatedProtocol)
	return conn.ConnectionState().PeerCertificates[0].Raw
}

func TestCertificateIsRenewedWithoutARestart(t *testing.T) {
	old, fresh := redistest.NewCertificates(t), redistest.NewCertificates(t)
	raw := func(file string) []byte {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		block, _ := pem.Decode(text)
		return block.Bytes
	}
	is, was := raw(fresh.ServerCert), raw(old.ServerCert)
	files := t.TempDir()
	c := console.Config{Cert: filepath.Join(files, "tls.crt"), Key: filepath.Join(files, "tls.key"), Flagd: "127.0.0.1:0"}
	place := func(from, to string) {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to+".new", text, 0o600))
		require.NoError(t, os.Rename(to+".new", to))
	}
	place(old.ServerCert, c.Cert)
	place(old.ServerKey, c.Key)
	_, c.Store, _ = openStore(t)
	core, logs := observer.New(zap.InfoLevel)
	c.Log = zap.New(core)
	r := start(t, c)
	require.Equal(t, was, shown(t, r.addr["http"]))

	place(fresh.ServerCert, c.Cert) // and the key is not there yet
	said := func() int { return logs.FilterMessageSnippet("cannot be read again").Len() }
	require.Eventually(t, func() bool { require.Equal(t, was, shown(t, r.addr["http"])); return said() > 0 }, patience, tick)
	place(fresh.ServerKey, c.Key)
	for _, name := range []string{"http", "flagd"} {
		require.Eventually(t, func() bool { return string(shown(t, r.addr[name])) == string(is) }, patience, tick, name)
	}
	require.Equal(t, 1, said())
	require.Equal(t, 1, logs.FilterMessage("certificate renewed").Len())

	browser := http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- likewise
	resp, err := browser.Get("https://" + r.addr["http"] + "/healthz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, []any{2, "max-age=31536000"}, []any{resp.ProtoMajor, resp.Header.Get("Strict-Transport-Security")})
	browser.CloseIdleConnections()
}
