package main

import (
	"context"
	"errors"
	"testing"
	"time"

	abcicli "github.com/cometbft/cometbft/abci/client"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/log"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

// chain is blocks and their results.
type chain struct {
	blocks  map[int64]indexed
	newest  int64
	discard bool
}

func newChain(count int) *chain {
	c := &chain{blocks: map[int64]indexed{}, newest: int64(count)}
	for height := range int64(count) {
		c.blocks[height+1] = sends(height+1, int(height%4))
	}
	return c
}

type chainBlocks struct {
	sm.BlockStore
	*chain
}

func (c chainBlocks) Base() int64   { return 1 }
func (c chainBlocks) Height() int64 { return c.newest }

func (c chainBlocks) LoadBlock(height int64) *types.Block {
	return &types.Block{Header: types.Header{Height: height}, Data: types.Data{Txs: c.blocks[height].txs}}
}

type chainResults struct {
	sm.Store
	*chain
}

func (c chainResults) LoadFinalizeBlockResponse(height int64) (*abci.ResponseFinalizeBlock, error) {
	if c.discard {
		return nil, sm.ErrFinalizeBlockResponsesNotPersisted
	}
	return c.blocks[height].results, nil
}

func (c chainResults) LoadLastFinalizeBlockResponse(height int64) (*abci.ResponseFinalizeBlock, error) {
	if height != c.newest {
		return nil, errors.New("another height")
	}
	return c.blocks[height].results, nil
}

type chainApp struct {
	abcicli.Client
	*chain
}

func (c chainApp) FinalizeBlock(_ context.Context, request *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	return c.blocks[request.Height].results, nil
}

func (c chainApp) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	return &abci.ResponseCommit{}, nil
}

func startOver(t *testing.T, i *indexer, db database, bus *types.EventBus, c *chain) {
	t.Helper()
	if err := i.start(db, bus, chainBlocks{chain: c}, chainResults{chain: c}); err != nil {
		t.Fatal(err)
	}
}

func running(t *testing.T) *types.EventBus {
	t.Helper()
	bus := types.NewEventBus()
	if err := bus.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Stop() })
	return bus
}

func TestLostBlocksAreIndexed(t *testing.T) {
	for _, discard := range []bool{false, true} {
		chain := newChain(40)
		chain.discard = discard
		ours, db := newOurs(t)
		// Block 38 is there without its transactions, 35 altogether.
		ours.write(chain.blocks[35], true, true)
		ours.write(chain.blocks[38], true, false)
		startOver(t, newIndexer(log.NewNopLogger()), db, running(t), chain)
		for height := range chain.newest + 1 {
			block, txs, err := ours.has(height, len(chain.blocks[height].txs))
			want := height > chain.newest-checkedBlocks
			if discard {
				want = height == chain.newest || height == 35
			}
			if height == 38 {
				block = want
			}
			// Without transactions none is missing.
			if err != nil || block != want || (txs != want && len(chain.blocks[height].txs) > 0) {
				t.Errorf("block %d: %t and %t, not %t, error %v", height, block, txs, want, err)
			}
		}
		if discard {
			continue
		}
		// What was there was not written again, which would give it other keys.
		count := func() (keys int) {
			all, err := db.Iterator([]byte("transfer."), []byte("transfer/"))
			if err != nil {
				t.Fatal(err)
			}
			defer all.Close()
			for ; all.Valid(); all.Next() {
				keys++
			}
			return keys
		}
		before := count()
		startOver(t, newIndexer(log.NewNopLogger()), db, running(t), chain)
		txs := 0
		for height := chain.newest - checkedBlocks + 1; height <= chain.newest; height++ {
			txs += len(chain.blocks[height].txs)
		}
		if after := count(); after != before || after != 4*txs {
			t.Errorf("%d keys, then %d, of %d transactions", before, after, txs)
		}
	}
}

func TestExecutedBlocksAreIndexed(t *testing.T) {
	chain := newChain(30)
	chain.newest = 0
	ours, db := newOurs(t)
	bus := running(t)
	indexer := newIndexer(log.NewNopLogger())
	app := &observed{Client: chainApp{chain: chain}, indexer: indexer}
	ctx := context.Background()
	execute := func(height int64) {
		request := &abci.RequestFinalizeBlock{Height: height, Txs: chain.blocks[height].txs.ToSliceOfBytes()}
		if _, err := app.FinalizeBlock(ctx, request); err != nil {
			t.Fatal(err)
		}
	}
	commit := func() {
		if _, err := app.Commit(ctx, &abci.RequestCommit{}); err != nil {
			t.Fatal(err)
		}
	}
	// Blocks that are executed again while the node is made are not indexed by it.
	execute(1)
	commit()
	startOver(t, indexer, db, bus, chain)
	for height := int64(2); height <= 29; height++ {
		execute(height)
		commit()
	}
	// This one is not committed.
	execute(30)
	deadline := time.Now().Add(time.Minute)
	for height := int64(2); height <= 29; {
		block, txs, err := ours.has(height, len(chain.blocks[height].txs))
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("block %d: %t and %t, error %v", height, block, txs, err)
		}
		if block && txs {
			height++
		}
	}
	theirs := newStock(t)
	for height := int64(2); height <= 29; height++ {
		theirs.write(chain.blocks[height])
	}
	same(t, db, theirs.db)
	// A node that stops holds nobody up, and takes no block any more.
	if err := bus.Stop(); err != nil {
		t.Fatal(err)
	}
	for height := range int64(2 * blocksAhead) {
		execute(height + 1)
		commit()
	}
}

func TestAnIndexThatNobodyListensForIsTaken(t *testing.T) {
	// CometBFT's own indexer is no subscriber any more.
	bus := running(t)
	if _, err := bus.SubscribeUnbuffered(context.Background(), indexerName, types.EventQueryTx); err != nil {
		t.Fatal(err)
	}
	_, db := newOurs(t)
	startOver(t, newIndexer(log.NewNopLogger()), db, bus, newChain(0))
	if clients := bus.NumClients(); clients != 0 {
		t.Errorf("%d subscribers", clients)
	}
}
