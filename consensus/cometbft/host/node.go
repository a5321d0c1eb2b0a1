package main

import (
	"fmt"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
)

// newNode is CometBFT's node over our client and databases, with our gossip, indexer and RPC servers.
func newNode(config *cfg.Config, logger log.Logger) (*node.Node, error) {
	nodeKey, err := p2p.LoadOrGenNodeKey(config.NodeKeyFile())
	if err != nil {
		return nil, fmt.Errorf("cannot read or make the node's key %s: %w", config.NodeKeyFile(), err)
	}
	application := proxy.DefaultClientCreator(config.ProxyApp, config.ABCI, config.DBDir())
	if isAddress(config.ProxyApp) && config.ABCI == "socket" {
		application = clientCreator{config.ProxyApp}
	}
	indexer := newIndexer(logger.With("module", "txindex"))
	var opened indexDatabase
	made, err := node.NewNode(
		config,
		privval.LoadOrGenFilePV(config.PrivValidatorKeyFile(), config.PrivValidatorStateFile()),
		nodeKey,
		observedCreator{application, indexer},
		node.DefaultGenesisDocProviderFunc(config),
		opened.open,
		node.DefaultMetricsProvider(config.Instrumentation),
		logger,
		batchedGossip(config.Mempool),
	)
	if err != nil {
		return nil, err
	}
	env, err := made.ConfigureRPC()
	if err != nil {
		return nil, err
	}
	if opened.db != nil {
		if err := indexer.start(*opened.db, made.EventBus(), env.BlockStore, env.StateStore); err != nil {
			return nil, err
		}
		// CometBFT's own indexer counts as a client that subscribes.
		env.Config.MaxSubscriptionClients--
	}
	// As the node does before it answers to anybody.
	if wait := time.Until(made.GenesisDoc().GenesisTime); wait > 0 {
		logger.Info("Genesis time is in the future. Sleeping until then...", "genTime", made.GenesisDoc().GenesisTime)
		time.Sleep(wait)
	}
	servers := &rpc{env: env, config: *config.RPC, mempool: config.Mempool, logger: logger}
	// The node has told the addresses to its peers by now, and starts no servers without them.
	config.RPC.ListenAddress, config.RPC.GRPCListenAddress = "", ""
	if err := servers.start(); err != nil {
		return nil, err
	}
	go func() {
		// What a node stops first.
		<-made.EventBus().Quit()
		servers.stop()
	}()
	return made, nil
}

// indexDatabase opens databases, and keeps for our indexer the one of CometBFT's index, if it is a goleveldb.
type indexDatabase struct{ db *database }

func (i *indexDatabase) open(ctx *cfg.DBContext) (dbm.DB, error) {
	db, err := openDatabase(ctx)
	if own, is := db.(database); err == nil && is && ctx.ID == "tx_index" {
		i.db = &own
		return unwritten{own}, nil
	}
	return db, err
}
