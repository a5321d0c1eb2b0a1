package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"testing"

	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/libs/pubsub/query"
	blockkv "github.com/cometbft/cometbft/state/indexer/block/kv"
	"github.com/cometbft/cometbft/state/txindex"
	"github.com/cometbft/cometbft/state/txindex/kv"
	"github.com/cometbft/cometbft/types"
)

// stock is CometBFT's own index over its own database.
type stock struct {
	db     dbm.DB
	txs    *kv.TxIndex
	blocks *blockkv.BlockerIndexer
}

func newStock(t testing.TB) *stock {
	t.Helper()
	db, err := dbm.NewGoLevelDB("tx_index", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &stock{db, kv.NewTxIndex(db), blockkv.New(dbm.NewPrefixDB(db, []byte(blockPrefix)))}
}

// write does what CometBFT's service does with the events of a block.
func (s *stock) write(b indexed) (blockErr, txErr error) {
	blockErr = s.blocks.Index(types.EventDataNewBlockEvents{
		Height: b.height, Events: b.results.Events, NumTxs: int64(len(b.txs)),
	})
	return blockErr, s.txs.AddBatch(batchOf(b))
}

func batchOf(b indexed) *txindex.Batch {
	batch := txindex.NewBatch(int64(len(b.txs)))
	for i := range b.txs {
		batch.Ops[i] = &abci.TxResult{
			Height: b.height, Index: uint32(i), Tx: b.txs[i], Result: *b.results.TxResults[i],
		}
	}
	return batch
}

func newOurs(t testing.TB) (*index, database) {
	t.Helper()
	db := openIn(t, t.TempDir()).(database)
	t.Cleanup(func() { db.Close() })
	return newIndex(db), db
}

// same compares all records of two databases.
func same(t *testing.T, ours, theirs dbm.DB) (records int) {
	t.Helper()
	one, err := ours.Iterator(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	other, err := theirs.Iterator(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for ; one.Valid() && other.Valid(); records++ {
		if !bytes.Equal(one.Key(), other.Key()) || !bytes.Equal(one.Value(), other.Value()) {
			t.Fatalf("record %d\nours   %q = %x\ntheirs %q = %x", records, one.Key(), one.Value(), other.Key(), other.Value())
		}
		one.Next()
		other.Next()
	}
	if one.Valid() || other.Valid() {
		t.Fatalf("after %d records one goes on: ours %t, theirs %t", records, one.Valid(), other.Valid())
	}
	return records
}

// blocks makes blocks in which everything comes that an index can meet.
type blocks struct {
	random *rand.Rand
	height int64
	sent   types.Txs
}

func (m *blocks) pick(of ...string) string { return of[m.random.Intn(len(of))] }

func (m *blocks) value() string {
	switch m.random.Intn(6) {
	case 0:
		return fmt.Sprint(m.random.Intn(2000))
	case 1:
		return string(make([]byte, m.random.Intn(12)))
	case 2:
		b := make([]byte, m.random.Intn(40))
		m.random.Read(b)
		return string(b)
	case 3:
		return fmt.Sprintf("plume1%039d", m.random.Intn(50))
	default:
		return m.pick("", "/", "a", "a/b", "1/2/3", "a\x00", "a\x00\x00b", "$es$1", "🌊", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaab")
	}
}

func (m *blocks) events(most int) []abci.Event {
	events := make([]abci.Event, m.random.Intn(most+1))
	for i := range events {
		events[i].Type = m.pick("", "transfer", "transfer", "message", "a/b", "tx", "tx.hash", "a", fmt.Sprint(m.random.Intn(300)))
		for range m.random.Intn(5) {
			key := m.pick("", "sender", "sender", "recipient", "amount", "b/c", "b", "height/1", "🌊", fmt.Sprint(m.random.Intn(300)))
			events[i].Attributes = append(events[i].Attributes, abci.EventAttribute{
				Key: key, Value: m.value(), Index: m.random.Intn(4) > 0,
			})
		}
	}
	return events
}

func (m *blocks) next(txs int) indexed {
	m.height += 1 + int64(m.random.Intn(30))
	block := indexed{height: m.height, results: &abci.ResponseFinalizeBlock{Events: m.events(6)}}
	for range txs {
		tx := make(types.Tx, m.random.Intn(200))
		m.random.Read(tx)
		if len(m.sent) > 0 && m.random.Intn(5) == 0 {
			tx = m.sent[m.random.Intn(len(m.sent))]
		}
		m.sent = append(m.sent, tx)
		result := &abci.ExecTxResult{
			Code: uint32(m.random.Intn(3)), Log: m.value(), GasUsed: m.random.Int63n(1 << 40), Events: m.events(8),
		}
		if m.random.Intn(3) == 0 {
			result.Data, result.Codespace, result.Info = []byte(m.value()), "sdk", "info"
		}
		block.txs = append(block.txs, tx)
		block.results.TxResults = append(block.results.TxResults, result)
	}
	return block
}

func TestTheIndexIsCometBFTsOwn(t *testing.T) {
	records := 0
	for seed := range int64(20) {
		theirs := newStock(t)
		ours, db := newOurs(t)
		made := &blocks{random: rand.New(rand.NewSource(seed))}
		for _, txs := range []int{0, 1, 2, 40, 150, 0, 3} {
			block := made.next(txs)
			// Now and then a key of CometBFT's own, with which none of the block's transactions or events is indexed.
			if made.random.Intn(6) == 0 && txs > 0 {
				events := &block.results.TxResults[made.random.Intn(txs)].Events
				*events = append(*events, abci.Event{Type: "tx", Attributes: []abci.EventAttribute{{Key: made.pick("hash", "height")}}})
			}
			if made.random.Intn(6) == 0 {
				block.results.Events = append(block.results.Events, abci.Event{
					Type: "block", Attributes: []abci.EventAttribute{{Key: "height", Value: "1"}},
				})
			}
			wantBlock, wantTx := theirs.write(block)
			gotBlock, gotTx := ours.write(block, true, true)
			if fmt.Sprint(wantBlock, wantTx) != fmt.Sprint(gotBlock, gotTx) {
				t.Fatalf("errors %v and %v, not %v and %v", gotBlock, gotTx, wantBlock, wantTx)
			}
			hasBlock, hasTxs, err := ours.has(block.height, txs)
			if err != nil || hasBlock != (gotBlock == nil) || hasTxs != (txs == 0 || gotTx == nil) {
				t.Fatalf("has %t and %t, error %v", hasBlock, hasTxs, err)
			}
		}
		records += same(t, db, theirs.db)
	}
	if records < 20_000 {
		t.Errorf("%d records only", records)
	}
}

// CometBFT's own index over our database finds what ours wrote.
func TestCometBFTFindsWhatIsIndexed(t *testing.T) {
	ours, db := newOurs(t)
	sends := sends(7, 300)
	if blockErr, txErr := ours.write(sends, true, true); blockErr != nil || txErr != nil {
		t.Fatal(blockErr, txErr)
	}
	txs := kv.NewTxIndex(unwritten{db})
	txs.SetLogger(log.NewNopLogger())
	found, err := txs.Get(sends.txs[123].Hash())
	if err != nil || found == nil || found.Height != 7 || found.Index != 123 || !bytes.Equal(found.Tx, sends.txs[123]) {
		t.Fatalf("%v, error %v", found, err)
	}
	for text, count := range map[string]int{
		"tx.height = 7": 300, "tx.height = 8": 0, "message.action = '/cosmos.bank.v1beta1.MsgSend'": 300,
		fmt.Sprintf("transfer.sender = '%s'", sends.results.TxResults[5].Events[3].Attributes[1].Value): 1,
	} {
		results, err := txs.Search(context.Background(), query.MustCompile(text))
		if err != nil || len(results) != count {
			t.Errorf("%s: %d results, not %d; error %v", text, len(results), count, err)
		}
	}
	// Nothing is written through what CometBFT's own indexer gets.
	if err := txs.AddBatch(batchOf(sends)); err != nil {
		t.Fatal(err)
	}
	if err := txs.Index(batchOf(sends).Ops[0]); err != nil {
		t.Fatal(err)
	}
	theirs := newStock(t)
	theirs.write(sends)
	same(t, db, theirs.db)
}

// sends is a block of bank sends as plumed reports them: fifteen indexed attributes each.
func sends(height int64, count int) indexed {
	random := rand.New(rand.NewSource(height))
	block := indexed{height: height, results: &abci.ResponseFinalizeBlock{}}
	for range count {
		tx := make(types.Tx, 330)
		random.Read(tx)
		from, to := fmt.Sprintf("plume1%038x", random.Uint64()), fmt.Sprintf("plume1%038x", random.Uint64())
		amount := fmt.Sprintf("%duplume", random.Intn(1000))
		attributes := func(pairs ...string) (all []abci.EventAttribute) {
			for i := 0; i < len(pairs); i += 2 {
				all = append(all, abci.EventAttribute{Key: pairs[i], Value: pairs[i+1], Index: true})
			}
			return all
		}
		block.txs = append(block.txs, tx)
		block.results.TxResults = append(block.results.TxResults, &abci.ExecTxResult{
			Data: []byte("\x12&\n$/cosmos.bank.v1beta1.MsgSendResponse"), GasWanted: 200_000, GasUsed: 60_000,
			Events: []abci.Event{
				{Type: "tx", Attributes: attributes("acc_seq", from+"/3", "signature", fmt.Sprintf("%088x", random.Uint64()))},
				{Type: "coin_spent", Attributes: attributes("spender", from, "amount", amount, "msg_index", "0")},
				{Type: "coin_received", Attributes: attributes("receiver", to, "amount", amount, "msg_index", "0")},
				{Type: "transfer", Attributes: attributes("recipient", to, "sender", from, "amount", amount, "msg_index", "0")},
				{Type: "message", Attributes: attributes(
					"action", "/cosmos.bank.v1beta1.MsgSend", "sender", from, "module", "bank")},
			},
		})
	}
	return block
}

func BenchmarkIndex(b *testing.B) {
	const txs = 1000
	b.Run("ours", func(b *testing.B) {
		ours, _ := newOurs(b)
		for i := range b.N {
			b.StopTimer()
			block := sends(int64(i+1), txs)
			b.StartTimer()
			if _, err := ours.write(block, true, true); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*txs), "ns/tx")
	})
	// CometBFT's own code over our database, as it was without an index of ours.
	b.Run("stock", func(b *testing.B) {
		_, db := newOurs(b)
		theirs := &stock{db, kv.NewTxIndex(db), blockkv.New(dbm.NewPrefixDB(db, []byte(blockPrefix)))}
		for i := range b.N {
			b.StopTimer()
			block := sends(int64(i+1), txs)
			b.StartTimer()
			if _, err := theirs.write(block); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*txs), "ns/tx")
	})
}
