package main

import (
	"context"
	"encoding/hex"
	"encoding/json"

	abci "github.com/cometbft/cometbft/abci/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	gogoproto "github.com/cosmos/gogoproto/proto"
)

var bg = context.Background()

type queryRecord struct {
	Path         string          `json:"path"`
	RequestJSON  json.RawMessage `json:"request_json"`
	Request      string          `json:"request"`
	Height       int64           `json:"height"`
	Code         uint32          `json:"code"`
	Codespace    string          `json:"codespace"`
	Log          string          `json:"log"`
	Response     string          `json:"response"`
	ResponseJSON json.RawMessage `json:"response_json,omitempty"`
}

// queries asks everything that the query services of auth and bank answer, at the state after all transactions.
func queries(c *chain, people *cast) map[string]any {
	out := []queryRecord{}
	ask := func(path string, req, res gogoproto.Message) {
		data := mustValue(gogoproto.Marshal(req))
		answer := mustValue(c.app.Query(bg, &abci.RequestQuery{Path: path, Data: data}))
		q := queryRecord{Path: path, Request: hex.EncodeToString(data), RequestJSON: c.app.AppCodec().MustMarshalJSON(req),
			Height: answer.Height, Code: answer.Code, Codespace: answer.Codespace, Log: answer.Log, Response: hex.EncodeToString(answer.Value)}
		if answer.Code == 0 {
			must(c.app.AppCodec().Unmarshal(answer.Value, res))
			q.ResponseJSON = c.app.AppCodec().MustMarshalJSON(res)
		}
		out = append(out, q)
	}
	bank := func(m string, req, res gogoproto.Message) { ask("/cosmos.bank.v1beta1.Query/"+m, req, res) }
	auth := func(m string, req, res gogoproto.Message) { ask("/cosmos.auth.v1beta1.Query/"+m, req, res) }
	a := func(n string) string { return people.byName[n].addr().String() }
	pages := func(first []byte) []*query.PageRequest {
		return []*query.PageRequest{
			nil,
			{Limit: 2},
			{Limit: 2, CountTotal: true},
			{Limit: 2, Offset: 1},
			{Limit: 2, Offset: 1, CountTotal: true},
			{Limit: 3, Reverse: true},
			{Limit: 2, Offset: 2, Reverse: true, CountTotal: true},
			{Offset: 1000},
			{Limit: 1000, CountTotal: true},
			{Key: first, Limit: 2},
			{Key: first, Limit: 2, Reverse: true},
			{Key: first, Offset: 1},
		}
	}

	for _, n := range []string{"alice", "bob", "new1", "stranger"} {
		for _, d := range []string{"stake", "alpha", longDenom, "nothing", "ab", ""} {
			bank("Balance", &banktypes.QueryBalanceRequest{Address: a(n), Denom: d}, &banktypes.QueryBalanceResponse{})
			bank("SpendableBalanceByDenom", &banktypes.QuerySpendableBalanceByDenomRequest{Address: a(n), Denom: d}, &banktypes.QuerySpendableBalanceByDenomResponse{})
		}
	}
	bad := []string{"", "nobody", sdk.MustBech32ifyAddressBytes("plume", people.byName["alice"].addr())}
	for _, b := range bad {
		bank("Balance", &banktypes.QueryBalanceRequest{Address: b, Denom: "stake"}, &banktypes.QueryBalanceResponse{})
		bank("AllBalances", &banktypes.QueryAllBalancesRequest{Address: b}, &banktypes.QueryAllBalancesResponse{})
		bank("SpendableBalances", &banktypes.QuerySpendableBalancesRequest{Address: b}, &banktypes.QuerySpendableBalancesResponse{})
		bank("SpendableBalanceByDenom", &banktypes.QuerySpendableBalanceByDenomRequest{Address: b, Denom: "stake"}, &banktypes.QuerySpendableBalanceByDenomResponse{})
		auth("Account", &authtypes.QueryAccountRequest{Address: b}, &authtypes.QueryAccountResponse{})
		auth("AccountInfo", &authtypes.QueryAccountInfoRequest{Address: b}, &authtypes.QueryAccountInfoResponse{})
		auth("AddressStringToBytes", &authtypes.AddressStringToBytesRequest{AddressString: b}, &authtypes.AddressStringToBytesResponse{})
	}

	for _, p := range pages([]byte("delta")) {
		bank("AllBalances", &banktypes.QueryAllBalancesRequest{Address: a("alice"), Pagination: p}, &banktypes.QueryAllBalancesResponse{})
		bank("SpendableBalances", &banktypes.QuerySpendableBalancesRequest{Address: a("alice"), Pagination: p}, &banktypes.QuerySpendableBalancesResponse{})
		bank("TotalSupply", &banktypes.QueryTotalSupplyRequest{Pagination: p}, &banktypes.QueryTotalSupplyResponse{})
		bank("DenomsMetadata", &banktypes.QueryDenomsMetadataRequest{Pagination: p}, &banktypes.QueryDenomsMetadataResponse{})
		bank("SendEnabled", &banktypes.QuerySendEnabledRequest{Pagination: p}, &banktypes.QuerySendEnabledResponse{})
	}
	bank("AllBalances", &banktypes.QueryAllBalancesRequest{Address: a("stranger")}, &banktypes.QueryAllBalancesResponse{})
	bank("SpendableBalances", &banktypes.QuerySpendableBalancesRequest{Address: a("stranger")}, &banktypes.QuerySpendableBalancesResponse{})
	owner := append([]byte{20}, people.byName["alice"].addr()...)
	for _, p := range pages(owner) {
		for _, d := range []string{"stake", "alpha"} {
			bank("DenomOwners", &banktypes.QueryDenomOwnersRequest{Denom: d, Pagination: p}, &banktypes.QueryDenomOwnersResponse{})
			bank("DenomOwnersByQuery", &banktypes.QueryDenomOwnersByQueryRequest{Denom: d, Pagination: p}, &banktypes.QueryDenomOwnersByQueryResponse{})
		}
		auth("Accounts", &authtypes.QueryAccountsRequest{Pagination: p}, &authtypes.QueryAccountsResponse{})
	}
	auth("Accounts", &authtypes.QueryAccountsRequest{Pagination: &query.PageRequest{Key: people.byName["alice"].addr(), Limit: 2}}, &authtypes.QueryAccountsResponse{})
	for _, d := range []string{"stake", "alpha", longDenom, "nothing", "ab", ""} {
		bank("SupplyOf", &banktypes.QuerySupplyOfRequest{Denom: d}, &banktypes.QuerySupplyOfResponse{})
		bank("DenomMetadata", &banktypes.QueryDenomMetadataRequest{Denom: d}, &banktypes.QueryDenomMetadataResponse{})
		bank("DenomMetadataByQueryString", &banktypes.QueryDenomMetadataByQueryStringRequest{Denom: d}, &banktypes.QueryDenomMetadataByQueryStringResponse{})
		bank("DenomOwners", &banktypes.QueryDenomOwnersRequest{Denom: d}, &banktypes.QueryDenomOwnersResponse{})
	}
	bank("SendEnabled", &banktypes.QuerySendEnabledRequest{Denoms: []string{"frozen", "stake", "alpha"}}, &banktypes.QuerySendEnabledResponse{})
	bank("Params", &banktypes.QueryParamsRequest{}, &banktypes.QueryParamsResponse{})

	for _, n := range []string{"alice", "bob", "new1", "stranger", "two-of-three", "nested", "poor"} {
		auth("Account", &authtypes.QueryAccountRequest{Address: a(n)}, &authtypes.QueryAccountResponse{})
		auth("AccountInfo", &authtypes.QueryAccountInfoRequest{Address: a(n)}, &authtypes.QueryAccountInfoResponse{})
	}
	collector := authtypes.NewModuleAddress(authtypes.FeeCollectorName)
	auth("Account", &authtypes.QueryAccountRequest{Address: collector.String()}, &authtypes.QueryAccountResponse{})
	auth("AccountInfo", &authtypes.QueryAccountInfoRequest{Address: collector.String()}, &authtypes.QueryAccountInfoResponse{})
	for _, id := range []uint64{0, 1, 7, 100000} {
		auth("AccountAddressByID", &authtypes.QueryAccountAddressByIDRequest{AccountId: id}, &authtypes.QueryAccountAddressByIDResponse{})
		auth("AccountAddressByID", &authtypes.QueryAccountAddressByIDRequest{Id: int64(id)}, &authtypes.QueryAccountAddressByIDResponse{})
	}
	auth("Params", &authtypes.QueryParamsRequest{}, &authtypes.QueryParamsResponse{})
	auth("ModuleAccounts", &authtypes.QueryModuleAccountsRequest{}, &authtypes.QueryModuleAccountsResponse{})
	for _, n := range []string{"fee_collector", "gov", "nothing", ""} {
		auth("ModuleAccountByName", &authtypes.QueryModuleAccountByNameRequest{Name: n}, &authtypes.QueryModuleAccountByNameResponse{})
	}
	auth("Bech32Prefix", &authtypes.Bech32PrefixRequest{}, &authtypes.Bech32PrefixResponse{})
	auth("AddressBytesToString", &authtypes.AddressBytesToStringRequest{AddressBytes: people.byName["alice"].addr()}, &authtypes.AddressBytesToStringResponse{})
	auth("AddressBytesToString", &authtypes.AddressBytesToStringRequest{}, &authtypes.AddressBytesToStringResponse{})
	auth("AddressStringToBytes", &authtypes.AddressStringToBytesRequest{AddressString: a("alice")}, &authtypes.AddressStringToBytesResponse{})
	ask("/cosmos.bank.v1beta1.Query/Nothing", &banktypes.QueryParamsRequest{}, &banktypes.QueryParamsResponse{})

	// Raw store keys, as interchain queries ask for them.
	raw := []map[string]any{}
	for store, keys := range map[string][][]byte{
		"acc":  {append([]byte{1}, people.byName["alice"].addr()...), append([]byte{1}, people.byName["stranger"].addr()...)},
		"bank": {append(append([]byte{2, 20}, people.byName["alice"].addr()...), "stake"...), append(append([]byte{2, 20}, people.byName["stranger"].addr()...), "stake"...)},
	} {
		for _, k := range keys {
			res := mustValue(c.app.Query(bg, &abci.RequestQuery{Path: "/store/" + store + "/key", Data: k}))
			raw = append(raw, map[string]any{"path": "/store/" + store + "/key", "data": hex.EncodeToString(k), "code": res.Code, "log": res.Log, "key": hex.EncodeToString(res.Key), "value": hex.EncodeToString(res.Value), "height": res.Height})
		}
	}
	return map[string]any{"height": c.height, "stores": map[string]map[string]string{"acc": c.dump("acc"), "bank": c.dump("bank")}, "queries": out, "raw": raw}
}
