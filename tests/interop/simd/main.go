// Command simd records how ibc-go's simapp v8.8.0 (Cosmos SDK 0.50) answers transactions and queries of auth and bank.
//
// The recordings are the yardstick of Plume's own auth and bank: gas within a tenth, events, codes and stored bytes
// exactly. They are made once and checked in; nothing here is part of a build. See README.md.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	abci "github.com/cometbft/cometbft/abci/types"
	txtypes "github.com/cosmos/cosmos-sdk/types/tx"
)

type simulation struct {
	Code      uint32 `json:"code"`
	Codespace string `json:"codespace"`
	Log       string `json:"log"`
	GasUsed   uint64 `json:"gas_used"`
	GasWanted uint64 `json:"gas_wanted"`
}

type record struct {
	Name      string     `json:"name"`
	Diverges  bool       `json:"diverges,omitempty"`
	About     string     `json:"about"`
	Height    int64      `json:"height"`
	Tx        string     `json:"tx"`
	SignBytes []string   `json:"sign_bytes"`
	Simulate  simulation `json:"simulate"`
	CheckTx   outcome    `json:"check_tx"`
	Result    outcome    `json:"result"`
	Changes   []change   `json:"changes"`
	// Without ibc-go's circuit breaker, which auth and bank alone do not have.
	SdkOnly *sdkOnly `json:"sdk_only,omitempty"`
}

type sdkOnly struct {
	GasUsed int64    `json:"gas_used"`
	Code    uint32   `json:"code"`
	Gas     []string `json:"gas"`
}

func main() {
	out := flag.String("out", "", "folder for the recordings")
	flag.Parse()
	if *out == "" {
		fmt.Fprintln(os.Stderr, "usage: simd -out FOLDER")
		os.Exit(2)
	}
	home := mustValue(os.MkdirTemp("", "recording"))
	defer os.RemoveAll(home)

	cast := newCast()
	peer, appState := newChain(filepath.Join(home, "peer"), false, cast.input)
	traced, _ := newChain(filepath.Join(home, "traced"), true, cast.input)

	peer.block()
	traced.block()
	peer.changes()
	initial := map[string]map[string]string{"acc": peer.dump("acc"), "bank": peer.dump("bank")}

	records := []record{}
	var answers map[string]any
	var exported json.RawMessage
	for _, s := range scenarios(cast) {
		if s.diverges && answers == nil {
			exported = mustValue(peer.app.ExportAppStateAndValidators(false, nil, []string{"auth", "bank"})).AppState
			answers = queries(peer, cast)
		}
		// An empty block first, so that the last transaction's fee has left the fee collector.
		peer.block()
		traced.block()
		sweep := peer.changes()

		tx, docs := s.raw, [][]byte(nil)
		if tx == nil {
			tx, docs = peer.build(s.request)
		}
		r := record{Name: s.name, Diverges: s.diverges, About: s.about, Tx: b64(tx), SignBytes: []string{}}
		for _, d := range docs {
			r.SignBytes = append(r.SignBytes, b64(d))
		}
		r.Simulate = simulate(peer, tx)
		r.CheckTx = checkOutcome(peer.checkTx(tx, abci.CheckTxType_New))
		res := peer.block(tx)
		r.Height = peer.height
		r.Result = execOutcome(res.TxResults[0])
		r.Changes = peer.changes()

		*traced.gasLog = []gasStep{}
		bare := traced.block(tx).TxResults[0]
		r.SdkOnly = &sdkOnly{GasUsed: bare.GasUsed, Code: bare.Code, Gas: []string{}}
		for _, g := range *traced.gasLog {
			r.SdkOnly.Gas = append(r.SdkOnly.Gas, fmt.Sprintf("%d %s", g.Amount, g.Location))
		}
		if !s.mayDiffer && (bare.Code != r.Result.Code || withoutStack(bare.Log) != r.Result.Log || !reflect.DeepEqual(bare.Events, res.TxResults[0].Events)) {
			panic(s.name + ": the traced peer answers differently: " + bare.Log)
		}
		for _, store := range []string{"acc", "bank"} {
			if !reflect.DeepEqual(traced.dump(store), peer.dump(store)) {
				panic(s.name + ": the traced peer stores differently: " + store)
			}
		}
		records = append(records, r)
		sweeps[s.name] = sweep
		fmt.Printf("%-45s check %-3d block %d %-6s gas %-7d %s\n", s.name, r.CheckTx.Code, r.Result.Code, r.Result.Codespace, r.Result.GasUsed, short(r.Result.Log))
	}

	must(os.MkdirAll(*out, 0o755))
	write(*out, "genesis.json", map[string]any{
		"chain_id": chainID, "genesis_time": genesisTime, "initial_height": 1, "minimum_gas_prices": minGasPrices,
		"max_block_gas": maxBlockGas, "bech32_prefix": "cosmos",
		"accounts":           people(cast),
		"app_state":          only(appState, "auth", "bank"),
		"exported_app_state": only(exported, "auth", "bank"),
	})
	write(*out, "transactions.json", map[string]any{"initial_stores": initial, "sweeps": sweeps, "transactions": records})
	write(*out, "queries.json", answers)
}

// sweeps holds, for each transaction, what the empty block before it changed: x/distribution, which Plume does not
// have yet, takes the fees away.
var sweeps = map[string][]change{}

func simulate(c *chain, tx []byte) simulation {
	req := mustValue((&txtypes.SimulateRequest{TxBytes: tx}).Marshal())
	res := mustValue(c.app.Query(bg, &abci.RequestQuery{Path: "/cosmos.tx.v1beta1.Service/Simulate", Data: req}))
	s := simulation{Code: res.Code, Codespace: res.Codespace, Log: withoutStack(res.Log)}
	if res.Code == 0 {
		var answer txtypes.SimulateResponse
		must(answer.Unmarshal(res.Value))
		s.GasUsed, s.GasWanted = answer.GasInfo.GasUsed, answer.GasInfo.GasWanted
	}
	return s
}

func people(c *cast) []map[string]any {
	out := []map[string]any{}
	for _, k := range c.keys {
		p := map[string]any{"name": k.name, "address": k.addr().String(), "pub_key": pubKeyJSON(k.pub())}
		if k.multi == nil {
			p["mnemonic"] = k.mnemonic
		} else {
			names := []string{}
			for _, part := range k.parts {
				names = append(names, part.name)
			}
			p["threshold"], p["members"] = k.multi.Threshold, names
		}
		out = append(out, p)
	}
	return out
}

func only(state json.RawMessage, fields ...string) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	must(json.Unmarshal(state, &all))
	out := map[string]json.RawMessage{}
	for _, f := range fields {
		out[f] = all[f]
	}
	return out
}

func write(folder, name string, value any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	must(enc.Encode(value))
	must(os.WriteFile(filepath.Join(folder, name), buf.Bytes(), 0o644))
}

func short(s string) string {
	if len(s) > 110 {
		return s[:110] + ".."
	}
	return s
}
