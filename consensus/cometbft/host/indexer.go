package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	dbm "github.com/cometbft/cometbft-db"
	abcicli "github.com/cometbft/cometbft/abci/client"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/pubsub"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

const (
	// The name by which CometBFT's own indexer listens to events; ours takes its place.
	indexerName = "IndexerService"
	// Newest blocks that are looked for in the index when a node starts: more than can be executed and not indexed.
	checkedBlocks = 20
	// Blocks that are executed and not indexed, at most.
	blocksAhead = 3
)

// unwritten is a database of which CometBFT's own indexer gets to see everything and to change nothing: what is executed
// again while a node is made would be written by it, at a time that nobody outside of it can know.
type unwritten struct{ dbm.DB }

func (u unwritten) NewBatch() dbm.Batch { return dropped{} }

type dropped struct{}

func (dropped) Set([]byte, []byte) error { return nil }
func (dropped) Delete([]byte) error      { return nil }
func (dropped) Write() error             { return nil }
func (dropped) WriteSync() error         { return nil }
func (dropped) Close() error             { return nil }

// indexer writes each block that is executed into the index, in place of CometBFT's own indexer.
//
// It learns of blocks where they are executed, on the connection to the application, and not from events: CometBFT makes one
// for each transaction, matches it with each subscription and hands it on in another goroutine. Without a subscription
// nothing is matched.
type indexer struct {
	logger log.Logger
	// Set by start. Until then blocks are executed that were executed before, or that start finds.
	index atomic.Pointer[index]
	// One for each block that is executed or waits to be written.
	ahead chan struct{}
	queue chan indexed
	// Closed when the node stops. What is not written by then is found by the next start.
	stopped <-chan struct{}
}

func newIndexer(logger log.Logger) *indexer {
	return &indexer{logger: logger, ahead: make(chan struct{}, blocksAhead), queue: make(chan indexed, blocksAhead)}
}

// start takes the place of CometBFT's indexer in a node that is made and not started, and catches up.
func (i *indexer) start(db database, bus *types.EventBus, blocks sm.BlockStore, states sm.Store) error {
	if err := bus.UnsubscribeAll(context.Background(), indexerName); err != nil && !errors.Is(err, pubsub.ErrSubscriptionNotFound) {
		return fmt.Errorf("cannot take the place of CometBFT's indexer: %w", err)
	}
	index := newIndex(db)
	if err := i.catchUp(index, blocks, states); err != nil {
		return fmt.Errorf("cannot index the newest blocks: %w", err)
	}
	i.stopped = bus.Quit()
	i.index.Store(index)
	go func() {
		for {
			select {
			case block := <-i.queue:
				i.write(index, block, true, true)
				<-i.ahead
			case <-i.stopped:
				return
			}
		}
	}()
	return nil
}

func (i *indexer) write(to *index, b indexed, block, transactions bool) {
	blockErr, txErr := to.write(b, block, transactions)
	if blockErr != nil {
		i.logger.Error("failed to index block", "height", b.height, "err", blockErr)
	} else if block {
		i.logger.Info("indexed block events", "height", b.height)
	}
	if txErr != nil {
		i.logger.Error("failed to index block txs", "height", b.height, "err", txErr)
	} else {
		i.logger.Debug("indexed transactions", "height", b.height, "num_txs", len(b.txs))
	}
}

// catchUp indexes those of the newest blocks that were executed and are not in the index: the process ended in between.
// (CometBFT's own indexer loses those.)
func (i *indexer) catchUp(to *index, blocks sm.BlockStore, states sm.Store) error {
	newest := blocks.Height()
	for height := max(blocks.Base(), newest-checkedBlocks+1, 1); height <= newest; height++ {
		block := blocks.LoadBlock(height)
		if block == nil {
			continue
		}
		hasBlock, hasTxs, err := to.has(height, len(block.Txs))
		if err != nil {
			return err
		}
		if hasBlock && hasTxs {
			continue
		}
		results, err := states.LoadFinalizeBlockResponse(height)
		if err != nil {
			// Of the newest block it is always kept, whatever the configuration says.
			results, err = states.LoadLastFinalizeBlockResponse(height)
		}
		if err != nil {
			i.logger.Info("a block without stored results is not indexed", "height", height, "err", err)
			continue
		}
		i.write(to, indexed{height, block.Txs, results}, !hasBlock, !hasTxs)
	}
	return nil
}

// observedCreator makes connections on which the indexer sees what is executed.
type observedCreator struct {
	proxy.ClientCreator
	indexer *indexer
}

func (o observedCreator) NewABCIClient() (abcicli.Client, error) {
	client, err := o.ClientCreator.NewABCIClient()
	if err != nil {
		return nil, err
	}
	return &observed{Client: client, indexer: o.indexer}, nil
}

// observed is a connection to the application. Blocks are executed one after the other on one of CometBFT's four.
type observed struct {
	abcicli.Client
	indexer *indexer
	// Executed and not yet committed.
	block   indexed
	pending bool
}

func (o *observed) FinalizeBlock(ctx context.Context, request *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	if o.indexer.index.Load() == nil {
		return o.Client.FinalizeBlock(ctx, request)
	}
	if !o.pending {
		// Here whoever is too far ahead of the index waits, and not in Commit, while which the mempool takes nothing.
		select {
		case o.indexer.ahead <- struct{}{}:
		case <-o.indexer.stopped:
		}
	}
	response, err := o.Client.FinalizeBlock(ctx, request)
	o.block, o.pending = indexed{request.Height, types.ToTxs(request.Txs), response}, true
	return response, err
}

func (o *observed) Commit(ctx context.Context, request *abci.RequestCommit) (*abci.ResponseCommit, error) {
	response, err := o.Client.Commit(ctx, request)
	if o.pending && err == nil {
		select {
		case o.indexer.queue <- o.block:
		case <-o.indexer.stopped:
		}
		o.block, o.pending = indexed{}, false
	}
	return response, err
}
