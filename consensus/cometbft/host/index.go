package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/tmhash"
	blockkv "github.com/cometbft/cometbft/state/indexer/block/kv"
	"github.com/cometbft/cometbft/types"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

const (
	// What CometBFT puts before the keys of its index of blocks.
	blockPrefix = "block_events"
	// Bytes that a buffer may have to be used for the next block.
	largestKept = 64 << 20
	// LevelDB's mark of a record that sets a key, in a batch's encoding.
	recordSet = 1
)

// index writes CometBFT's index of blocks and transactions: the same keys and values in the same database, but those of a
// block together, in order, and from buffers that are used again. It is used by one goroutine at a time.
type index struct {
	db *leveldb.DB
	// CometBFT's own index of blocks, which has few records, into records.
	blocks *blockkv.BlockerIndexer
	// Events of transactions so far, from which their keys get a number, as in CometBFT's own index.
	events  int64
	entries entries
	// The block's records as goleveldb encodes a batch.
	records []byte
	batch   leveldb.Batch
	hashes  []hashed
}

// hashed is a transaction's hash, its place in the block, and what its result takes encoded.
type hashed struct {
	hash [tmhash.Size]byte
	tx   int
	size int
}

// indexed is a block with its results.
type indexed struct {
	height  int64
	txs     types.Txs
	results *abci.ResponseFinalizeBlock
}

// result is that of one of the block's transactions as the index has it.
func (b *indexed) result(tx int) abci.TxResult {
	return abci.TxResult{Height: b.height, Index: uint32(tx), Tx: b.txs[tx], Result: *b.results.TxResults[tx]}
}

func newIndex(db database) *index {
	x := &index{db: db.DB()}
	x.blocks = blockkv.New(dbm.NewPrefixDB(collector{db, x}, []byte(blockPrefix)))
	return x
}

// has says whether the block and whether all its transactions are in the index.
func (x *index) has(height int64, txs int) (block, transactions bool, err error) {
	block, err = x.blocks.Has(height)
	if err != nil || txs == 0 {
		return block, true, err
	}
	transactions, err = x.db.Has(appendHeightKey(nil, height, txs-1), nil)
	return block, transactions, err
}

// write puts the block, its transactions, or both into the index, all at once. As in CometBFT's own index, one of the two
// is written when the other cannot be, which the errors say.
func (x *index) write(b indexed, block, transactions bool) (blockErr, txErr error) {
	if cap(x.records) > largestKept {
		x.records = nil
	}
	x.records = x.records[:0]
	if block {
		blockErr = x.blocks.Index(types.EventDataNewBlockEvents{
			Height: b.height, Events: b.results.Events, NumTxs: int64(len(b.txs)),
		})
	}
	if transactions {
		end := len(x.records)
		if txErr = x.transactions(b); txErr != nil {
			x.records = x.records[:end]
		}
	}
	if len(x.records) == 0 {
		return blockErr, txErr
	}
	err := x.batch.Load(x.records)
	if err == nil {
		err = x.db.Write(&x.batch, &opt.WriteOptions{Sync: true})
	}
	if err != nil {
		if block && blockErr == nil {
			blockErr = err
		}
		if transactions && txErr == nil {
			txErr = err
		}
	}
	return blockErr, txErr
}

// transactions adds the records of the block's transactions.
func (x *index) transactions(b indexed) error {
	if len(b.txs) != len(b.results.TxResults) {
		return fmt.Errorf("%d results of %d transactions", len(b.results.TxResults), len(b.txs))
	}
	x.entries.reset()
	x.hashes = slices.Grow(x.hashes[:0], len(b.txs))
	size := 0
	for i, tx := range b.txs {
		for j := range b.results.TxResults[i].Events {
			event := &b.results.TxResults[i].Events[j]
			x.events++
			if len(event.Type) == 0 {
				continue
			}
			if reserved := x.entries.event(event, b.height, i, x.events); reserved != "" {
				return fmt.Errorf("event type and attribute key %q is reserved; please use a different key", reserved)
			}
		}
		x.entries.height(b.height, i)
		result := b.result(i)
		x.hashes = append(x.hashes, hashed{hash: tx.Key(), tx: i, size: result.Size()})
		size += recordOverhead + tmhash.Size + x.hashes[i].size
	}
	size += len(x.entries.keys) + x.entries.count()*(recordOverhead+tmhash.Size)
	x.records = slices.Grow(x.records, size)
	x.entries.sorted(func(key []byte, tx int) { x.set(key, x.hashes[tx].hash[:]) })
	// Of two transactions of one hash the later one counts.
	slices.SortStableFunc(x.hashes, func(one, other hashed) int { return bytes.Compare(one.hash[:], other.hash[:]) })
	for i := range x.hashes {
		result := b.result(x.hashes[i].tx)
		if err := x.setResult(&x.hashes[i], &result); err != nil {
			return err
		}
	}
	return nil
}

// set adds a record as LevelDB's batches have it: a mark, then key and value, each after its length.
func (x *index) set(key, value []byte) {
	x.records = appendRecord(x.records, key, value)
}

func appendRecord(to, key, value []byte) []byte {
	to = append(binary.AppendUvarint(append(to, recordSet), uint64(len(key))), key...)
	return append(binary.AppendUvarint(to, uint64(len(value))), value...)
}

func (x *index) setResult(key *hashed, result *abci.TxResult) error {
	x.records = append(binary.AppendUvarint(append(x.records, recordSet), uint64(len(key.hash))), key.hash[:]...)
	x.records = binary.AppendUvarint(x.records, uint64(key.size))
	start := len(x.records)
	x.records = grow(x.records, key.size)
	_, err := result.MarshalToSizedBuffer(x.records[start:])
	return err
}

// collector is the database with batches that go into the index's records.
type collector struct {
	dbm.DB
	index *index
}

func (c collector) NewBatch() dbm.Batch { return &collected{index: c.index} }

type collected struct {
	index   *index
	records []byte
}

func (c *collected) Set(key, value []byte) error {
	c.records = appendRecord(c.records, key, value)
	return nil
}

func (c *collected) Delete([]byte) error {
	return fmt.Errorf("the index of blocks deletes a key")
}

func (c *collected) Write() error {
	c.index.records = append(c.index.records, c.records...)
	c.records = nil
	return nil
}

func (c *collected) WriteSync() error { return c.Write() }

func (c *collected) Close() error { return nil }
