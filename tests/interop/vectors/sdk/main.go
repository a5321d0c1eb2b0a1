// Writes how Cosmos SDK 0.50 encodes messages: wire bytes, gateway JSON, and amino JSON where the SDK has one.
//
//	go run . > ../messages.json
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"cosmossdk.io/math"
	"cosmossdk.io/x/tx/signing/aminojson"
	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/codec/unknownproto"
	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/crypto/keys/multisig"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	"github.com/cosmos/cosmos-sdk/types/tx"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	"github.com/cosmos/gogoproto/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	alice = "cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu"
	bob   = "cosmos1zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg34we5wl"
)

type vector struct {
	Type  string          `json:"type"`
	Wire  string          `json:"wire"`
	JSON  json.RawMessage `json:"json"`
	Amino string          `json:"amino,omitempty"`
}

type refusal struct {
	Name             string `json:"name"`
	Type             string `json:"type"`
	Wire             string `json:"wire"`
	AllowNonCritical bool   `json:"allow_non_critical"`
	Error            string `json:"error"`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func pack(message proto.Message) *codectypes.Any { return must(codectypes.NewAnyWithValue(message)) }

func coin(amount int64, denom string) sdk.Coin { return sdk.NewInt64Coin(denom, amount) }

func messages() []proto.Message {
	key := &secp256k1.PubKey{Key: append([]byte{2}, make([]byte, 32)...)}
	keys := multisig.NewLegacyAminoPubKey(1, []cryptotypes.PubKey{key, &ed25519.PubKey{Key: make([]byte, 32)}})
	when := time.Date(2025, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	base := authtypes.BaseAccount{Address: alice, AccountNumber: 7, Sequence: 9}
	withKey := base
	withKey.PubKey = pack(key)
	module := &authtypes.ModuleAccount{BaseAccount: &base, Name: "fee_collector"}
	minter := &authtypes.ModuleAccount{BaseAccount: &base, Name: "m", Permissions: []string{"minter", "burner"}}
	send := &banktypes.MsgSend{FromAddress: alice, ToAddress: bob, Amount: sdk.NewCoins(coin(1, "aaa"), coin(2, "bbb"))}
	single := &tx.ModeInfo{Sum: &tx.ModeInfo_Single_{Single: &tx.ModeInfo_Single{Mode: signing.SignMode_SIGN_MODE_DIRECT}}}
	bits := cryptotypes.NewCompactBitArray(2)
	bits.SetIndex(1, true)
	multi := &tx.ModeInfo{Sum: &tx.ModeInfo_Multi_{Multi: &tx.ModeInfo_Multi{Bitarray: bits, ModeInfos: []*tx.ModeInfo{single}}}}
	transaction := &tx.Tx{
		Body: &tx.TxBody{Messages: []*codectypes.Any{pack(send)}, Memo: "<&>", TimeoutHeight: 5},
		AuthInfo: &tx.AuthInfo{
			SignerInfos: []*tx.SignerInfo{{PublicKey: pack(key), ModeInfo: single, Sequence: 3}, {PublicKey: pack(keys), ModeInfo: multi}},
			Fee:         &tx.Fee{Amount: sdk.NewCoins(coin(5, "aaa")), GasLimit: 200_000, Payer: bob},
		},
		Signatures: [][]byte{{1, 2, 3}, {}},
	}
	response := &sdk.TxResponse{
		Height: 3, TxHash: "AB", Data: "00", GasWanted: 10, GasUsed: -1, Timestamp: "2025-01-02T03:04:05Z", Tx: pack(transaction),
		Events: []abci.Event{{Type: "transfer", Attributes: []abci.EventAttribute{{Key: "k", Value: "v", Index: true}, {}}}},
	}
	metadata := banktypes.Metadata{
		Description: "d", Base: "uplume", Display: "plume", Name: "Plume", Symbol: "PLUME",
		DenomUnits: []*banktypes.DenomUnit{{Denom: "uplume"}, {Denom: "plume", Exponent: 6, Aliases: []string{"p"}}},
	}
	params := cmtproto.ConsensusParams{
		Block:     &cmtproto.BlockParams{MaxBytes: 4_194_304, MaxGas: -1},
		Evidence:  &cmtproto.EvidenceParams{MaxAgeNumBlocks: 100_000, MaxAgeDuration: 48*time.Hour + 5, MaxBytes: 1},
		Validator: &cmtproto.ValidatorParams{PubKeyTypes: []string{"ed25519"}},
		Version:   &cmtproto.VersionParams{App: 1},
		Abci:      &cmtproto.ABCIParams{VoteExtensionsEnableHeight: 2},
	}
	block := &cmtproto.Block{
		Header:     cmtproto.Header{ChainID: "c", Height: 2, Time: when, AppHash: []byte{1, 2}},
		Data:       cmtproto.Data{Txs: [][]byte{{9}}},
		LastCommit: &cmtproto.Commit{Height: 1, Signatures: []cmtproto.CommitSig{{BlockIdFlag: cmtproto.BlockIDFlagCommit, Timestamp: when}}},
	}
	return []proto.Message{
		send,
		&banktypes.MsgSend{},
		&banktypes.MsgMultiSend{
			Inputs:  []banktypes.Input{banktypes.NewInput(must(sdk.AccAddressFromBech32(alice)), sdk.NewCoins(coin(1, "aaa")))},
			Outputs: []banktypes.Output{{Address: bob}},
		},
		&banktypes.MsgUpdateParams{Authority: alice, Params: banktypes.NewParams(true)},
		&banktypes.MsgUpdateParams{Authority: alice},
		&banktypes.MsgSetSendEnabled{Authority: alice, SendEnabled: []*banktypes.SendEnabled{{Denom: "a", Enabled: true}, {Denom: "b"}}, UseDefaultFor: []string{"c"}},
		&banktypes.MsgSendResponse{},
		&banktypes.GenesisState{},
		&banktypes.GenesisState{
			Params:        banktypes.NewParams(true),
			Balances:      []banktypes.Balance{{Address: alice, Coins: sdk.NewCoins(coin(3, "aaa"))}, {Address: bob}},
			Supply:        sdk.NewCoins(coin(3, "aaa")),
			DenomMetadata: []banktypes.Metadata{metadata},
			SendEnabled:   []banktypes.SendEnabled{{Denom: "a"}},
		},
		&banktypes.QueryAllBalancesResponse{Pagination: &query.PageResponse{NextKey: []byte("next"), Total: 1}},
		&banktypes.QueryAllBalancesResponse{Balances: sdk.NewCoins(coin(3, "aaa")), Pagination: &query.PageResponse{}},
		&banktypes.QueryBalanceResponse{},
		&banktypes.QueryDenomMetadataResponse{Metadata: metadata},
		&authtypes.Params{MaxMemoCharacters: 256, TxSigLimit: 7, TxSizeCostPerByte: 10, SigVerifyCostED25519: 590, SigVerifyCostSecp256k1: 1000},
		&authtypes.MsgUpdateParams{Authority: alice, Params: authtypes.DefaultParams()},
		&base,
		&withKey,
		module,
		minter,
		&authtypes.QueryAccountResponse{Account: pack(&withKey)},
		&authtypes.QueryAccountResponse{},
		&authtypes.GenesisState{Params: authtypes.DefaultParams(), Accounts: []*codectypes.Any{pack(&base), pack(module)}},
		&consensustypes.MsgUpdateParams{Authority: alice, Block: params.Block, Evidence: params.Evidence, Validator: params.Validator},
		&consensustypes.MsgUpdateParams{Authority: alice, Block: &cmtproto.BlockParams{}, Evidence: &cmtproto.EvidenceParams{}, Validator: &cmtproto.ValidatorParams{}, Abci: params.Abci},
		&consensustypes.QueryParamsResponse{Params: &params},
		key,
		&ed25519.PubKey{},
		keys,
		&tx.Fee{Amount: sdk.NewCoins(coin(5, "aaa")), GasLimit: 200_000},
		&tx.Fee{},
		transaction,
		&tx.GetTxResponse{Tx: transaction, TxResponse: response},
		&tx.SimulateResponse{GasInfo: &sdk.GasInfo{GasWanted: 1<<64 - 1, GasUsed: 5}, Result: &sdk.Result{Data: []byte{1}, MsgResponses: []*codectypes.Any{pack(&banktypes.MsgSendResponse{})}}},
		&tx.BroadcastTxRequest{TxBytes: []byte{255}, Mode: tx.BroadcastMode_BROADCAST_MODE_SYNC},
		&tx.GetBlockWithTxsResponse{Block: block, BlockId: &cmtproto.BlockID{Hash: []byte{5}}},
		&sdk.DecCoin{Denom: "a", Amount: math.LegacyMustNewDecFromStr("-12.345")},
		&sdk.DecCoin{Denom: "a", Amount: math.LegacySmallestDec()},
		&sdk.Coin{Denom: "a", Amount: math.NewInt(-5)},
	}
}

func refusals(registry codectypes.InterfaceRegistry) []refusal {
	body := func(message []byte) []byte {
		return must((&tx.TxBody{Messages: []*codectypes.Any{{TypeUrl: "/cosmos.bank.v1beta1.MsgSend", Value: message}}}).Marshal())
	}
	cases := []refusal{
		{Name: "critical field", Wire: "3001"},
		{Name: "non-critical field", Wire: "824001" + "00"},
		{Name: "non-critical field where allowed", Wire: "824001" + "00", AllowNonCritical: true},
		{Name: "critical field where non-critical ones are allowed", Wire: "3001", AllowNonCritical: true},
		{Name: "critical field inside a message", Wire: hex.EncodeToString(body([]byte{0x25, 1, 2, 3, 4})), AllowNonCritical: true},
		{Name: "non-critical field inside a message", Wire: hex.EncodeToString(body([]byte{0x80, 0x40, 1})), AllowNonCritical: true},
		{Name: "wire type of another type", Wire: "1001"},
		{Name: "wire type of another type inside a message", Wire: hex.EncodeToString(body([]byte{0x0d, 1, 2, 3, 4}))},
		{Name: "unknown type", Wire: hex.EncodeToString(must((&tx.TxBody{Messages: []*codectypes.Any{{TypeUrl: "/x.Y"}}}).Marshal()))},
		{Name: "type that may not stand in a transaction", Wire: hex.EncodeToString(must((&tx.TxBody{Messages: []*codectypes.Any{{TypeUrl: "/cosmos.bank.v1beta1.Params"}}}).Marshal()))},
		{Name: "type URL without a slash", Wire: hex.EncodeToString(must((&tx.TxBody{Messages: []*codectypes.Any{{TypeUrl: "cosmos.bank.v1beta1.MsgSend"}}}).Marshal()))},
		{Name: "field inside the envelope", Wire: "0a0" + "2" + "1a00"},
		{Name: "truncated", Wire: "12"},
		{Name: "group", Wire: "a380" + "01" + "a480" + "01"},
		{Name: "message", Wire: hex.EncodeToString(body(nil))},
	}
	for i := range cases {
		cases[i].Type = "cosmos.tx.v1beta1.TxBody"
		_, err := unknownproto.RejectUnknownFields(must(hex.DecodeString(cases[i].Wire)), &tx.TxBody{}, cases[i].AllowNonCritical, registry)
		if err != nil {
			cases[i].Error = err.Error()
		}
	}
	return cases
}

func main() {
	registry := codectypes.NewInterfaceRegistry()
	authtypes.RegisterInterfaces(registry)
	banktypes.RegisterInterfaces(registry)
	consensustypes.RegisterInterfaces(registry)
	cryptocodec.RegisterInterfaces(registry)
	tx.RegisterInterfaces(registry)
	encoder := aminojson.NewEncoder(aminojson.EncoderOptions{})

	vectors := []vector{}
	for _, message := range messages() {
		wire := must(proto.Marshal(message))
		typeURL := "/" + proto.MessageName(message)
		gateway, err := codec.ProtoMarshalJSON(message, registry)
		if err != nil {
			panic(fmt.Errorf("%s: %w", typeURL, err))
		}
		amino, err := encoder.Marshal(&anypb.Any{TypeUrl: typeURL, Value: wire})
		if err != nil {
			fmt.Fprintln(os.Stderr, typeURL, err)
			amino = nil
		}
		vectors = append(vectors, vector{typeURL, hex.EncodeToString(wire), gateway, string(amino)})
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	if err := out.Encode(map[string]any{"messages": vectors, "refusals": refusals(registry)}); err != nil {
		panic(err)
	}
}
