// Command plume-cometbft is CometBFT 0.38 with what Plume needs around it: every command, flag, file and byte on the wire
// is CometBFT's own. What differs is how it talks to the application (see client.go) and how large the buffers of its
// databases are (see databases.go). See README.md for what was measured.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	cmd "github.com/cometbft/cometbft/cmd/cometbft/commands"
	cmtdebug "github.com/cometbft/cometbft/cmd/cometbft/commands/debug"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/cli"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
)

// Memory that garbage may take before it is collected, in percent of what is in use. Go's own default is 100; the
// variable GOGC decides when it is set.
const garbagePercent = 200

func main() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(garbagePercent)
	}
	root := cmd.RootCmd
	root.Use = "plume-cometbft"
	root.Short = "CometBFT with Plume's connection to the application"
	root.AddCommand(
		cmd.GenValidatorCmd, cmd.InitFilesCmd, cmd.LightCmd, cmd.ReplayCmd, cmd.ReplayConsoleCmd, cmd.ResetAllCmd,
		cmd.ResetPrivValidatorCmd, cmd.ResetStateCmd, cmd.ShowValidatorCmd, cmd.TestnetFilesCmd, cmd.ShowNodeIDCmd,
		cmd.ReIndexEventCmd, cmd.GenNodeKeyCmd, cmd.VersionCmd, cmd.RollbackStateCmd, cmd.CompactGoLevelDBCmd,
		cmd.InspectCmd, cmtdebug.DebugCmd, cli.NewCompletionCmd(root, true), cmd.NewRunNodeCmd(newNode),
	)
	home := os.ExpandEnv(filepath.Join("$HOME", cfg.DefaultTendermintDir))
	if err := cli.PrepareBaseCmd(root, "CMT", home).Execute(); err != nil {
		os.Exit(1)
	}
}

// newNode is CometBFT's node over our client and databases.
func newNode(config *cfg.Config, logger log.Logger) (*node.Node, error) {
	nodeKey, err := p2p.LoadOrGenNodeKey(config.NodeKeyFile())
	if err != nil {
		return nil, fmt.Errorf("cannot read or make the node's key %s: %w", config.NodeKeyFile(), err)
	}
	application := proxy.DefaultClientCreator(config.ProxyApp, config.ABCI, config.DBDir())
	if isAddress(config.ProxyApp) && config.ABCI == "socket" {
		application = clientCreator{config.ProxyApp}
	}
	return node.NewNode(
		config,
		privval.LoadOrGenFilePV(config.PrivValidatorKeyFile(), config.PrivValidatorStateFile()),
		nodeKey,
		application,
		node.DefaultGenesisDocProviderFunc(config),
		openDatabase,
		node.DefaultMetricsProvider(config.Instrumentation),
		logger,
	)
}
