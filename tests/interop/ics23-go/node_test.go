package ics23check

import (
	"bytes"
	"crypto/sha256"
	"os"
	"testing"

	"github.com/cosmos/btcutil/bech32"
)

func node(t *testing.T) (Node, int64, []byte) {
	t.Helper()
	url := os.Getenv("PLUME_RPC")
	if url == "" {
		t.Skip("PLUME_RPC names no node")
	}
	n := Node{url}
	latest, err := n.Height()
	if err != nil {
		t.Fatal(err)
	}
	if latest < 3 {
		t.Fatalf("the chain is only at height %d", latest)
	}
	// The state after a block stands in the header of the next.
	height := latest - 1
	hash, err := n.AppHash(height + 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(hash) != 32 {
		t.Fatalf("app hash %x", hash)
	}
	return n, height, hash
}

func funded(t *testing.T) []byte {
	t.Helper()
	_, five, err := bech32.Decode(os.Getenv("PLUME_ADDRESS"), 200)
	if err != nil {
		t.Fatalf("PLUME_ADDRESS: %v", err)
	}
	address, err := bech32.ConvertBits(five, 5, 8, false)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func stranger() []byte {
	hash := sha256.Sum256([]byte("nobody has this account"))
	return hash[:20]
}

func balanceKey(address []byte, denom string) []byte {
	return append(append([]byte{0x02, byte(len(address))}, address...), denom...)
}

func accountKey(address []byte) []byte { return append([]byte{0x01}, address...) }

func denom() string {
	if d := os.Getenv("PLUME_DENOM"); d != "" {
		return d
	}
	return "uplume"
}

func prove(t *testing.T, n Node, store string, key []byte, height int64) *Answer {
	t.Helper()
	answer, err := n.Prove(store, key, height)
	if err != nil {
		t.Fatalf("%s %x: %v", store, key, err)
	}
	if answer.Height != height {
		t.Fatalf("asked for height %d, answered %d", height, answer.Height)
	}
	return answer
}

func TestExistence(t *testing.T) {
	n, height, hash := node(t)
	me := funded(t)
	for _, c := range []struct {
		store string
		key   []byte
	}{{"bank", balanceKey(me, denom())}, {"acc", accountKey(me)}} {
		answer := prove(t, n, c.store, c.key, height)
		if len(answer.Value) == 0 {
			t.Fatalf("%s %x: no value", c.store, c.key)
		}
		if err := Verify(hash, c.store, c.key, answer); err != nil {
			t.Fatal(err)
		}
		if c.store == "bank" && !bytes.ContainsAny(answer.Value, "123456789") {
			t.Fatalf("a balance of %q", answer.Value)
		}
	}
}

func TestAbsence(t *testing.T) {
	n, height, hash := node(t)
	for _, c := range []struct {
		store string
		key   []byte
	}{
		{"bank", balanceKey(stranger(), denom())}, {"bank", balanceKey(funded(t), "nothing")}, {"acc", accountKey(stranger())},
		// Stores without content of their own: absence is provable there as well.
		{"ibc", []byte("clients/none")}, {"upgrade", []byte("none")},
	} {
		answer := prove(t, n, c.store, c.key, height)
		if len(answer.Value) != 0 {
			t.Fatalf("%s %x: value %x", c.store, c.key, answer.Value)
		}
		if err := Verify(hash, c.store, c.key, answer); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	n, height, hash := node(t)
	key := balanceKey(funded(t), denom())
	genuine := func() *Answer { return prove(t, n, "bank", key, height) }

	richer := genuine()
	richer.Value = append([]byte("9"), richer.Value...)
	denied := genuine()
	denied.Value = nil
	otherHash := append([]byte{}, hash...)
	otherHash[0] ^= 1
	borrowed := prove(t, n, "bank", balanceKey(stranger(), denom()), height)
	borrowed.Value = genuine().Value

	for name, c := range map[string]struct {
		hash   []byte
		store  string
		key    []byte
		answer *Answer
	}{
		"another amount":             {hash, "bank", key, richer},
		"an existing balance denied": {hash, "bank", key, denied},
		"another app hash":           {otherHash, "bank", key, genuine()},
		"another store":              {hash, "acc", key, genuine()},
		"another account":            {hash, "bank", balanceKey(stranger(), denom()), genuine()},
		"absence sold as existence":  {hash, "bank", balanceKey(stranger(), denom()), borrowed},
	} {
		if Verify(c.hash, c.store, c.key, c.answer) == nil {
			t.Errorf("accepted: %s", name)
		}
	}
}
