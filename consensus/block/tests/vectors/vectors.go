// Vectors of CometBFT's own code for the tests of plume-block.
//
//	go run vectors.go state HOME   the stored state of a stopped node, in hex
//	go run vectors.go sets         random changes of validator sets
//	go run vectors.go hashes       times, hashes and sign bytes of odd values
//
// Needs the module github.com/cometbft/cometbft v0.38.25.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/secp256k1"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	var out any
	switch os.Args[1] {
	case "state":
		db := must(dbm.NewDB("state", dbm.GoLevelDBBackend, os.Args[2]+"/data"))
		out = hex.EncodeToString(must(db.Get([]byte("stateKey"))))
	case "sets":
		out = sets()
	case "hashes":
		out = hashes()
	}
	fmt.Println(string(must(json.Marshal(out))))
}

// key gives the n-th key: the byte n 32 times, for secp256k1 (n >= 100) 33 times. Nothing is signed with them.
func validator(n int, power int64) *types.Validator {
	if n >= 100 {
		key := make(secp256k1.PubKey, 33)
		for i := range key {
			key[i] = byte(n)
		}
		return types.NewValidator(key, power)
	}
	key := make(ed25519.PubKey, 32)
	for i := range key {
		key[i] = byte(n)
	}
	return types.NewValidator(key, power)
}

type step struct {
	Changes [][2]int64 `json:"c"`           // key number, power
	Error   string     `json:"e,omitempty"` // error of the update; the set is then unchanged
	Times   int32      `json:"n"`           // rounds afterwards
	Set     [][3]int64 `json:"s,omitempty"` // key number, power, priority, in set order
	Next    int64      `json:"p"`           // key number of the proposer
	Hash    string     `json:"h,omitempty"`
}

func kind(err error) string {
	text := err.Error()
	for _, word := range []string{"duplicate", "negative", "can't be higher", "empty set", "to remove", "exceeds max", "power 0"} {
		for i := 0; i+len(word) <= len(text); i++ {
			if text[i:i+len(word)] == word {
				return word
			}
		}
	}
	return text
}

func sets() [][]step {
	rng := rand.New(rand.NewSource(7))
	numbers := map[string]int64{}
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 100, 101, 102} {
		numbers[string(validator(n, 1).Address)] = int64(n)
	}
	pick := func() int64 { return []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 100, 101, 102}[rng.Intn(15)] }
	powers := []func() int64{
		func() int64 { return 1 },
		func() int64 { return rng.Int63n(10) },
		func() int64 { return rng.Int63n(1000) },
		func() int64 { return rng.Int63n(1 << 40) },
		func() int64 { return rng.Int63n(types.MaxTotalVotingPower) },
		func() int64 { return types.MaxTotalVotingPower/4 + rng.Int63n(3) - 1 },
	}
	var chains [][]step
	for chain := 0; chain < 24; chain++ {
		power := powers[chain%len(powers)]
		set := types.NewValidatorSet(nil)
		var steps []step
		for len(steps) < 16 {
			var changes [][2]int64
			count := rng.Intn(4)
			if len(steps) == 0 {
				count = 1 + rng.Intn(6)
			}
			for i := 0; i < count; i++ {
				p := power()
				switch rng.Intn(12) {
				case 0, 1, 2:
					p = 0
				case 3:
					if rng.Intn(5) == 0 {
						p = -p
					}
				case 4:
					if rng.Intn(5) == 0 {
						p = types.MaxTotalVotingPower + rng.Int63n(2)
					}
				}
				changes = append(changes, [2]int64{pick(), p})
			}
			var vals []*types.Validator
			for _, c := range changes {
				vals = append(vals, validator(int(c[0]), c[1]))
			}
			s := step{Changes: changes, Times: int32(rng.Intn(4))}
			if rng.Intn(10) == 0 {
				s.Times = 50
			}
			next := set.Copy()
			if err := next.UpdateWithChangeSet(vals); err != nil {
				s.Error = kind(err)
				s.Times = 0
				s.Next = -1
			} else if set = next; !set.IsNilOrEmpty() {
				if s.Times == 0 {
					s.Times = 1
				}
				set.IncrementProposerPriority(s.Times)
				for _, v := range set.Validators {
					s.Set = append(s.Set, [3]int64{numbers[string(v.Address)], v.VotingPower, v.ProposerPriority})
				}
				s.Next = numbers[string(set.GetProposer().Address)]
				s.Hash = hex.EncodeToString(set.Hash())
			}
			steps = append(steps, s)
		}
		chains = append(chains, steps)
	}
	return chains
}

