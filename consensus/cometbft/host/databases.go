package main

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"sync/atomic"

	dbm "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

const (
	// Bytes of writes that are collected in memory before they become a table. goleveldb's default is 4 MiB: with an
	// index of fifteen keys per transaction that is a table several times a second, and compaction rewrites the same
	// ranges over and over.
	writeBuffer = 32 << 20
	// Bytes of a table that compaction writes; goleveldb's default is 2 MiB.
	tableSize = 8 << 20
	// Tables of the first level before it is compacted, before writers are slowed down, and before they wait. goleveldb's
	// defaults are 4, 8 and 12. A table of the first level has keys from everywhere, so that compacting it rewrites most of the
	// second: half as often is half as much.
	firstLevel       = 8
	firstLevelSlow   = 2 * firstLevel
	firstLevelPaused = 3 * firstLevel
	// Bytes of the second level; each further one has ten times as many. goleveldb's default is 10 MiB, less than one of our
	// tables of the first level.
	secondLevel = 256 << 20
	// Batches of more records are sorted before they are written.
	sortFrom = 64
	// What a record takes beside key and value, at most.
	recordOverhead = 1 + 2*5
)

var (
	errKeyEmpty    = errors.New("an empty key")
	errValueNil    = errors.New("a nil value")
	errBatchClosed = errors.New("the batch was written or closed already")
)

// openDatabase opens goleveldb with larger buffers and other batches, and other kinds as CometBFT does. The files are
// goleveldb's, so that CometBFT's own binary opens them too.
func openDatabase(ctx *cfg.DBContext) (dbm.DB, error) {
	if dbm.BackendType(ctx.Config.DBBackend) != dbm.GoLevelDBBackend {
		return cfg.DefaultDBProvider(ctx)
	}
	options := &opt.Options{
		WriteBuffer:            writeBuffer,
		CompactionTableSize:    tableSize,
		CompactionTotalSize:    secondLevel,
		CompactionL0Trigger:    firstLevel,
		WriteL0SlowdownTrigger: firstLevelSlow,
		WriteL0PauseTrigger:    firstLevelPaused,
	}
	level, err := dbm.NewGoLevelDBWithOpts(ctx.ID, ctx.Config.DBDir(), options)
	if err != nil {
		return nil, err
	}
	return database{level, &atomic.Int64{}}, nil
}

// database is goleveldb with batches of our own.
type database struct {
	*dbm.GoLevelDB
	// Records of the last batch: the next one may have as many.
	last *atomic.Int64
}

func (d database) NewBatch() dbm.Batch {
	return &batch{db: d, open: true, records: make([]record, 0, d.last.Load())}
}

// batch collects records and writes all of them or none. goleveldb's own batch copies what it has with each few thousand
// records that are added, which takes the longer the larger a block is, and its table in memory takes records in order
// more cheaply than at random.
type batch struct {
	db      database
	open    bool
	records []record
	size    int
}

type record struct {
	key, value []byte
	deletes    bool
	number     int
}

var _ dbm.Batch = (*batch)(nil)

func (b *batch) add(r record) error {
	switch {
	case len(r.key) == 0:
		return errKeyEmpty
	case r.value == nil && !r.deletes:
		return errValueNil
	case !b.open:
		return errBatchClosed
	}
	r.number = len(b.records)
	b.records = append(b.records, r)
	b.size += recordOverhead + len(r.key) + len(r.value)
	return nil
}

// Set keeps key and value, which nobody may change, as dbm.Batch has it.
func (b *batch) Set(key, value []byte) error { return b.add(record{key: key, value: value}) }

func (b *batch) Delete(key []byte) error { return b.add(record{key: key, deletes: true}) }

func (b *batch) Write() error { return b.write(false) }

func (b *batch) WriteSync() error { return b.write(true) }

func (b *batch) write(sync bool) error {
	if !b.open {
		return errBatchClosed
	}
	if len(b.records) > sortFrom {
		// Of two records of one key the later one counts.
		slices.SortFunc(b.records, func(one, other record) int {
			return cmp.Or(bytes.Compare(one.key, other.key), cmp.Compare(one.number, other.number))
		})
	}
	all := leveldb.MakeBatch(b.size)
	for _, r := range b.records {
		if r.deletes {
			all.Delete(r.key)
		} else {
			all.Put(r.key, r.value)
		}
	}
	b.db.last.Store(int64(len(b.records)))
	if err := b.db.DB().Write(all, &opt.WriteOptions{Sync: sync}); err != nil {
		return err
	}
	return b.Close()
}

func (b *batch) Close() error {
	b.open, b.records = false, nil
	return nil
}
