package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"cosmossdk.io/log"
	sdkmath "cosmossdk.io/math"
	circuitante "cosmossdk.io/x/circuit/ante"
	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/auth/ante"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	minttypes "github.com/cosmos/cosmos-sdk/x/mint/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
	"github.com/cosmos/ibc-go/v8/testing/simapp"
)

const (
	chainID      = "recording-1"
	minGasPrices = "0.001stake"
	maxBlockGas  = 10_000_000
	maxBlockSize = 200_000
)

var genesisTime = time.Date(2024, 1, 2, 3, 4, 5, 600_000_000, time.UTC)

// noOptions is an application configuration in which nothing is set.
type noOptions struct{ home string }

func (o noOptions) Get(key string) interface{} {
	if key == flags.FlagHome {
		return o.home
	}
	return nil
}

// openCircuit lets every message pass and costs no gas.
type openCircuit struct{}

func (openCircuit) IsAllowed(_ ctxT, _ string) (bool, error) { return true, nil }

var _ circuitante.CircuitBreaker = openCircuit{}

// chain drives one simapp directly through its ABCI methods, one block at a time.
type chain struct {
	app    *simapp.SimApp
	height int64
	now    time.Time
	// gasLog holds what the transaction in progress was charged, in order; nil on the untouched peer.
	gasLog    *[]gasStep
	proposer  []byte
	lastState map[string]map[string]string
}

type gasStep struct {
	Amount   uint64 `json:"amount"`
	Location string `json:"location"`
}

// newChain builds the peer and gives it the genesis. With traced set, the circuit breaker (not part of auth and bank)
// is taken out and each gas charge is noted.
func newChain(home string, traced bool, genesis genesisInput) (*chain, json.RawMessage) {
	c := &chain{now: genesisTime}
	c.app = simapp.NewSimApp(log.NewNopLogger(), dbm.NewMemDB(), nil, false, noOptions{home},
		baseapp.SetChainID(chainID), baseapp.SetMinGasPrices(minGasPrices))
	c.app.RegisterTxService(client.Context{}.
		WithCodec(c.app.AppCodec()).
		WithInterfaceRegistry(c.app.InterfaceRegistry()).
		WithTxConfig(c.app.GetTxConfig()).
		WithChainID(chainID))
	if traced {
		c.trace()
	}
	must(c.app.LoadLatestVersion())

	state := c.appState(genesis)
	appState := mustValue(json.MarshalIndent(state, "", " "))
	res := mustValue(c.app.InitChain(&abci.RequestInitChain{
		Time:            genesisTime,
		ChainId:         chainID,
		ConsensusParams: consensusParams(),
		Validators:      []abci.ValidatorUpdate{},
		AppStateBytes:   appState,
		InitialHeight:   1,
	}))
	if len(res.Validators) != 1 {
		panic("the genesis must make one validator")
	}
	return c, appState
}

func consensusParams() *cmtproto.ConsensusParams {
	return &cmtproto.ConsensusParams{
		Block:     &cmtproto.BlockParams{MaxBytes: maxBlockSize, MaxGas: maxBlockGas},
		Evidence:  &cmtproto.EvidenceParams{MaxAgeNumBlocks: 302400, MaxAgeDuration: 504 * time.Hour, MaxBytes: 10000},
		Validator: &cmtproto.ValidatorParams{PubKeyTypes: []string{"ed25519"}},
		Version:   &cmtproto.VersionParams{},
		Abci:      &cmtproto.ABCIParams{},
	}
}

