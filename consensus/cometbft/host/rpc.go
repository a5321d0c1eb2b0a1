package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/pubsub"
	"github.com/cometbft/cometbft/rpc/core"
	coregrpc "github.com/cometbft/cometbft/rpc/grpc"
	rpcserver "github.com/cometbft/cometbft/rpc/jsonrpc/server"
	"github.com/rs/cors"
)

// rpc serves CometBFT's RPC: its routes and handlers at the configured addresses, with our broadcaster in front.
type rpc struct {
	env       *core.Environment
	config    cfg.RPCConfig
	mempool   *cfg.MempoolConfig
	logger    log.Logger
	listeners []net.Listener
}

// addresses reads a list of addresses as the configuration has it.
func addresses(list string) (all []string) {
	for _, address := range strings.Split(list, ",") {
		if address = strings.Trim(address, " "); address != "" {
			all = append(all, address)
		}
	}
	return all
}

// limits are those of the configuration, and CometBFT's own.
func (s *rpc) limits(connections int) *rpcserver.Config {
	limits := rpcserver.DefaultConfig()
	limits.MaxBodyBytes = s.config.MaxBodyBytes
	limits.MaxHeaderBytes = s.config.MaxHeaderBytes
	limits.MaxOpenConnections = connections
	// An answer to broadcast_tx_commit may take this long.
	if limits.WriteTimeout <= s.config.TimeoutBroadcastTxCommit {
		limits.WriteTimeout = s.config.TimeoutBroadcastTxCommit + time.Second
	}
	return limits
}

// start listens at all addresses. Without one for HTTP there is none for gRPC either, as with CometBFT.
func (s *rpc) start() error {
	all := addresses(s.config.ListenAddress)
	limits := s.limits(s.config.MaxOpenConnections)
	limits.MaxRequestBatchSize = s.config.MaxRequestBatchSize
	for _, address := range all {
		listener, err := rpcserver.Listen(address, limits.MaxOpenConnections)
		if err != nil {
			s.stop()
			return err
		}
		s.listeners = append(s.listeners, listener)
		go s.serve(listener, limits)
	}
	if len(all) == 0 || s.config.GRPCListenAddress == "" {
		return nil
	}
	limits = s.limits(s.config.GRPCMaxOpenConnections)
	listener, err := rpcserver.Listen(s.config.GRPCListenAddress, limits.MaxOpenConnections)
	if err != nil {
		s.stop()
		return err
	}
	s.listeners = append(s.listeners, listener)
	go func() {
		//nolint:staticcheck // Deprecated, and part of CometBFT 0.38.
		if err := coregrpc.StartGRPCServer(s.env, listener); err != nil {
			s.logger.Error("Error starting gRPC server", "err", err)
		}
	}()
	return nil
}

// stop takes no more connections.
func (s *rpc) stop() {
	for _, listener := range s.listeners {
		s.logger.Info("Closing rpc listener", "listener", listener)
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.logger.Error("Error closing listener", "listener", listener, "err", err)
		}
	}
}

func (s *rpc) serve(listener net.Listener, limits *rpcserver.Config) {
	logger := s.logger.With("module", "rpc-server")
	server := &http.Server{
		Handler:           s.handler(limits, logger),
		ReadTimeout:       limits.ReadTimeout,
		ReadHeaderTimeout: limits.ReadTimeout,
		WriteTimeout:      limits.WriteTimeout,
		MaxHeaderBytes:    limits.MaxHeaderBytes,
	}
	var err error
	if s.config.IsTLSEnabled() {
		logger.Info("serve tls", "msg", fmt.Sprintf("Starting RPC HTTPS server on %s (cert: %q, key: %q)",
			listener.Addr(), s.config.CertFile(), s.config.KeyFile()))
		err = server.ServeTLS(listener, s.config.CertFile(), s.config.KeyFile())
	} else {
		logger.Info("serve", "msg", fmt.Sprintf("Starting RPC HTTP server on %s", listener.Addr()))
		err = server.Serve(listener)
	}
	logger.Info("RPC HTTP server stopped", "err", err)
}

// handler is CometBFT's with the broadcaster before it. Whichever answers is wrapped into the same handlers.
func (s *rpc) handler(limits *rpcserver.Config, logger log.Logger) http.Handler {
	wrap := func(inner http.Handler) http.Handler { return rpcserver.RecoverAndLogHandler(inner, logger) }
	if s.config.IsCorsEnabled() {
		origins := cors.New(cors.Options{
			AllowedOrigins: s.config.CORSAllowedOrigins,
			AllowedMethods: s.config.CORSAllowedMethods,
			AllowedHeaders: s.config.CORSAllowedHeaders,
		})
		wrap = func(inner http.Handler) http.Handler {
			return rpcserver.RecoverAndLogHandler(origins.Handler(inner), logger)
		}
	}
	return &broadcaster{
		next: rpcserver.PreChecksHandler(wrap(s.routes(limits, logger)), limits), wrap: wrap,
		mempool: s.env.Mempool, limits: s.mempool, logger: logger,
		bodyLimit: limits.MaxBodyBytes, batchLimit: limits.MaxRequestBatchSize,
	}
}

// routes are CometBFT's functions by HTTP, JSON-RPC and websocket.
func (s *rpc) routes(limits *rpcserver.Config, logger log.Logger) *http.ServeMux {
	functions := s.env.GetRoutes()
	if s.config.Unsafe {
		s.env.AddUnsafeRoutes(functions)
	}
	mux := http.NewServeMux()
	logger = logger.With("protocol", "websocket")
	sockets := rpcserver.NewWebsocketManager(functions,
		rpcserver.OnDisconnect(func(client string) {
			err := s.env.EventBus.UnsubscribeAll(context.Background(), client)
			if err != nil && !errors.Is(err, pubsub.ErrSubscriptionNotFound) {
				logger.Error("Failed to unsubscribe addr from events", "addr", client, "err", err)
			}
		}),
		rpcserver.ReadLimit(limits.MaxBodyBytes),
		rpcserver.WriteChanCapacity(s.config.WebSocketWriteBufferSize),
	)
	sockets.SetLogger(logger)
	mux.HandleFunc("/websocket", sockets.WebsocketHandler)
	rpcserver.RegisterRPCFuncs(mux, functions, s.logger.With("module", "rpc-server"))
	return mux
}