func hashes() map[string]any {
	h32 := func(b byte) []byte {
		out := make([]byte, 32)
		for i := range out {
			out[i] = b
		}
		return out
	}
	id := types.BlockID{Hash: h32(1), PartSetHeader: types.PartSetHeader{Total: 3, Hash: h32(2)}}
	at := func(s int64, n int64) time.Time { return time.Unix(s, n).UTC() }
	out := map[string]any{}
	// Sign bytes: seconds, nanoseconds, height, round, whether for a block.
	var votes [][]any
	for _, v := range [][5]int64{{1_700_000_000, 123_456_789, 7, 0, 1}, {0, 0, 1, 3, 1}, {-5, 1, 1 << 62, 2147483647, 0}, {-62135596800, 0, 2, 1, 1}} {
		vote := types.Vote{Type: cmtproto.PrecommitType, Height: v[2], Round: int32(v[3]), Timestamp: at(v[0], v[1])}
		if v[4] == 1 {
			vote.BlockID = id
		}
		votes = append(votes, []any{v, hex.EncodeToString(types.VoteSignBytes("chain-1", vote.ToProto()))})
	}
	out["votes"] = votes
	// A commit with all three flags, its hash, and medians of random times and powers.
	set := types.NewValidatorSet([]*types.Validator{validator(1, 10), validator(2, 20), validator(103, 30)})
	commit := &types.Commit{Height: 9, Round: 2, BlockID: id, Signatures: []types.CommitSig{
		{BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: set.Validators[0].Address, Timestamp: at(100, 5), Signature: h32(9)},
		types.NewCommitSigAbsent(),
		{BlockIDFlag: types.BlockIDFlagNil, ValidatorAddress: set.Validators[2].Address, Timestamp: at(-7, 0), Signature: h32(8)},
	}}
	out["commit_hash"] = commit.Hash().String()
	out["commit"] = hex.EncodeToString(must(commit.ToProto().Marshal()))
	rng := rand.New(rand.NewSource(3))
	var medians [][]any
	for i := 0; i < 40; i++ {
		n := 1 + rng.Intn(7)
		var vals []*types.Validator
		for j := 0; j < n; j++ {
			vals = append(vals, validator(j, 1+rng.Int63n(5)))
		}
		set := types.NewValidatorSet(vals)
		c := &types.Commit{Height: 1, BlockID: id}
		var entries [][2]int64 // key number or -1, seconds
		for _, v := range set.Validators {
			if rng.Intn(4) == 0 {
				c.Signatures = append(c.Signatures, types.NewCommitSigAbsent())
				entries = append(entries, [2]int64{-1, 0})
				continue
			}
			t := rng.Int63n(6)
			c.Signatures = append(c.Signatures, types.CommitSig{BlockIDFlag: types.BlockIDFlagCommit,
				ValidatorAddress: v.Address, Timestamp: at(t, 0), Signature: h32(1)})
			entries = append(entries, [2]int64{v.VotingPower, t})
		}
		powers := []int64{}
		for j := 0; j < n; j++ {
			powers = append(powers, vals[j].VotingPower)
		}
		medians = append(medians, []any{powers, entries, must(sm.MedianTime(c, set)).Unix()})
	}
	out["medians"] = medians
	// Headers: with everything, and with nothing but what must be there.
	header := types.Header{Version: cmtversion.Consensus{Block: 11, App: 5}, ChainID: "chain-1", Height: 300, Time: at(1_700_000_000, 1),
		LastBlockID: id, LastCommitHash: h32(3), DataHash: h32(4), ValidatorsHash: h32(5), NextValidatorsHash: h32(6), ConsensusHash: h32(7),
		AppHash: []byte{1, 2, 3}, LastResultsHash: h32(8), EvidenceHash: h32(9), ProposerAddress: h32(10)[:20]}
	bare := types.Header{ValidatorsHash: h32(5), Time: at(0, 0)}
	for name, h := range map[string]types.Header{"full": header, "bare": bare} {
		out["header_"+name] = []string{hex.EncodeToString(must(h.ToProto().Marshal())), h.Hash().String()}
	}
	// Consensus parameters.
	var params [][]any
	for _, p := range [][2]int64{{22020096, -1}, {-1, 0}, {1, 1}, {104857600, 1 << 50}} {
		c := types.DefaultConsensusParams()
		c.Block.MaxBytes, c.Block.MaxGas = p[0], p[1]
		params = append(params, []any{p, hex.EncodeToString(c.Hash())})
	}
	out["params"] = params
	// Evidence of a double vote in a whole block.
	vote := func(b byte) *types.Vote {
		return &types.Vote{Type: cmtproto.PrecommitType, Height: 4, Round: 1, Timestamp: at(50, 0), ValidatorAddress: set.Validators[0].Address,
			BlockID: types.BlockID{Hash: h32(b), PartSetHeader: types.PartSetHeader{Total: 1, Hash: h32(b)}}, Signature: h32(b)}
	}
	evidence := &types.DuplicateVoteEvidence{VoteA: vote(1), VoteB: vote(2), TotalVotingPower: 60, ValidatorPower: 10, Timestamp: at(40, 0)}
	block := types.MakeBlock(10, []types.Tx{{}, []byte("tx")}, commit, []types.Evidence{evidence})
	block.Populate(header.Version, "chain-1", at(60, 0), id, h32(5), h32(6), h32(7), nil, h32(8), set.Validators[0].Address)
	hash := block.Hash().String()
	parts := must(block.MakePartSet(65536)).Header()
	out["block"] = []any{hex.EncodeToString(must(must(block.ToProto()).Marshal())), hash, parts.Total, parts.Hash.String()}
	return out
}
