package main

import (
	"strings"

	_ "cosmossdk.io/api/cosmos/authz/v1beta1"
	_ "cosmossdk.io/api/cosmos/bank/v1beta1"
	basev1beta1 "cosmossdk.io/api/cosmos/base/v1beta1"
	_ "cosmossdk.io/api/cosmos/crypto/ed25519"
	"cosmossdk.io/api/cosmos/crypto/multisig"
	multisigv1beta1 "cosmossdk.io/api/cosmos/crypto/multisig/v1beta1"
	secp256k1 "cosmossdk.io/api/cosmos/crypto/secp256k1"
	_ "cosmossdk.io/api/cosmos/distribution/v1beta1"
	_ "cosmossdk.io/api/cosmos/feegrant/v1beta1"
	_ "cosmossdk.io/api/cosmos/gov/v1beta1"
	_ "cosmossdk.io/api/cosmos/staking/v1beta1"
	signingv1beta1 "cosmossdk.io/api/cosmos/tx/signing/v1beta1"
	txv1beta1 "cosmossdk.io/api/cosmos/tx/v1beta1"
	_ "cosmossdk.io/api/cosmos/vesting/v1beta1"
	"cosmossdk.io/x/tx/signing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	alice = "plume1qyqszqgpqyqszqgpqyqszqgpqyqszqgp39xw7n"
	bob   = "plume1qgpqyqszqgpqyqszqgpqyqszqgpqyqszxp6e9w"
)

func pack(m proto.Message) *anypb.Any {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return &anypb.Any{TypeUrl: "/" + string(m.ProtoReflect().Descriptor().FullName()), Value: value}
}

func key(seed byte) *anypb.Any {
	return pack(&secp256k1.PubKey{Key: append([]byte{2}, []byte(strings.Repeat(string(rune(seed)), 32))...)})
}

func coin(amount, denom string) *basev1beta1.Coin {
	return &basev1beta1.Coin{Amount: amount, Denom: denom}
}

func info(key *anypb.Any, mode signingv1beta1.SignMode, sequence uint64) *txv1beta1.SignerInfo {
	single := &txv1beta1.ModeInfo_Single_{Single: &txv1beta1.ModeInfo_Single{Mode: mode}}
	return &txv1beta1.SignerInfo{PublicKey: key, ModeInfo: &txv1beta1.ModeInfo{Sum: single}, Sequence: sequence}
}

// plain is a transaction that alice signs.
func plain(name string, messages ...proto.Message) testCase {
	body := &txv1beta1.TxBody{}
	for _, m := range messages {
		body.Messages = append(body.Messages, pack(m))
	}
	return testCase{
		name: name,
		body: body,
		authInfo: &txv1beta1.AuthInfo{
			SignerInfos: []*txv1beta1.SignerInfo{info(key('a'), signingv1beta1.SignMode_SIGN_MODE_TEXTUAL, 7)},
			Fee:         &txv1beta1.Fee{Amount: []*basev1beta1.Coin{coin("2000", "uplume")}, GasLimit: 180_000},
		},
		signer: signing.SignerData{
			Address: alice, ChainID: "plume-local-1", AccountNumber: 12_345, Sequence: 7, PubKey: key('a'),
		},
	}
}

func (c testCase) with(edit func(*testCase)) testCase {
	edit(&c)
	return c
}

// sponsored is one whose fee bob pays, so that alice may sign as an auxiliary.
func sponsored(c testCase) testCase {
	return c.with(func(c *testCase) {
		c.name += ", paid by another"
		c.authInfo.Fee.Payer = bob
		c.authInfo.SignerInfos = append(c.authInfo.SignerInfos, info(key('b'), signingv1beta1.SignMode_SIGN_MODE_DIRECT, 0))
	})
}

func send(coins string) proto.Message {
	return message("cosmos.bank.v1beta1.MsgSend", `{"from_address":"`+alice+`","to_address":"`+bob+`","amount":[`+coins+`]}`)
}

func named(name protoreflect.FullName, json string) testCase {
	return plain(string(name), message(name, strings.ReplaceAll(json, "ALICE", alice)))
}