// trace replaces the ante chain by the same decorators without the circuit breaker, with a noting gas meter put in
// right after SetUpContext.
func (c *chain) trace() {
	c.gasLog = &[]gasStep{}
	a := c.app
	a.MsgServiceRouter().SetCircuit(openCircuit{})
	a.SetAnteHandler(sdk.ChainAnteDecorators(
		ante.NewSetUpContextDecorator(),
		noteGas{c},
		ante.NewExtensionOptionsDecorator(nil),
		ante.NewValidateBasicDecorator(),
		ante.NewTxTimeoutHeightDecorator(),
		ante.NewValidateMemoDecorator(a.AccountKeeper),
		ante.NewConsumeGasForTxSizeDecorator(a.AccountKeeper),
		ante.NewDeductFeeDecorator(a.AccountKeeper, a.BankKeeper, a.FeeGrantKeeper, nil),
		ante.NewSetPubKeyDecorator(a.AccountKeeper),
		ante.NewValidateSigCountDecorator(a.AccountKeeper),
		ante.NewSigGasConsumeDecorator(a.AccountKeeper, ante.DefaultSigVerificationGasConsumer),
		ante.NewSigVerificationDecorator(a.AccountKeeper, a.GetTxConfig().SignModeHandler()),
		ante.NewIncrementSequenceDecorator(a.AccountKeeper),
	))
}

// genesisInput is what the scenarios decide about the genesis.
type genesisInput struct {
	accounts    []authtypes.GenesisAccount
	balances    []banktypes.Balance
	metadata    []banktypes.Metadata
	sendEnabled []banktypes.SendEnabled
}

// appState is the default genesis with our accounts, one validator, and no inflation: fees are then the only coins
// that the fee collector ever holds.
func (c *chain) appState(in genesisInput) map[string]json.RawMessage {
	cdc := c.app.AppCodec()
	state := c.app.DefaultGenesis()

	state[authtypes.ModuleName] = cdc.MustMarshalJSON(authtypes.NewGenesisState(authtypes.DefaultParams(), in.accounts))

	consKey := ed25519.GenPrivKeyFromSecret([]byte("recording validator")).PubKey()
	c.proposer = consKey.Address()
	operator := sdk.ValAddress(in.accounts[0].GetAddress())
	bonded := sdk.TokensFromConsensusPower(1, sdk.DefaultPowerReduction)
	staking := stakingtypes.NewGenesisState(stakingtypes.DefaultParams(),
		[]stakingtypes.Validator{{
			OperatorAddress:   operator.String(),
			ConsensusPubkey:   mustValue(codectypes.NewAnyWithValue(consKey)),
			Status:            stakingtypes.Bonded,
			Tokens:            bonded,
			DelegatorShares:   sdkmath.LegacyNewDecFromInt(bonded),
			UnbondingTime:     time.Unix(0, 0).UTC(),
			Commission:        stakingtypes.NewCommission(sdkmath.LegacyZeroDec(), sdkmath.LegacyZeroDec(), sdkmath.LegacyZeroDec()),
			MinSelfDelegation: sdkmath.OneInt(),
		}},
		[]stakingtypes.Delegation{stakingtypes.NewDelegation(sdk.AccAddress(operator).String(), operator.String(), sdkmath.LegacyNewDecFromInt(bonded))},
	)
	state[stakingtypes.ModuleName] = cdc.MustMarshalJSON(staking)

	mint := minttypes.DefaultGenesisState()
	mint.Minter.Inflation = sdkmath.LegacyZeroDec()
	mint.Params.InflationMax = sdkmath.LegacyZeroDec()
	mint.Params.InflationMin = sdkmath.LegacyZeroDec()
	mint.Params.InflationRateChange = sdkmath.LegacyZeroDec()
	state[minttypes.ModuleName] = cdc.MustMarshalJSON(mint)

	balances := append([]banktypes.Balance{{
		Address: authtypes.NewModuleAddress(stakingtypes.BondedPoolName).String(),
		Coins:   sdk.NewCoins(sdk.NewCoin(sdk.DefaultBondDenom, bonded)),
	}}, in.balances...)
	bank := banktypes.NewGenesisState(banktypes.DefaultParams(), balances, sdk.NewCoins(), in.metadata, in.sendEnabled)
	state[banktypes.ModuleName] = cdc.MustMarshalJSON(bank)
	return state
}

// block finalizes and commits one block of the given transactions.
func (c *chain) block(txs ...[]byte) *abci.ResponseFinalizeBlock {
	c.height++
	c.now = c.now.Add(5 * time.Second)
	res := mustValue(c.app.FinalizeBlock(&abci.RequestFinalizeBlock{
		Height:          c.height,
		Time:            c.now,
		Txs:             txs,
		ProposerAddress: c.proposer,
		Hash:            make([]byte, 32),
	}))
	mustValue(c.app.Commit())
	return res
}

