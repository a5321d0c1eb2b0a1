// Command amino-tx-go encodes legacy amino transactions (StdTx) with the Cosmos SDK's own codec, as its methods
// TxEncodeAmino and TxDecodeAmino do. The chain's codec must make the same.
//
//	go run . > ../vectors/amino-tx.json    writes the vectors anew
//	go run . --check                       fails if they are not what this SDK makes
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/std"
	"github.com/cosmos/cosmos-sdk/x/auth/migrations/legacytx"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	vestingtypes "github.com/cosmos/cosmos-sdk/x/auth/vesting/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	distributiontypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	govv1beta1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1beta1"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

const vectors = "../vectors/amino-tx.json"

// vector is a transaction as JSON, its binary form and the JSON of that, or why the SDK refuses.
type vector struct {
	Name    string `json:"name"`
	JSON    string `json:"json,omitempty"`
	Binary  string `json:"binary,omitempty"`
	Decoded string `json:"decoded,omitempty"`
	Refused string `json:"refused,omitempty"`
}

func newCodec() *codec.LegacyAmino {
	cdc := codec.NewLegacyAmino()
	std.RegisterLegacyAminoCodec(cdc)
	for _, register := range []func(*codec.LegacyAmino){
		authtypes.RegisterLegacyAminoCodec, banktypes.RegisterLegacyAminoCodec, consensustypes.RegisterLegacyAminoCodec,
		authz.RegisterLegacyAminoCodec, vestingtypes.RegisterLegacyAminoCodec, distributiontypes.RegisterLegacyAminoCodec,
		govv1.RegisterLegacyAminoCodec, govv1beta1.RegisterLegacyAminoCodec, stakingtypes.RegisterLegacyAminoCodec,
	} {
		register(cdc)
	}
	return cdc
}

func encode(cdc *codec.LegacyAmino, text string) (bz []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	var tx legacytx.StdTx
	if err := cdc.UnmarshalJSON([]byte(text), &tx); err != nil {
		return nil, err
	}
	return cdc.Marshal(tx)
}

func decode(cdc *codec.LegacyAmino, bz []byte) (text []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	var tx legacytx.StdTx
	if err := cdc.Unmarshal(bz, &tx); err != nil {
		return nil, err
	}
	return cdc.MarshalJSON(tx)
}

func main() {
	codectypes.Debug = false
	cdc := newCodec()
	out := []vector{}
	for _, c := range encoded() {
		v := vector{Name: c.name, JSON: c.json}
		bz, err := encode(cdc, c.json)
		if err != nil {
			v.Refused = err.Error()
			out = append(out, v)
			continue
		}
		v.Binary = hex.EncodeToString(bz)
		text, err := decode(cdc, bz)
		if err != nil {
			v.Refused = err.Error()
		}
		v.Decoded = string(text)
		out = append(out, v)
	}
	for _, c := range decoded() {
		v := vector{Name: c.name, Binary: c.hex}
		bz, err := hex.DecodeString(c.hex)
		if err != nil {
			log.Fatal(err)
		}
		text, err := decode(cdc, bz)
		if err != nil {
			v.Refused = err.Error()
		}
		v.Decoded = string(text)
		out = append(out, v)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(out); err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 1 && os.Args[1] == "--check" {
		recorded, err := os.ReadFile(vectors)
		if err != nil {
			log.Fatal(err)
		}
		if !bytes.Equal(recorded, text.Bytes()) {
			log.Fatalf("%s is not what this SDK makes", vectors)
		}
		fmt.Printf("%d amino transactions: as recorded\n", len(out))
		return
	}
	os.Stdout.Write(text.Bytes())
}
