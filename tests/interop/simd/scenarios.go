package main

import (
	"bytes"
	"math/big"
	"strings"

	sdkmath "cosmossdk.io/math"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	txtypes "github.com/cosmos/cosmos-sdk/types/tx"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
)

const longDenom = "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"

// cast is everybody who takes part, and the genesis that gives them money.
type cast struct {
	keys   []*key
	byName map[string]*key
	input  genesisInput
}

func newCast() *cast {
	c := &cast{byName: map[string]*key{}}
	add := func(k *key, coins string) *key {
		c.keys = append(c.keys, k)
		c.byName[k.name] = k
		if coins != "" {
			num := uint64(len(c.input.accounts))
			c.input.accounts = append(c.input.accounts, authtypes.NewBaseAccount(k.addr(), nil, num, 0))
			c.input.balances = append(c.input.balances, banktypes.Balance{Address: k.addr().String(), Coins: coinsOf(coins).Sort()})
		}
		return k
	}
	rich := "1000000000000stake,5000000alpha,5000000beta,5000000delta,5000000frozen,5000000gamma,5000000" + longDenom
	add(newKey("validator"), "1000000stake")
	add(newKey("alice"), rich)
	add(newKey("bob"), "1000000000stake,500alpha")
	add(newKey("carol"), "1000000000stake")
	add(newKey("dave"), "700000stake")
	add(newKey("payer"), "1000000000stake")
	add(newKey("poor"), "10stake")
	add(newKey("alphaonly"), "10alpha,1000000stake")
	m1 := add(newKey("member1"), "1000stake")
	m2 := add(newKey("member2"), "1000stake")
	m3 := add(newKey("member3"), "1000stake")
	two := add(newMultisig("two-of-three", 2, m1, m2, m3), "1000000000stake")
	inner := newMultisig("two-of-two", 2, m1, m2)
	c.keys = append(c.keys, inner)
	add(newMultisig("nested", 2, inner, m3, newKeyNamed(c, "carol")), "1000000000stake")
	eight := []*key{m1, m2, m3, c.byName["alice"], c.byName["bob"], c.byName["carol"], c.byName["dave"], c.byName["payer"]}
	add(newMultisig("eight", 8, eight...), "1000000000stake")
	add(newKey("stranger"), "")
	for i := 1; i <= 30; i++ {
		add(newKey("new"+itoa(i)), "")
	}
	_ = two
	c.input.sendEnabled = []banktypes.SendEnabled{{Denom: "frozen", Enabled: false}, {Denom: "alpha", Enabled: true}}
	c.input.metadata = []banktypes.Metadata{{
		Description: "The recording's staking coin", Base: "stake", Display: "STAKE", Name: "Stake", Symbol: "STK",
		URI: "https://example.com/stake.json", URIHash: "0f1e",
		DenomUnits: []*banktypes.DenomUnit{{Denom: "stake", Exponent: 0, Aliases: []string{"microstake"}}, {Denom: "STAKE", Exponent: 6}},
	}, {
		Description: "Alpha", Base: "alpha", Display: "alpha", Name: "Alpha", Symbol: "ALPHA",
		DenomUnits: []*banktypes.DenomUnit{{Denom: "alpha", Exponent: 0}},
	}}
	return c
}

func newKeyNamed(c *cast, name string) *key { return c.byName[name] }

func itoa(i int) string { return big.NewInt(int64(i)).String() }

// coinsOf reads coins as written, unsorted ones included.
func coinsOf(text string) sdk.Coins {
	if text == "" {
		return sdk.Coins{}
	}
	out := sdk.Coins{}
	for _, part := range strings.Split(text, ",") {
		cut := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		amount, ok := sdkmath.NewIntFromString(part[:cut])
		if !ok {
			panic("not an amount: " + part)
		}
		out = append(out, sdk.Coin{Denom: part[cut:], Amount: amount})
	}
	return out
}

// scenario is one transaction and what it shows.
type scenario struct {
	name    string
	about   string
	request request
	// raw is sent as it is, when set.
	raw []byte
	// mayDiffer is set where the circuit breaker's gas decides where the gas runs out.
	mayDiffer bool
	// diverges is set where the SDK's own answer is a defect or a leniency that nobody need share. These run last.
	diverges bool
}

