package starter_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
)

const (
	patience = 30 * time.Second // for what a loaded machine does slowly
	tick     = 20 * time.Millisecond
)

// secured are options that the gatekeeper lets in.
func secured(address string, certs redistest.Certificates) starter.Options {
	return starter.Options{Environment: "secured", Temporal: address, TLS: starter.TLS{
		CA: certs.CA, Cert: certs.ClientCert, Key: certs.ClientKey, ServerName: redistest.ServerName,
	}}
}

func TestTemporalIsReachedWithAClientCertificateThatIsRotated(t *testing.T) {
	first, second := redistest.NewCertificates(t), redistest.NewCertificates(t)
	g := temporaltest.Guard(t, temporaltest.Shared(t), first.ServerCert, first.ServerKey, first.CA)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	install := func(c redistest.Certificates) {
		t.Helper()
		copyFile(t, c.ClientCert, cert)
		copyFile(t, c.ClientKey, key)
	}
	install(first)
	o := secured(g.Address(), first)
	o.TLS.Cert, o.TLS.Key = cert, key
	s := dial(t, o)
	id, err := s.NamespaceID(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, id)

	g.Trust(second.CA)
	install(second)
	g.HangUp()
	require.Eventually(t, func() bool {
		again, err := s.NamespaceID(t.Context())
		return err == nil && again == id
	}, patience, tick)
}

func TestWhoIsNotLetInByTemporalIsToldWhy(t *testing.T) {
	certs, others := redistest.NewCertificates(t), redistest.NewCertificates(t)
	temporal := temporaltest.Shared(t)
	g := temporaltest.Guard(t, temporal, certs.ServerCert, certs.ServerKey, certs.CA)
	for _, c := range []struct {
		name   string
		change func(*starter.Options)
		kind   rampart.Kind
		says   string
		hint   string
	}{
		{"without a certificate", func(o *starter.Options) { o.TLS.Cert, o.TLS.Key = "", "" },
			rampart.Invalid, "does not accept this client's certificate", "--temporal-tls-cert"},
		{"with a certificate of another authority", func(o *starter.Options) { o.TLS.Cert, o.TLS.Key = others.ClientCert, others.ClientKey },
			rampart.Invalid, "does not accept this client's certificate", "--temporal-tls-cert"},
		{"with the roots of another authority", func(o *starter.Options) { o.TLS.CA = others.CA },
			rampart.Invalid, "is not trusted", "--temporal-tls-ca"},
		{"with the system's roots", func(o *starter.Options) { o.TLS.CA = "" },
			rampart.Invalid, "is not trusted", "--temporal-tls-ca"},
		{"under another name", func(o *starter.Options) { o.TLS.ServerName = "" },
			rampart.Invalid, "is not trusted", "--temporal-tls-server-name"},
		{"without TLS", func(o *starter.Options) { o.TLS = starter.TLS{} },
			rampart.Unreachable, "hangs up", "--temporal-tls"},
		{"with TLS where there is none", func(o *starter.Options) { o.Temporal = temporal.Address() },
			rampart.Invalid, "speaks no TLS", "--temporal-tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := secured(g.Address(), certs)
			c.change(&o)
			s := dial(t, o)
			s.Patience = patience / 10
			_, err := s.NamespaceID(t.Context())
			require.ErrorContains(t, err, c.says)
			require.Equal(t, c.kind, rampart.KindOf(err), "%v", err)
			require.Contains(t, rampart.HintOf(err), c.hint)
		})
	}
}

func TestWhatCannotBeUsedToReachTemporalIsRefusedAtOnce(t *testing.T) {
	certs, others := redistest.NewCertificates(t), redistest.NewCertificates(t)
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, c := range []struct {
		name string
		o    starter.Options
		says string
		hint string
	}{
		{"a certificate without its key", starter.Options{TLS: starter.TLS{Cert: certs.ClientCert}}, "needs its key", "--temporal-tls-key"},
		{"the key of another certificate", starter.Options{TLS: starter.TLS{Cert: certs.ClientCert, Key: others.ClientKey}}, "does not match", "belong together"},
		{"a certificate that is not there", starter.Options{TLS: starter.TLS{Cert: "/not/there", Key: certs.ClientKey}}, "no such file", "PEM"},
		{"roots that are none", starter.Options{TLS: starter.TLS{CA: empty}}, "holds no certificate", "PEM"},
		{"an API key that is empty", starter.Options{APIKeyFile: empty}, "holds no secret", "the secret and nothing else"},
		{"two API keys", starter.Options{APIKey: "one", APIKeyFile: certs.CA}, "two API keys", "RAMPART_TEMPORAL_API_KEY"},
		{"the cloud without an account", starter.Options{Temporal: "eu-central-1.aws.api.temporal.io:7233", APIKey: "k"},
			`"default" is no namespace of Temporal Cloud`, "--namespace production.a1b2c"},
		{"the cloud without a key", starter.Options{Temporal: "production.a1b2c.tmprl.cloud:7233", Namespace: "production.a1b2c", TLS: starter.TLS{On: true}},
			"lets nobody in who is not known", "--temporal-api-key-file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := starter.Dial(c.o)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, rampart.Invalid, rampart.KindOf(err))
			require.Contains(t, rampart.HintOf(err), c.hint)
		})
	}
	for name, o := range map[string]starter.Options{
		"the cloud with a key":         {Temporal: "eu-central-1.aws.api.temporal.io:7233", Namespace: "production.a1b2c", APIKey: "k"},
		"the cloud with a certificate": {Temporal: "production.a1b2c.tmprl.cloud:7233", Namespace: "production.a1b2c", TLS: starter.TLS{Cert: certs.ClientCert, Key: certs.ClientKey}},
	} {
		t.Run(name, func(t *testing.T) { dial(t, o) })
	}
}

