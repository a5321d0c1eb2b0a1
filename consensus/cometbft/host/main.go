// Command plume-cometbft is CometBFT 0.38 with what Plume needs around it: every command, flag, file and protocol is
// CometBFT's own. What differs is how it talks to the application (client.go), how large the buffers of its databases are
// (databases.go), how it writes its index (indexer.go), how it takes transactions over RPC (broadcast.go) and how many of
// them it puts into a message to a peer (gossip.go). See README.md for what was measured.
package main

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	cmd "github.com/cometbft/cometbft/cmd/cometbft/commands"
	cmtdebug "github.com/cometbft/cometbft/cmd/cometbft/commands/debug"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/cli"
	"github.com/cometbft/cometbft/node"
)

// Memory that garbage may take before it is collected, in percent of what is in use. Go's own default is 100; the
// variable GOGC decides when it is set.
const garbagePercent = 200

// Goroutines that run at once, for each processor; the variable GOMAXPROCS decides when it is set. Go gives a goroutine ten
// milliseconds before another's turn comes. With more of them than processors it is the system that takes turns, sooner, and
// a query does not wait behind blocks and transactions.
const runningPerProcessor = 4

func main() { run(newNode) }

// run is the command with nodes from this provider.
func run(provider node.Provider) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(garbagePercent)
	}
	if _, set := os.LookupEnv("GOMAXPROCS"); !set {
		runtime.GOMAXPROCS(runningPerProcessor * runtime.NumCPU())
	}
	root := cmd.RootCmd
	root.Use = "plume-cometbft"
	root.Short = "CometBFT with Plume's connection to the application"
	root.AddCommand(
		cmd.GenValidatorCmd, cmd.InitFilesCmd, cmd.LightCmd, cmd.ReplayCmd, cmd.ReplayConsoleCmd, cmd.ResetAllCmd,
		cmd.ResetPrivValidatorCmd, cmd.ResetStateCmd, cmd.ShowValidatorCmd, cmd.TestnetFilesCmd, cmd.ShowNodeIDCmd,
		cmd.ReIndexEventCmd, cmd.GenNodeKeyCmd, cmd.VersionCmd, cmd.RollbackStateCmd, cmd.CompactGoLevelDBCmd,
		cmd.InspectCmd, cmtdebug.DebugCmd, cli.NewCompletionCmd(root, true), cmd.NewRunNodeCmd(provider),
	)
	home := os.ExpandEnv(filepath.Join("$HOME", cfg.DefaultTendermintDir))
	if err := cli.PrepareBaseCmd(root, "CMT", home).Execute(); err != nil {
		os.Exit(1)
	}
}