func (c *chain) checkTx(tx []byte, kind abci.CheckTxType) *abci.ResponseCheckTx {
	return mustValue(c.app.CheckTx(&abci.RequestCheckTx{Tx: tx, Type: kind}))
}

// account reads an account from the last committed state.
func (c *chain) account(addr sdk.AccAddress) sdk.AccountI {
	return c.app.AccountKeeper.GetAccount(c.app.NewContext(true), addr)
}

// dump reads every key and value of a store, as hex.
func (c *chain) dump(store string) map[string]string {
	out := map[string]string{}
	it := c.app.CommitMultiStore().GetCommitKVStore(c.app.GetKey(store)).Iterator(nil, nil)
	defer it.Close()
	for ; it.Valid(); it.Next() {
		out[hex.EncodeToString(it.Key())] = hex.EncodeToString(it.Value())
	}
	return out
}

// change is one key whose value differs from before; a nil side means absent.
type change struct {
	Store  string  `json:"store"`
	Key    string  `json:"key"`
	Before *string `json:"before"`
	After  *string `json:"after"`
}

// changes lists what auth and bank stored since the last call, ordered by store and key.
func (c *chain) changes() []change {
	out := []change{}
	next := map[string]map[string]string{}
	for _, store := range []string{authtypes.StoreKey, banktypes.StoreKey} {
		now := c.dump(store)
		next[store] = now
		before := c.lastState[store]
		keys := map[string]bool{}
		for k := range now {
			keys[k] = true
		}
		for k := range before {
			keys[k] = true
		}
		sorted := make([]string, 0, len(keys))
		for k := range keys {
			sorted = append(sorted, k)
		}
		sort.Strings(sorted)
		for _, k := range sorted {
			o, hadOld := before[k]
			n, hasNew := now[k]
			if hadOld && hasNew && o == n {
				continue
			}
			ch := change{Store: store, Key: k}
			if hadOld {
				ch.Before = &o
			}
			if hasNew {
				ch.After = &n
			}
			out = append(out, ch)
		}
	}
	c.lastState = next
	return out
}

type eventJSON struct {
	Type       string      `json:"type"`
	Attributes [][2]string `json:"attributes"`
}

func events(in []abci.Event) []eventJSON {
	out := []eventJSON{}
	for _, e := range in {
		ev := eventJSON{Type: e.Type, Attributes: [][2]string{}}
		for _, a := range e.Attributes {
			ev.Attributes = append(ev.Attributes, [2]string{a.Key, a.Value})
		}
		out = append(out, ev)
	}
	return out
}

// outcome is a transaction's result as CometBFT would receive it.
type outcome struct {
	Code      uint32      `json:"code"`
	Codespace string      `json:"codespace"`
	Log       string      `json:"log"`
	Info      string      `json:"info,omitempty"`
	GasWanted int64       `json:"gas_wanted"`
	GasUsed   int64       `json:"gas_used"`
	Data      string      `json:"data"`
	Events    []eventJSON `json:"events"`
}

func execOutcome(r *abci.ExecTxResult) outcome {
	return outcome{r.Code, r.Codespace, withoutStack(r.Log), r.Info, r.GasWanted, r.GasUsed, hex.EncodeToString(r.Data), events(r.Events)}
}

func checkOutcome(r *abci.ResponseCheckTx) outcome {
	return outcome{r.Code, r.Codespace, withoutStack(r.Log), r.Info, r.GasWanted, r.GasUsed, hex.EncodeToString(r.Data), events(r.Events)}
}

// withoutStack cuts the Go stack off the log of a panic: it names memory addresses and folders of one machine.
func withoutStack(log string) string {
	head, _, cut := strings.Cut(log, "\nstack:\n")
	if cut {
		return head
	}
	return log
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func mustValue[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func pubKeyJSON(pk cryptotypes.PubKey) map[string]string {
	return map[string]string{"type_url": "/" + protoName(pk), "value_hex": hex.EncodeToString(mustValue(protoMarshal(pk))), "address": fmt.Sprintf("%x", pk.Address().Bytes())}
}