func scenarios(c *cast) []scenario {
	k := func(n string) *key {
		if c.byName[n] == nil {
			panic("no key " + n)
		}
		return c.byName[n]
	}
	a := func(n string) sdk.AccAddress { return k(n).addr() }
	send := func(from, to, coins string) sdk.Msg {
		return &banktypes.MsgSend{FromAddress: a(from).String(), ToAddress: a(to).String(), Amount: coinsOf(coins)}
	}
	multi := func(from, coins string, outs ...[2]string) sdk.Msg {
		m := &banktypes.MsgMultiSend{Inputs: []banktypes.Input{{Address: a(from).String(), Coins: coinsOf(coins)}}}
		for _, o := range outs {
			m.Outputs = append(m.Outputs, banktypes.Output{Address: a(o[0]).String(), Coins: coinsOf(o[1])})
		}
		return m
	}
	// by is a request signed by the named accounts, in direct mode, with the usual fee.
	by := func(names ...string) request {
		r := request{fee: coinsOf("2000stake"), gas: 300_000}
		for _, n := range names {
			r.signers = append(r.signers, signature{key: k(n), mode: direct})
		}
		return r
	}
	with := func(r request, edit func(*request), msgs ...sdk.Msg) request {
		r.msgs = msgs
		if edit != nil {
			edit(&r)
		}
		return r
	}
	u := func(v uint64) *uint64 { return &v }
	fee := func(f string, gas uint64) func(*request) {
		return func(r *request) { r.fee, r.gas = coinsOf(f), gas }
	}
	gov := authtypes.NewModuleAddress(govtypes.ModuleName).String()
	collector := authtypes.NewModuleAddress(authtypes.FeeCollectorName).String()
	anyMsg := func(url string, value []byte) *codectypes.Any { return &codectypes.Any{TypeUrl: url, Value: value} }
	plain := mustValue((&banktypes.MsgSend{FromAddress: a("alice").String(), ToAddress: a("bob").String(), Amount: coinsOf("7stake")}).Marshal())
	// field is one length-delimited protobuf field.
	field := func(number uint32, value []byte) []byte {
		tag := number<<3 | 2
		out := []byte{}
		for tag >= 0x80 {
			out = append(out, byte(tag)|0x80)
			tag >>= 7
		}
		out = append(out, byte(tag), byte(len(value)))
		return append(out, value...)
	}
	add := func(tail []byte) func([]byte) []byte {
		return func(b []byte) []byte { return append(append([]byte{}, b...), tail...) }
	}
	twenty := [][2]string{}
	for i := 8; i < 28; i++ {
		twenty = append(twenty, [2]string{"new" + itoa(i), "50stake"})
	}
	memo := func(m string) func(*request) { return func(r *request) { r.memo = m } }
	mode := func(r *request) {
		for i := range r.signers {
			r.signers[i].mode = amino
		}
	}
	halfOrder, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)

	return []scenario{
		// Success.
		{name: "send_first", about: "first transaction of an account: its public key is stored", request: with(by("alice"), nil, send("alice", "bob", "1000stake"))},
		{name: "send_again", about: "the same again, public key known", request: with(by("alice"), nil, send("alice", "bob", "1000stake"))},
		{name: "send_to_new_account", about: "the recipient has no account", request: with(by("alice"), nil, send("alice", "new1", "1000stake"))},
		{name: "send_two_coins", about: "two denominations to an existing account", request: with(by("alice"), nil, send("alice", "bob", "100alpha,1000stake"))},
		{name: "send_five_coins", about: "five denominations, a long one among them", request: with(by("alice"), nil, send("alice", "bob", "1alpha,22beta,333gamma,4444"+longDenom+",55555stake"))},
		{name: "send_five_coins_to_new_account", about: "five denominations to an address without account", request: with(by("alice"), nil, send("alice", "new2", "1alpha,22beta,333gamma,4444"+longDenom+",55555stake"))},
		{name: "send_whole_balance_of_a_denom", about: "the balance becomes zero and its keys go", request: with(by("alphaonly"), nil, send("alphaonly", "carol", "10alpha"))},
		{name: "send_to_self", about: "sender and recipient are one", request: with(by("alice"), nil, send("alice", "alice", "1000stake"))},
		{name: "send_with_memo", about: "a memo of 256 characters", request: with(by("alice"), memo(strings.Repeat("m", 256)), send("alice", "bob", "1000stake"))},
		{name: "send_large_amount", about: "an amount of 12 digits", request: with(by("alice"), nil, send("alice", "bob", "123456789012stake"))},
		{name: "send_amino", about: "SIGN_MODE_LEGACY_AMINO_JSON, with characters that Go's encoder escapes in the memo", request: with(by("alice"), func(r *request) { mode(r); r.memo = "<a> & \"b\" \u2028 é" }, send("alice", "bob", "1000stake"))},
		{name: "send_zero_fee", about: "no fee at all: refused by CheckTx's minimum gas price, accepted in a block", request: with(by("alice"), fee("", 300_000), send("alice", "bob", "1000stake"))},
		{name: "send_two_fee_coins", about: "the fee is in two denominations", request: with(by("alice"), fee("5alpha,2000stake", 300_000), send("alice", "bob", "1000stake"))},
		{name: "multisend_one_to_one", about: "MsgMultiSend with one output", request: with(by("alice"), nil, multi("alice", "1000stake", [2]string{"bob", "1000stake"}))},
		{name: "multisend_one_to_five", about: "five outputs, three of them without account", request: with(by("alice"), nil, multi("alice", "1500stake", [2]string{"bob", "100stake"}, [2]string{"carol", "200stake"}, [2]string{"new3", "300stake"}, [2]string{"new4", "400stake"}, [2]string{"new5", "500stake"}))},
		{name: "multisend_one_to_twenty", about: "twenty outputs, none with account", request: with(by("alice"), func(r *request) { r.gas = 2_000_000 }, multi("alice", "1000stake", twenty...))},
		{name: "multisend_two_coins", about: "two denominations in each output", request: with(by("alice"), nil, multi("alice", "30alpha,300stake", [2]string{"bob", "10alpha,100stake"}, [2]string{"carol", "20alpha,200stake"}))},
		{name: "multisend_same_recipient_twice", about: "one recipient in two outputs", request: with(by("alice"), nil, multi("alice", "300stake", [2]string{"bob", "100stake"}, [2]string{"bob", "200stake"}))},
		{name: "two_messages", about: "two sends by one signer", request: with(by("alice"), nil, send("alice", "bob", "1stake"), send("alice", "carol", "2stake"))},
		{name: "send_and_multisend", about: "a send and a multi-send by one signer", request: with(by("alice"), nil, send("alice", "bob", "1stake"), multi("alice", "2stake", [2]string{"carol", "2stake"}))},
		{name: "two_signers", about: "two messages, two signers; the first pays the fee", request: with(by("alice", "bob"), nil, send("alice", "carol", "1stake"), send("bob", "carol", "2stake"))},
		{name: "fee_payer", about: "a fee payer who signs nothing else; first transaction of that account", request: with(by("alice", "payer"), func(r *request) { r.payer = a("payer") }, send("alice", "bob", "1stake"))},
		{name: "fee_payer_again", about: "the same again", request: with(by("alice", "payer"), func(r *request) { r.payer = a("payer") }, send("alice", "bob", "1stake"))},
		{name: "multisig_amino", about: "2 of 3, keys 1 and 3, amino signatures; first transaction of that account", request: with(by("two-of-three"), func(r *request) {
			mode(r)
			r.signers[0].with = map[string]bool{"member1": true, "member3": true}
		}, send("two-of-three", "bob", "1000stake"))},
		{name: "multisig_again", about: "2 of 3, keys 1 and 2, public key known", request: with(by("two-of-three"), mode, send("two-of-three", "bob", "1000stake"))},
		{name: "multisig_direct", about: "2 of 3 whose members sign in direct mode", request: with(by("two-of-three"), nil, send("two-of-three", "bob", "1000stake"))},
		{name: "multisig_all_sign", about: "3 of the 3 sign where 2 suffice", request: with(by("two-of-three"), func(r *request) {
			mode(r)
			r.signers[0].with = map[string]bool{"member1": true, "member2": true, "member3": true}
		}, send("two-of-three", "bob", "1000stake"))},
		{name: "multisig_nested", about: "2 of (2 of 2, key 3, carol), amino signatures", request: with(by("nested"), func(r *request) {
			mode(r)
			r.signers[0].with = map[string]bool{"member1": true, "member2": true, "two-of-two": true, "member3": true}
		}, send("nested", "bob", "1000stake"))},
		{name: "unknown_non_critical_field_in_body", about: "ADR-020: a field number with bit 11 set, in TxBody", request: with(by("alice"), func(r *request) { r.editBody = add(field(1024+7, []byte("x"))) }, send("alice", "bob", "1stake"))},

		// Failures of a message: fee and sequence are kept.
		{name: "insufficient_funds", about: "the message moves more than the sender has", request: with(by("carol"), nil, send("carol", "bob", "5000000000stake"))},
		{name: "insufficient_funds_none_held", about: "the sender holds none of that denomination", request: with(by("dave"), nil, send("dave", "bob", "1beta"))},
		{name: "insufficient_funds_second_message", about: "the first message is undone with the second", request: with(by("carol"), nil, send("carol", "bob", "1stake"), send("carol", "bob", "5000000000stake"))},
		{name: "insufficient_funds_multisend", about: "MsgMultiSend of more than the sender has", request: with(by("carol"), nil, multi("carol", "5000000000stake", [2]string{"bob", "5000000000stake"}))},
		{name: "send_to_blocked_address", about: "the fee collector may not receive", request: with(by("alice"), nil, &banktypes.MsgSend{FromAddress: a("alice").String(), ToAddress: collector, Amount: coinsOf("1stake")})},
		{name: "multisend_to_blocked_address", about: "the same in an output", request: with(by("alice"), nil, &banktypes.MsgMultiSend{Inputs: []banktypes.Input{{Address: a("alice").String(), Coins: coinsOf("1stake")}}, Outputs: []banktypes.Output{{Address: collector, Coins: coinsOf("1stake")}}})},
		{name: "send_disabled_denom", about: "send_enabled is false for this denomination", request: with(by("alice"), nil, send("alice", "bob", "1frozen"))},
		{name: "multisend_disabled_denom", about: "the same in MsgMultiSend", request: with(by("alice"), nil, multi("alice", "1frozen", [2]string{"bob", "1frozen"}))},
		{name: "bank_update_params_not_authority", about: "MsgUpdateParams of bank by an ordinary account", request: with(by("alice"), nil, &banktypes.MsgUpdateParams{Authority: a("alice").String(), Params: banktypes.DefaultParams()})},
		{name: "bank_set_send_enabled_not_authority", about: "MsgSetSendEnabled by an ordinary account", request: with(by("alice"), nil, &banktypes.MsgSetSendEnabled{Authority: a("alice").String(), SendEnabled: []*banktypes.SendEnabled{{Denom: "beta", Enabled: false}}})},
		{name: "auth_update_params_not_authority", about: "MsgUpdateParams of auth by an ordinary account", request: with(by("alice"), nil, &authtypes.MsgUpdateParams{Authority: a("alice").String(), Params: authtypes.DefaultParams()})},
		{name: "bank_update_params_signed_by_another", about: "the signer option names gov, alice signs: wrong number of signers' keys", request: with(by("alice"), nil, &banktypes.MsgUpdateParams{Authority: gov, Params: banktypes.DefaultParams()})},
		{name: "out_of_gas_in_message", about: "the gas lasts through the ante only", mayDiffer: true, request: with(by("alice"), fee("2000stake", 58_000), send("alice", "bob", "1stake"))},
		{name: "zero_coin", about: "an amount of zero", request: with(by("alice"), nil, send("alice", "bob", "0stake"))},
		{name: "no_coins", about: "an empty amount", request: with(by("alice"), nil, send("alice", "bob", ""))},
		{name: "unsorted_coins", about: "coins out of order", request: with(by("alice"), nil, send("alice", "bob", "1stake,1alpha"))},
		{name: "duplicate_coins", about: "one denomination twice", request: with(by("alice"), nil, send("alice", "bob", "1stake,1stake"))},
		{name: "invalid_denom", about: "a denomination of two characters", request: with(by("alice"), nil, send("alice", "bob", "1ab"))},
		{name: "invalid_recipient", about: "the recipient is not bech32", request: with(by("alice"), nil, &banktypes.MsgSend{FromAddress: a("alice").String(), ToAddress: "nobody", Amount: coinsOf("1stake")})},
		{name: "foreign_prefix_recipient", about: "the recipient has another chain's prefix", request: with(by("alice"), nil, &banktypes.MsgSend{FromAddress: a("alice").String(), ToAddress: sdk.MustBech32ifyAddressBytes("plume", a("bob")), Amount: coinsOf("1stake")})},
		{name: "empty_recipient", about: "the recipient is empty", request: with(by("alice"), nil, &banktypes.MsgSend{FromAddress: a("alice").String(), Amount: coinsOf("1stake")})},
		{name: "invalid_sender", about: "the sender, who ought to sign, is not bech32", request: with(by("alice"), nil, &banktypes.MsgSend{FromAddress: "nobody", ToAddress: a("bob").String(), Amount: coinsOf("1stake")})},
		{name: "multisend_no_inputs", about: "MsgMultiSend without inputs", request: with(by("alice"), nil, &banktypes.MsgMultiSend{Outputs: []banktypes.Output{{Address: a("bob").String(), Coins: coinsOf("1stake")}}})},
		{name: "multisend_no_outputs", about: "MsgMultiSend without outputs", request: with(by("alice"), nil, &banktypes.MsgMultiSend{Inputs: []banktypes.Input{{Address: a("alice").String(), Coins: coinsOf("1stake")}}})},
		{name: "multisend_two_inputs", about: "MsgMultiSend with two inputs", request: with(by("alice", "bob"), nil, &banktypes.MsgMultiSend{
			Inputs:  []banktypes.Input{{Address: a("alice").String(), Coins: coinsOf("1stake")}, {Address: a("bob").String(), Coins: coinsOf("1stake")}},
			Outputs: []banktypes.Output{{Address: a("carol").String(), Coins: coinsOf("2stake")}}})},
		{name: "multisend_sum_mismatch", about: "outputs exceed the input", request: with(by("alice"), nil, multi("alice", "1stake", [2]string{"bob", "2stake"}))},
		{name: "multisend_zero_output", about: "an output of zero coins", request: with(by("alice"), nil, multi("alice", "1stake", [2]string{"bob", "1stake"}, [2]string{"carol", "0stake"}))},

		// Failures before the messages: nothing changes.
		{name: "sequence_too_high", about: "one sequence ahead", request: with(by("carol"), func(r *request) { r.signers[0].sequence = u(99) }, send("carol", "bob", "1stake"))},
		{name: "sequence_used", about: "a sequence used before", request: with(by("alice"), func(r *request) { r.signers[0].sequence = u(0) }, send("alice", "bob", "1stake"))},
		{name: "sequence_used_amino", about: "the same, amino", request: with(by("alice"), func(r *request) { mode(r); r.signers[0].sequence = u(0) }, send("alice", "bob", "1stake"))},
		{name: "wrong_chain_id", about: "signed for another chain", request: with(by("alice"), func(r *request) { r.signers[0].chainID = "other-1" }, send("alice", "bob", "1stake"))},
		{name: "wrong_chain_id_amino", about: "the same, amino", request: with(by("alice"), func(r *request) { mode(r); r.signers[0].chainID = "other-1" }, send("alice", "bob", "1stake"))},
		{name: "wrong_account_number", about: "signed with another account number", request: with(by("alice"), func(r *request) { r.signers[0].accNum = u(77) }, send("alice", "bob", "1stake"))},
		{name: "wrong_signer", about: "the key stated is right, the signature is another's", request: with(by("alice"), func(r *request) { r.signers[0].signWith = k("bob") }, send("alice", "bob", "1stake"))},
		{name: "wrong_public_key", about: "the key stated is not the sender's", request: with(by("alice"), func(r *request) { r.signers[0].pubKeyOf = k("bob") }, send("alice", "bob", "1stake"))},
		{name: "no_public_key_unknown", about: "no key stated, the account has none", request: with(by("member1"), func(r *request) { r.signers[0].noPubKey = true; r.fee = coinsOf("500stake") }, send("member1", "bob", "1stake"))},
		{name: "high_s", about: "the signature's S above half the order", request: with(by("alice"), func(r *request) {
			r.editRaw = func(t *txtypes.TxRaw) {
				s := new(big.Int).SetBytes(t.Signatures[0][32:])
				new(big.Int).Sub(halfOrder, s).FillBytes(t.Signatures[0][32:])
			}
		}, send("alice", "bob", "1stake"))},
		{name: "no_signatures", about: "signer stated, signatures missing", request: with(by("alice"), func(r *request) { r.editRaw = func(t *txtypes.TxRaw) { t.Signatures = nil } }, send("alice", "bob", "1stake"))},
		{name: "empty_signature", about: "one signature of no bytes", request: with(by("alice"), func(r *request) { r.editRaw = func(t *txtypes.TxRaw) { t.Signatures = [][]byte{{}} } }, send("alice", "bob", "1stake"))},
		{name: "extra_signature", about: "one signature more than signers", request: with(by("alice"), func(r *request) {
			r.editRaw = func(t *txtypes.TxRaw) { t.Signatures = append(t.Signatures, t.Signatures[0]) }
		}, send("alice", "bob", "1stake"))},
		{name: "missing_signer", about: "two messages of two signers, one signs", request: with(by("alice"), nil, send("alice", "carol", "1stake"), send("bob", "carol", "2stake"))},
		{name: "too_many_signatures", about: "a threshold of eight keys; the limit is seven", request: with(by("eight"), func(r *request) { mode(r); r.gas = 400_000 }, send("eight", "bob", "1stake"))},
		{name: "multisig_below_threshold", about: "one of the 2 of 3 signs", request: with(by("two-of-three"), func(r *request) {
			mode(r)
			r.signers[0].with = map[string]bool{"member2": true}
		}, send("two-of-three", "bob", "1stake"))},
		{name: "fee_too_low", about: "below the node's minimum gas price; accepted in a block", request: with(by("alice"), fee("1stake", 300_000), send("alice", "bob", "1stake"))},
		{name: "fee_in_wrong_denom", about: "the node's minimum is in stake; accepted in a block", request: with(by("alice"), fee("5000alpha", 300_000), send("alice", "bob", "1stake"))},
		{name: "fee_unsorted", about: "fee coins out of order", request: with(by("alice"), fee("2000stake,1alpha", 300_000), send("alice", "bob", "1stake"))},
		{name: "gas_zero", about: "no gas limit", mayDiffer: true, request: with(by("alice"), fee("2000stake", 0), send("alice", "bob", "1stake"))},
		{name: "gas_above_block_max", about: "more gas than a block may hold", request: with(by("alice"), fee("200000stake", maxBlockGas+1), send("alice", "bob", "1stake"))},
		{name: "out_of_gas_in_ante_size", about: "not even the bytes can be paid for", mayDiffer: true, request: with(by("alice"), fee("2000stake", 2_500), send("alice", "bob", "1stake"))},
		{name: "out_of_gas_in_ante_fee", about: "runs out while the fee is taken", mayDiffer: true, request: with(by("alice"), fee("2000stake", 20_000), send("alice", "bob", "1stake"))},
		{name: "fee_payer_without_funds", about: "the fee exceeds the balance", request: with(by("poor"), nil, send("poor", "bob", "1stake"))},
		{name: "fee_denom_not_held", about: "none of the fee's denomination held", request: with(by("dave"), fee("1beta,2000stake", 300_000), send("dave", "bob", "1stake"))},
		{name: "fee_payer_unknown", about: "the sender has no account", request: with(by("stranger"), nil, send("stranger", "bob", "1stake"))},
		{name: "signer_unknown", about: "the fee payer exists, the sender has no account", request: with(by("stranger", "payer"), func(r *request) { r.payer = a("payer") }, send("stranger", "bob", "1stake"))},
		{name: "memo_too_long", about: "a memo of 257 characters", request: with(by("alice"), memo(strings.Repeat("m", 257)), send("alice", "bob", "1stake"))},
		{name: "timeout_height_passed", about: "timeout_height 1", request: with(by("alice"), func(r *request) { r.timeout = 1 }, send("alice", "bob", "1stake"))},
		{name: "critical_extension", about: "a critical extension option", request: with(by("alice"), func(r *request) {
			r.extension = []*codectypes.Any{anyMsg("/cosmos.bank.v1beta1.MsgSend", plain)}
		}, send("alice", "bob", "1stake"))},
		{name: "non_critical_extension_of_a_known_type", about: "a type that is no extension option, even non-critical, does not decode", request: with(by("alice"), func(r *request) {
			r.nonCritExt = []*codectypes.Any{anyMsg("/cosmos.bank.v1beta1.MsgSend", plain)}
		}, send("alice", "bob", "1stake"))},
		{name: "non_critical_extension_of_an_unknown_type", about: "a type that nobody has", request: with(by("alice"), func(r *request) {
			r.nonCritExt = []*codectypes.Any{anyMsg("/plume.nowhere.v1.Nothing", []byte{})}
		}, send("alice", "bob", "1stake"))},
		{name: "no_messages", about: "an empty body", request: with(by("alice"), nil)},
		{name: "unknown_type_url", about: "a message that nobody has", request: with(by("alice"), func(r *request) { r.anys = []*codectypes.Any{anyMsg("/plume.nowhere.v1.MsgNothing", []byte{})} })},
		{name: "type_url_of_no_message", about: "a type that is no message: it has no signer", request: with(by("alice"), func(r *request) { r.anys = []*codectypes.Any{anyMsg("/cosmos.bank.v1beta1.Params", []byte{})} })},
		{name: "type_url_without_slash", about: "the type URL lacks its slash", request: with(by("alice"), func(r *request) { r.anys = []*codectypes.Any{anyMsg("cosmos.bank.v1beta1.MsgSend", plain)} })},
		{name: "message_undecodable", about: "the message's bytes are cut short", request: with(by("alice"), func(r *request) {
			r.anys = []*codectypes.Any{anyMsg("/cosmos.bank.v1beta1.MsgSend", plain[:len(plain)-3])}
		})},
		{name: "unknown_critical_field_in_body", about: "ADR-020: field 9 of TxBody", request: with(by("alice"), func(r *request) { r.editBody = add(field(9, []byte("x"))) }, send("alice", "bob", "1stake"))},
		{name: "unknown_non_critical_field_in_auth_info", about: "ADR-020: none is let through in AuthInfo", request: with(by("alice"), func(r *request) { r.editAuth = add(field(1024+7, []byte("x"))) }, send("alice", "bob", "1stake"))},
		{name: "unknown_field_in_raw", about: "a fourth field in TxRaw", request: with(by("alice"), func(r *request) { r.editBytes = add(field(4, []byte("x"))) }, send("alice", "bob", "1stake"))},
		{name: "unknown_field_in_message", about: "a fourth field in MsgSend", request: with(by("alice"), func(r *request) {
			r.anys = []*codectypes.Any{anyMsg("/cosmos.bank.v1beta1.MsgSend", append(append([]byte{}, plain...), field(4, []byte("x"))...))}
		})},
		{name: "unknown_non_critical_field_in_message", about: "a field number with bit 11 set in MsgSend", request: with(by("alice"), func(r *request) {
			r.anys = []*codectypes.Any{anyMsg("/cosmos.bank.v1beta1.MsgSend", append(append([]byte{}, plain...), field(1024+7, []byte("x"))...))}
		})},
		{name: "long_varint", about: "ADR-027: the body's length is not in its shortest form", request: with(by("alice"), func(r *request) {
			r.editBytes = func(b []byte) []byte {
				// 0x0a, two bytes of length; the second gets a needless continuation.
				return append([]byte{b[0], b[1], b[2] | 0x80, 0x00}, b[3:]...)
			}
		}, send("alice", "bob", "1stake"))},
		{name: "garbage", about: "bytes that are no transaction", raw: bytes.Repeat([]byte{0xff}, 40)},
		{name: "empty", about: "no bytes at all", raw: []byte{}},
		{name: "text", about: "text", raw: []byte("not a transaction")},
		// Success after all the failures: sequences are what the successes and the failed messages made them.
		{name: "send_after_failures", about: "an ordinary send again", request: with(by("carol"), nil, send("carol", "bob", "1stake"))},

		// After the queries: an implementation may well end these otherwise than the SDK does.
		{name: "no_public_key_known", diverges: true, about: "no key stated, the account has one", request: with(by("alice"), func(r *request) { r.signers[0].noPubKey = true }, send("alice", "bob", "1stake"))},
		{name: "body_field_twice", diverges: true, about: "ADR-027: the body occurs twice in TxRaw", request: with(by("alice"), func(r *request) {
			r.editBytes = func(b []byte) []byte { return append(field(1, []byte{}), b...) }
		}, send("alice", "bob", "1stake"))},
	}
}
