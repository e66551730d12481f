package flagstore_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

func TestStoreOverTLS(t *testing.T) {
	own := redistest.NewCertificates(t)
	other := redistest.NewCertificates(t)
	srv := redistest.StartTLS(t, own, redistest.Users(t, env)...)
	full := flagstore.TLSFiles{CA: own.CA, Cert: own.ClientCert, Key: own.ClientKey, ServerName: redistest.ServerName}
	over := func(t *testing.T, f flagstore.TLSFiles, url string) *flagstore.Store {
		config, err := f.Config()
		require.NoError(t, err)
		return dialed(t, url, func(o *flagstore.Options) { o.TLS = config })
	}
	t.Run("with an authority, a certificate and a name of one's own", func(t *testing.T) {
		walk(t, over(t, full, srv.WriterTLSURL()), over(t, full, srv.ReaderTLSURL()))
	})
	for name, change := range map[string]func(*flagstore.TLSFiles){
		"a server that the system's roots have not signed": func(f *flagstore.TLSFiles) { f.CA = "" },
		"a server that somebody else has signed":           func(f *flagstore.TLSFiles) { f.CA = other.CA },
		"a server of another name":                         func(f *flagstore.TLSFiles) { f.ServerName = "" },
		"a client without a certificate":                   func(f *flagstore.TLSFiles) { f.Cert, f.Key = "", "" },
		"a client that somebody else has signed":           func(f *flagstore.TLSFiles) { f.Cert, f.Key = other.ClientCert, other.ClientKey },
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			f := full
			change(&f)
			err := over(t, f, srv.WriterTLSURL()).Ping(t.Context())
			require.Equal(t, rampart.Unreachable, rampart.KindOf(err), "%v", err)
			require.Contains(t, rampart.HintOf(err), "certificate")
		})
	}
	t.Run("a server that does not speak TLS is named", func(t *testing.T) {
		err := over(t, full, "rediss://"+srv.Addr()).Ping(t.Context())
		require.Equal(t, rampart.Unreachable, rampart.KindOf(err), "%v", err)
		require.Contains(t, rampart.HintOf(err), "TLS")
	})
	t.Run("a client's certificate is taken as it is when a connection is made", func(t *testing.T) {
		dir := t.TempDir()
		f := full
		f.Cert, f.Key = dir+"/client.pem", dir+"/client.key"
		give := func(from redistest.Certificates) {
			for to, from := range map[string]string{f.Cert: from.ClientCert, f.Key: from.ClientKey} {
				text, err := os.ReadFile(from)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(to, text, 0o600))
			}
		}
		give(other)
		s := over(t, f, srv.WriterTLSURL())
		require.Error(t, s.Ping(t.Context()))
		give(own)
		require.NoError(t, s.Ping(t.Context()))
	})
}

func TestTLSThatCannotBeIsRefusedAtOnce(t *testing.T) {
	own, other := redistest.NewCertificates(t), redistest.NewCertificates(t)
	for name, f := range map[string]flagstore.TLSFiles{
		"roots that are not there":         {CA: "/does/not/exist"},
		"roots that are none":              {CA: own.ServerKey},
		"a certificate without its key":    {Cert: own.ClientCert},
		"a key without its certificate":    {Key: own.ClientKey},
		"a certificate with another's key": {Cert: own.ClientCert, Key: other.ClientKey},
		"a certificate that is not there":  {Cert: "/does/not/exist", Key: own.ClientKey},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.Config()
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.NotEmpty(t, rampart.HintOf(err))
		})
	}
	none, err := flagstore.TLSFiles{}.Config()
	require.NoError(t, err)
	require.Nil(t, none)
	some, err := flagstore.TLSFiles{CA: own.CA}.Config()
	require.NoError(t, err)
	_, err = flagstore.Open(flagstore.Options{URL: "redis://127.0.0.1:1", Environment: env, TLS: some})
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	require.Contains(t, rampart.HintOf(err), "rediss://")
}
