package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"

	dbm "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
)

func openIn(t testing.TB, folder string) dbm.DB {
	t.Helper()
	config := cfg.DefaultConfig()
	config.RootDir, config.DBPath, config.DBBackend = folder, ".", "goleveldb"
	db, err := openDatabase(&cfg.DBContext{ID: "tx_index", Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// Batches of all sizes, in which keys come twice, against a map; read by CometBFT's own database.
func TestBatchesHoldWhatAMapHolds(t *testing.T) {
	folder := t.TempDir()
	model := map[string][]byte{}
	random := rand.New(rand.NewSource(1))
	db := openIn(t, folder)
	for round, size := range []int{1, 3, sortFrom, sortFrom + 1, 5000, 20_000} {
		b := db.NewBatch()
		for range size {
			key := fmt.Appendf(nil, "%d", random.Intn(8000))
			if random.Intn(4) == 0 {
				delete(model, string(key))
				if err := b.Delete(key); err != nil {
					t.Fatal(err)
				}
				continue
			}
			value := fmt.Appendf(nil, "%d", random.Int63())
			model[string(key)] = value
			if err := b.Set(key, value); err != nil {
				t.Fatal(err)
			}
		}
		write := b.WriteSync
		if round%2 == 0 {
			write = b.Write
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if b.Set([]byte("k"), []byte("v")) == nil || b.Write() == nil {
			t.Error("a written batch can be used again")
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	theirs, err := dbm.NewGoLevelDB("tx_index", folder)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	entries, err := theirs.Iterator(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer entries.Close()
	count := 0
	for ; entries.Valid(); entries.Next() {
		if want := model[string(entries.Key())]; !bytes.Equal(entries.Value(), want) {
			t.Errorf("%s is %s, not %s", entries.Key(), entries.Value(), want)
		}
		count++
	}
	if count != len(model) {
		t.Errorf("%d keys, not %d", count, len(model))
	}
}

func TestBatchesRefuseWhatOthersRefuse(t *testing.T) {
	db := openIn(t, t.TempDir())
	defer db.Close()
	b := db.NewBatch()
	if b.Set(nil, []byte("v")) == nil || b.Set([]byte("k"), nil) == nil || b.Delete(nil) == nil {
		t.Error("an empty key or a nil value is taken")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Delete([]byte("k")) == nil || b.WriteSync() == nil {
		t.Error("a closed batch can be used")
	}
}

func TestOtherKindsAreCometBFTsOwn(t *testing.T) {
	config := cfg.DefaultConfig()
	config.DBBackend = "memdb"
	db, err := openDatabase(&cfg.DBContext{ID: "state", Config: config})
	if _, memory := db.(*dbm.MemDB); err != nil || !memory {
		t.Errorf("%T, error %v", db, err)
	}
}
