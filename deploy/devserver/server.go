package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	clusterName = "active"
	storeName   = "sqlite"

	// clusterID is any UUID, but always the same one: a restart on the same
	// file with another is warned of.
	clusterID = "7d4c9e0a-6f0b-4b53-9a57-3f1f5f0c2b11"

	// frontendService is the name under which the frontend reports its health.
	frontendService = "temporal.api.workflowservice.v1.WorkflowService"

	// readyWithin is generous: on a busy machine with two cores a start was
	// seen to take ten seconds.
	readyWithin = time.Minute
)

// defaultDynamicConfig is what one machine wants different from a cluster. The
// command line overrides it.
var defaultDynamicConfig = map[string]any{
	// Nothing here calls home.
	"frontend.enableServerVersionCheck": false,
	// Search attributes and endpoints can be used as soon as they are added;
	// reading them afresh costs queries, hence the higher limits.
	"system.forceSearchAttributesCacheRefreshOnRead": true,
	"system.forceNexusEndpointRefreshOnRead":         true,
	"frontend.persistenceMaxQPS":                     10_000,
	"history.persistenceMaxQPS":                      45_000,
	// Lists and counts are polled by people and tests at once.
	"frontend.namespaceRPS.visibility": 100,
	// There is one shard, so the cache a host is the cache a cluster.
	"history.hostLevelCacheMaxSize": 8096,
}

// server is a running Temporal with its Web UI.
type server struct {
	opts     options
	temporal temporal.Server
	ui       *uiserver.Server // nil if headless
}

// start returns when the frontend answers.
func start(ctx context.Context, opts options, logger log.Logger) (*server, error) {
	ports, err := findPorts(opts)
	if err != nil {
		return nil, err
	}
	database, err := openDatabase(opts)
	if err != nil {
		return nil, err
	}
	temporalServer, err := temporal.NewServer(serverOptions(opts, ports, database, logger)...)
	if err != nil {
		return nil, fmt.Errorf("configure temporal: %w", err)
	}
	if err := temporalServer.Start(); err != nil {
		return nil, fmt.Errorf("start temporal: %w", err)
	}
	s := &server{opts: opts, temporal: temporalServer}
	if err := s.awaitFrontend(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if !opts.headless {
		s.ui = newUI(opts)
		go func() { _ = s.ui.Start() }() // It ends the process itself if it cannot listen.
	}
	return s, nil
}

func (s *server) stop() error {
	if s.ui != nil {
		s.ui.Stop()
	}
	if err := s.temporal.Stop(); err != nil {
		return fmt.Errorf("stop temporal: %w", err)
	}
	return nil
}

func (s *server) describe() string {
	where := "in memory"
	if s.opts.dbFilename != "" {
		where = s.opts.dbFilename
	}
	line := fmt.Sprintf("temporal ready: frontend %s, data %s", address(s.opts.ip, s.opts.port), where)
	if s.ui != nil {
		line += fmt.Sprintf(", ui http://%s", address(s.opts.ip, s.opts.uiPort))
	}
	return line
}

func (s *server) awaitFrontend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	conn, err := grpc.NewClient(address(s.opts.ip, s.opts.port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to the frontend: %w", err)
	}
	defer conn.Close()

	health := grpc_health_v1.NewHealthClient(conn)
	request := &grpc_health_v1.HealthCheckRequest{Service: frontendService}
	for {
		answer, err := health.Check(ctx, request, grpc.WaitForReady(true))
		if err == nil && answer.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the frontend: %w", errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func serverOptions(opts options, ports ports, database *config.SQL, logger log.Logger) []temporal.ServerOption {
	dynamic := dynamicconfig.StaticClient{}
	for key, value := range opts.dynamicConfig {
		dynamic[dynamicconfig.MakeKey(key)] = value
	}
	hosts := map[primitives.ServiceName]static.Hosts{}
	for service, port := range ports.services {
		hosts[service] = static.SingleLocalHost(address(opts.ip, port))
	}
	return []temporal.ServerOption{
		temporal.WithConfig(serverConfig(opts, ports, database)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithDynamicConfigClient(dynamic),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	}
}

func serverConfig(opts options, ports ports, database *config.SQL) *config.Config {
	frontend := address(opts.ip, opts.port)
	services := map[string]config.Service{}
	for service, port := range ports.services {
		services[string(service)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: opts.ip}}
	}
	services[string(primitives.FrontendService)] = config.Service{
		RPC: config.RPC{GRPCPort: opts.port, HTTPPort: ports.http, BindOnIP: opts.ip},
	}
	return &config.Config{
		Global: config.Global{
			Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: opts.ip},
			Metrics: &metrics.Config{Prometheus: &metrics.PrometheusConfig{
				ListenAddress: address(opts.ip, ports.metrics),
				HandlerPath:   "/metrics",
			}},
		},
		Persistence: config.Persistence{
			DefaultStore:     storeName,
			VisibilityStore:  storeName,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{storeName: {SQL: database}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             frontend,
				HTTPAddress:            address(opts.ip, ports.http),
				ClusterID:              clusterID,
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		PublicClient: config.PublicClient{HostPort: frontend},
	}
}

func newUI(opts options) *uiserver.Server {
	return uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: address(opts.ip, opts.port),
		Host:                opts.ip,
		Port:                opts.uiPort,
		EnableUI:            true,
		DefaultNamespace:    opts.namespaces[0],
		CORS:                uiconfig.CORS{CookieInsecure: true}, // Plain HTTP on loopback.
		DisableNewsFetch:    true,
		HideLogs:            true,
	}))
}

func address(ip string, port int) string {
	return net.JoinHostPort(ip, strconv.Itoa(port))
}