// A cloud is a Temporal that knows its clients by an API key, and lets them add no
// search attributes.
type cloud struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	address string

	mu  sync.Mutex
	key string
	has map[string]enums.IndexedValueType
}

func newCloud(t *testing.T, certs redistest.Certificates) *cloud {
	t.Helper()
	c := &cloud{key: "first"}
	pair, err := credentials.NewServerTLSFromFile(certs.ServerCert, certs.ServerKey)
	require.NoError(t, err)
	srv := grpc.NewServer(grpc.Creds(pair), grpc.UnaryInterceptor(c.admit))
	workflowservice.RegisterWorkflowServiceServer(srv, c)
	operatorservice.RegisterOperatorServiceServer(srv, c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.address = l.Addr().String()
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() { srv.Stop(); served.Wait() })
	return c
}

// admit asks everybody for the key.
func (c *cloud) admit(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	c.mu.Lock()
	key := c.key
	c.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	if got := md.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+key {
		return nil, status.Error(codes.Unauthenticated, "invalid API key")
	}
	return next(ctx, req)
}

func (c *cloud) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (c *cloud) DescribeNamespace(_ context.Context, r *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if r.GetNamespace() != "production.a1b2c" {
		return nil, status.Error(codes.PermissionDenied, "Request unauthorized.")
	}
	return &workflowservice.DescribeNamespaceResponse{NamespaceInfo: &namespacepb.NamespaceInfo{Id: "an-id"}}, nil
}

func (c *cloud) DescribeWorkflowExecution(context.Context, *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, status.Error(codes.NotFound, "workflow not found")
}

func (c *cloud) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: c.has}, nil
}

func (c *cloud) AddSearchAttributes(context.Context, *operatorservice.AddSearchAttributesRequest) (*operatorservice.AddSearchAttributesResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "Request unauthorized.")
}

func TestTemporalIsReachedWithAnAPIKeyThatIsRotated(t *testing.T) {
	certs := redistest.NewCertificates(t)
	c := newCloud(t, certs)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("first\n"), 0o600))
	o := starter.Options{
		Environment: "production", Temporal: c.address, Namespace: "production.a1b2c", APIKeyFile: file,
		TLS: starter.TLS{CA: certs.CA, ServerName: redistest.ServerName},
	}
	s := dial(t, o)
	id, err := s.NamespaceID(t.Context())
	require.NoError(t, err)
	require.Equal(t, "an-id", id)

	c.mu.Lock()
	c.key = "second"
	c.mu.Unlock()
	_, err = s.NamespaceID(t.Context())
	require.ErrorContains(t, err, "does not know who calls")
	require.Equal(t, rampart.Invalid, rampart.KindOf(err))
	require.Contains(t, rampart.HintOf(err), "--temporal-api-key-file")
	require.NotContains(t, err.Error(), "first", "no secrets in errors")

	require.NoError(t, os.WriteFile(file, []byte("second\n"), 0o600))
	_, err = s.NamespaceID(t.Context())
	require.NoError(t, err)

	o.Namespace = "staging.a1b2c"
	_, err = dial(t, o).NamespaceID(t.Context())
	require.ErrorContains(t, err, "does not allow that in namespace staging.a1b2c")
	require.Contains(t, rampart.HintOf(err), "too few rights")
}

func TestSetupOnACloudNamesTheSearchAttributesThatAPersonMustAdd(t *testing.T) {
	certs := redistest.NewCertificates(t)
	c := newCloud(t, certs)
	redis := redistest.Start(t)
	s := dial(t, starter.Options{
		Environment: "production", Temporal: c.address, Namespace: "production.a1b2c", APIKey: "first", Redis: redis.URL(),
		TLS: starter.TLS{CA: certs.CA, ServerName: redistest.ServerName},
	})
	c.has = map[string]enums.IndexedValueType{
		rampart.AttributeFlag: enums.INDEXED_VALUE_TYPE_KEYWORD, rampart.AttributeEnvironment: enums.INDEXED_VALUE_TYPE_KEYWORD,
		rampart.AttributePhase: enums.INDEXED_VALUE_TYPE_KEYWORD, rampart.AttributeState: enums.INDEXED_VALUE_TYPE_KEYWORD,
	}
	_, err := s.Setup(t.Context())
	require.ErrorContains(t, err, "lacks the search attributes RampartOwner=Keyword, RampartPercent=Double")
	require.Equal(t, rampart.Refused, rampart.KindOf(err))
	require.Contains(t, rampart.HintOf(err), "tcld namespace search-attributes add")

	c.mu.Lock()
	c.has[rampart.AttributeOwner], c.has[rampart.AttributePercent] = enums.INDEXED_VALUE_TYPE_KEYWORD, enums.INDEXED_VALUE_TYPE_DOUBLE
	c.mu.Unlock()
	ready, err := s.Setup(t.Context())
	require.NoError(t, err)
	require.Empty(t, ready.Added)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, b, 0o600))
}