func cases() []testCase {
	const one = `{"denom":"uplume","amount":"1234567"}`
	tricky := "a<b>&c \"q\" \\ \n\t\u007f \u2028\u2029 Grüße 你好 🪶"
	out := []testCase{
		plain("send", send(one)),
		sponsored(plain("send", send(one))),
		plain("no coins", send("")),
		plain("several coins", send(`{"denom":"uplume","amount":"1"},{"denom":"aether","amount":"15"},{"denom":"odd","amount":"1000"},{"denom":"unknown","amount":"123456789012345678901234567890"}`)),
		plain("amounts beyond their places", send(`{"denom":"aether","amount":"250"},{"denom":"mplume","amount":"1500"}`)),
		plain("halves", send(`{"denom":"aether","amount":"50"},{"denom":"tiny","amount":"500000000000000001"},{"denom":"wee","amount":"5000000000000000001"}`)),
		plain("more than halves", send(`{"denom":"aether","amount":"150"},{"denom":"tiny","amount":"-1500000000000000000"},{"denom":"wee","amount":"9999999999999999999999999999999999999999"}`)),
		plain("comma in a coin", send(`{"denom":"a,b","amount":"1"}`)),
		plain("memo", send(one)).with(func(c *testCase) { c.body.Memo, c.body.TimeoutHeight = tricky, 1_000_000 }),
		plain("first transaction of account 0", send(one)).with(func(c *testCase) {
			c.signer.AccountNumber, c.signer.Sequence = 0, 0
			c.authInfo.SignerInfos[0].Sequence = 0
		}),
		plain("granter, no fee", send(one)).with(func(c *testCase) {
			c.authInfo.Fee.Granter, c.authInfo.Fee.Amount = bob, nil
		}),
		plain("messages", send(one), send(one), message("plume.toy.v1.MsgRest", `{"player":"`+alice+`"}`)),
		plain("member of a threshold key", send(one)).with(func(c *testCase) {
			group := pack(&multisig.LegacyAminoPubKey{Threshold: 2, PublicKeys: []*anypb.Any{key('a'), key('b'), key('c')}})
			c.authInfo.SignerInfos[0].PublicKey = group
			c.signer.PubKey = group
		}),
		plain("another signer with a threshold key", send(one)).with(func(c *testCase) {
			group := pack(&multisig.LegacyAminoPubKey{Threshold: 1, PublicKeys: []*anypb.Any{key('b'), key('c')}})
			multi := &txv1beta1.ModeInfo_Multi_{Multi: &txv1beta1.ModeInfo_Multi{
				Bitarray: &multisigv1beta1.CompactBitArray{ExtraBitsStored: 2, Elems: []byte{0x80}},
				ModeInfos: []*txv1beta1.ModeInfo{
					info(nil, signingv1beta1.SignMode_SIGN_MODE_LEGACY_AMINO_JSON, 0).ModeInfo,
				},
			}}
			c.authInfo.SignerInfos = append(c.authInfo.SignerInfos, &txv1beta1.SignerInfo{
				PublicKey: group, ModeInfo: &txv1beta1.ModeInfo{Sum: multi}, Sequence: 3,
			})
		}),
	}
	validator := `"delegator_address":"ALICE","validator_address":"plumevaloper1x"`
	out = append(out,
		named("cosmos.staking.v1beta1.MsgCreateValidator", `{`+validator+`,"description":{"moniker":"m <1>"},
			"commission":{"rate":"100000000000000000","max_rate":"1000000000000000000","max_change_rate":"1"},
			"min_self_delegation":"1","value":`+one+`,
			"pubkey":{"@type":"/cosmos.crypto.ed25519.PubKey","key":"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="}}`),
		named("cosmos.staking.v1beta1.MsgEditValidator", `{"validator_address":"plumevaloper1x","commission_rate":"150000000000000000","min_self_delegation":"7"}`),
		named("cosmos.staking.v1beta1.MsgDelegate", `{`+validator+`,"amount":`+one+`}`),
		named("cosmos.gov.v1beta1.MsgVoteWeighted", `{"proposal_id":"18446744073709551615","voter":"ALICE","options":[
			{"option":1,"weight":"700000000000000000"},{"option":4,"weight":"300000000000000000"}]}`),
		named("cosmos.gov.v1beta1.MsgSubmitProposal", `{"proposer":"ALICE","content":{"@type":"/cosmos.gov.v1beta1.TextProposal","title":"T","description":"line\nline"}}`),
		named("cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward", `{`+validator+`}`),
		named("cosmos.vesting.v1beta1.MsgCreateVestingAccount", `{"from_address":"ALICE","to_address":"x","amount":[`+one+`],"end_time":"1800000000","delayed":false}`),
		named("cosmos.authz.v1beta1.MsgGrant", `{"granter":"ALICE","grantee":"x","grant":{"expiration":"2030-01-02T03:04:05.678Z",
			"authorization":{"@type":"/cosmos.bank.v1beta1.SendAuthorization","spend_limit":[`+one+`]}}}`),
		named("cosmos.authz.v1beta1.MsgExec", `{"grantee":"ALICE","msgs":[{"@type":"/cosmos.bank.v1beta1.MsgSend","from_address":"x","amount":[`+one+`]}]}`),
		named("cosmos.feegrant.v1beta1.MsgGrantAllowance", `{"granter":"ALICE","grantee":"x","allowance":{"@type":"/cosmos.feegrant.v1beta1.PeriodicAllowance",
			"basic":{"spend_limit":[`+one+`]},"period":"90061.5s","period_reset":"2030-01-02T03:04:05Z"}}`),
		named("plume.toy.v1.MsgShow", `{"player":"ALICE","flag":true,"small":-7,"large":"-9223372036854775808","small_unsigned":4294967295,
			"large_unsigned":"18446744073709551615","raw":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj","colour":"COLOUR_FAR_AWAY",
			"rate":"-1234500000000000000000","share":"0.250","amount":"1000000000000000000000000","price":`+one+`,"prices":[`+one+`,{"denom":"aether","amount":"1"}],
			"begins":"2020-02-29T23:59:59.000000001Z","lasts":"-86461.250s",
			"prize":{"@type":"/plume.toy.v1.Toy","name":"inside","age":"1000"},
			"toys":[{},{"name":"a","inside":{"name":"b","colours":[0,200]}}],"numbers":["0","1000000"],"names":["","x\ny"],"colours":[1],
			"prizes":[{"@type":"/plume.toy.v1.MsgRest","player":"x"},{"@type":"/plume.toy.v1.Toy"}],"roll":{"name":"r"}}`),
		named("plume.toy.v1.MsgShow", `{"player":"ALICE","prizes":[{"@type":"/google.protobuf.Duration","value":"3600s"},
			{"@type":"/cosmos.base.v1beta1.Coin","denom":"uplume","amount":"5"}]}`).with(func(c *testCase) { c.name += ", packed values" }),
		named("plume.toy.v1.MsgShow", `{"player":"ALICE","bounce":""}`).with(func(c *testCase) { c.name += ", little" }),
		named("plume.toy.v1.MsgPlay", `{"player":"ALICE","large_zigzag":"1","price":`+one+`}`),
	)
	return out
}
