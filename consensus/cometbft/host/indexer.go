package main

import (
	"context"
	"fmt"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/libs/log"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

const (
	// The name by which CometBFT's own indexer listens to events; ours takes its place.
	indexerName = "IndexerService"
	// Newest blocks that are looked for in the index when a node starts. Blocks are executed at most two ahead of the
	// index, and some more when the configuration gives the event bus a buffer.
	checkedBlocks = 20
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
// It listens to blocks only, of which each has all its transactions' results: CometBFT's listens to each transaction too,
// which costs two changes of goroutines each.
type indexer struct {
	index  *index
	logger log.Logger
}

// start catches up and listens from then on. The node is made, but not started.
func (i *indexer) start(bus *types.EventBus, blocks sm.BlockStore, states sm.Store) error {
	ctx := context.Background()
	if err := bus.UnsubscribeAll(ctx, indexerName); err != nil {
		return fmt.Errorf("cannot take the place of CometBFT's indexer: %w", err)
	}
	if err := i.catchUp(blocks, states); err != nil {
		return fmt.Errorf("cannot index the newest blocks: %w", err)
	}
	// Without a buffer, so that no block is left out when blocks are executed faster than they are indexed.
	subscription, err := bus.SubscribeUnbuffered(ctx, indexerName, types.EventQueryNewBlock)
	if err != nil {
		return fmt.Errorf("cannot listen to blocks: %w", err)
	}
	go func() {
		for {
			select {
			case <-subscription.Canceled():
				return
			case message := <-subscription.Out():
				if block, is := message.Data().(types.EventDataNewBlock); is {
					i.write(indexed{block.Block.Height, block.Block.Txs, &block.ResultFinalizeBlock}, true, true)
				}
			}
		}
	}()
	return nil
}

func (i *indexer) write(b indexed, block, transactions bool) {
	blockErr, txErr := i.index.write(b, block, transactions)
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
func (i *indexer) catchUp(blocks sm.BlockStore, states sm.Store) error {
	newest := blocks.Height()
	for height := max(blocks.Base(), newest-checkedBlocks+1, 1); height <= newest; height++ {
		block := blocks.LoadBlock(height)
		if block == nil {
			continue
		}
		hasBlock, hasTxs, err := i.index.has(height, len(block.Txs))
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
		i.write(indexed{height, block.Txs, results}, !hasBlock, !hasTxs)
	}
	return nil
}
