package main

import (
	"encoding/base64"
	"strings"
)

const (
	alice = "cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu"
	bob   = "cosmos1zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg34we5wl"
)

type jsonCase struct{ name, json string }

type binaryCase struct{ name, hex string }

func base(length int, first byte) string {
	key := make([]byte, length)
	key[0] = first
	return base64.StdEncoding.EncodeToString(key)
}

func secp(first byte) string {
	return `{"type":"tendermint/PubKeySecp256k1","value":"` + base(33, first) + `"}`
}

// signed is a transaction of these messages with one signature.
func signed(messages ...string) string {
	return `{"type":"cosmos-sdk/StdTx","value":{"msg":[` + strings.Join(messages, ",") + `],"fee":{"amount":[{"denom":"stake","amount":"200"}],"gas":"200000"},` +
		`"signatures":[{"pub_key":` + secp(2) + `,"signature":"` + base(64, 7) + `"}],"memo":"a memo <&> \u2028","timeout_height":"12"}}`
}

func wrapped(value string) string { return `{"type":"cosmos-sdk/StdTx","value":` + value + `}` }

// message is one with its amino name; ALICE and BOB stand for addresses.
func message(name, value string) string {
	value = strings.NewReplacer("ALICE", alice, "BOB", bob).Replace(value)
	return `{"type":"` + name + `","value":` + value + `}`
}

func encoded() []jsonCase {
	const coin = `{"denom":"stake","amount":"1234567"}`
	send := message("cosmos-sdk/MsgSend", `{"from_address":"ALICE","to_address":"BOB","amount":[`+coin+`,{"denom":"z","amount":"115792089237316195423570985008687907853269984665640564039457584007913129639935"}]}`)
	threshold := `{"type":"tendermint/PubKeyMultisigThreshold","value":{"threshold":"2","pubkeys":[` + secp(2) + `,` + secp(3) +
		`,{"type":"tendermint/PubKeyEd25519","value":"` + base(32, 9) + `"}]}}`
	params := `{"block":{"max_bytes":"22020096","max_gas":"-1"},"evidence":{"max_age_num_blocks":"100000","max_age_duration":"172800000000000","max_bytes":"1048576"},"validator":{"pub_key_types":["ed25519","secp256k1"]}`
	grant := func(authorization string) string {
		return message("cosmos-sdk/MsgGrant", `{"granter":"ALICE","grantee":"BOB","grant":{"authorization":`+authorization+`,"expiration":"2030-01-02T03:04:05.678Z"}}`)
	}
	validator := `"delegator_address":"ALICE","validator_address":"cosmosvaloper1x"`
	out := []jsonCase{
		{"send", signed(send)},
		{"send, nothing set", signed(message("cosmos-sdk/MsgSend", `{}`))},
		{"send, coin without amount", signed(message("cosmos-sdk/MsgSend", `{"amount":[{"denom":"x"},{}]}`))},
		{"multi send", signed(message("cosmos-sdk/MsgMultiSend", `{"inputs":[{"address":"ALICE","coins":[`+coin+`]}],"outputs":[{"address":"BOB","coins":[`+coin+`]},{"address":"","coins":[]}]}`))},
		{"multi send, nothing set", signed(message("cosmos-sdk/MsgMultiSend", `{}`))},
		{"bank parameters", signed(message("cosmos-sdk/x/bank/MsgUpdateParams", `{"authority":"ALICE","params":{"send_enabled":[{"denom":"a","enabled":true},{"denom":"b"}],"default_send_enabled":true}}`))},
		{"bank parameters, nothing set", signed(message("cosmos-sdk/x/bank/MsgUpdateParams", `{}`))},
		{"set send enabled", signed(message("cosmos-sdk/MsgSetSendEnabled", `{"authority":"ALICE","send_enabled":[{"denom":"a","enabled":true},{}],"use_default_for":["x","","y"]}`))},
		{"auth parameters", signed(message("cosmos-sdk/x/auth/MsgUpdateParams", `{"authority":"ALICE","params":{"max_memo_characters":"256","tx_sig_limit":"7","tx_size_cost_per_byte":"10","sig_verify_cost_ed25519":"18446744073709551615","sig_verify_cost_secp256k1":"1000"}}`))},
		{"auth parameters, nothing set", signed(message("cosmos-sdk/x/auth/MsgUpdateParams", `{"authority":"ALICE"}`))},
		{"consensus parameters", signed(message("cosmos-sdk/x/consensus/MsgUpdateParams", `{"authority":"ALICE",`+params[1:]+`,"abci":{"vote_extensions_enable_height":"5"}}`))},
		{"consensus parameters without abci", signed(message("cosmos-sdk/x/consensus/MsgUpdateParams", `{"authority":"ALICE",`+params[1:]+`}`))},
		{"consensus parameters, empty parts", signed(message("cosmos-sdk/x/consensus/MsgUpdateParams", `{"block":{},"evidence":{},"validator":{},"abci":{}}`))},
		{"several messages", signed(send, message("cosmos-sdk/MsgSetSendEnabled", `{}`), send)},
		{"nothing set", wrapped(`{}`)},
		{"a field that does not exist", wrapped(`{"msg":[],"fee":{"amount":null,"gas":"1","tip":1},"more":{"x":[1]}}`)},
		{"all null", wrapped(`{"msg":null,"fee":null,"signatures":null,"memo":null,"timeout_height":null}`)},
		{"payer and granter", wrapped(`{"msg":[],"fee":{"amount":[],"gas":"5","payer":"` + alice + `","granter":"` + bob + `"},"signatures":[{},{"pub_key":null,"signature":"AQID"}],"memo":"","timeout_height":"18446744073709551615"}`)},
		{"a message that is null", wrapped(`{"msg":[null,` + send + `]}`)},
		{"keys of all types", wrapped(`{"msg":[` + send + `],"signatures":[{"pub_key":` + secp(3) + `},{"pub_key":{"type":"tendermint/PubKeyEd25519","value":"` + base(32, 1) + `"},"signature":"AA=="},{"pub_key":` + threshold + `,"signature":"/w=="}]}`)},
		{"threshold key of threshold keys", wrapped(`{"signatures":[{"pub_key":{"type":"tendermint/PubKeyMultisigThreshold","value":{"threshold":"1","pubkeys":[` + threshold + `]}}}]}`)},
		{"create validator", signed(message("cosmos-sdk/MsgCreateValidator", `{"description":{"moniker":"m","details":"d"},"commission":{"rate":"0.100000000000000000","max_rate":"1","max_change_rate":"0.000000000000000001"},"min_self_delegation":"1",`+validator+`,"pubkey":{"type":"tendermint/PubKeyEd25519","value":"`+base(32, 4)+`"},"value":`+coin+`}`))},
		{"edit validator, rate", signed(message("cosmos-sdk/MsgEditValidator", `{"validator_address":"x","commission_rate":"0.150000000000000000","min_self_delegation":"7"}`))},
		{"edit validator, no rate", signed(message("cosmos-sdk/MsgEditValidator", `{"description":{},"validator_address":"x","commission_rate":null}`))},
		{"delegate", signed(message("cosmos-sdk/MsgDelegate", `{`+validator+`,"amount":`+coin+`}`))},
		{"cancel unbonding", signed(message("cosmos-sdk/MsgCancelUnbondingDelegation", `{`+validator+`,"amount":`+coin+`,"creation_height":"-5"}`))},
		{"staking parameters", signed(message("cosmos-sdk/x/staking/MsgUpdateParams", `{"authority":"ALICE","params":{"unbonding_time":"1814400000000000","max_validators":100,"max_entries":7,"historical_entries":10000,"bond_denom":"stake","min_commission_rate":"0.050000000000000000"}}`))},
		{"withdraw", signed(message("cosmos-sdk/MsgWithdrawDelegationReward", `{`+validator+`}`))},
		{"fund the pool", signed(message("cosmos-sdk/MsgFundCommunityPool", `{"amount":[`+coin+`],"depositor":"ALICE"}`))},
		{"vote", signed(message("cosmos-sdk/v1/MsgVote", `{"proposal_id":"7","voter":"ALICE","option":3,"metadata":"m"}`))},
		{"weighted votes", signed(message("cosmos-sdk/v1/MsgVoteWeighted", `{"proposal_id":"7","voter":"ALICE","options":[{"option":1,"weight":"0.7"},{"option":-1,"weight":"0.3"},null]}`), message("cosmos-sdk/MsgVoteWeighted", `{"proposal_id":"7","voter":"ALICE","options":[{"option":1,"weight":"0.700000000000000000"}]}`))},
		{"proposal with messages", signed(message("cosmos-sdk/v1/MsgSubmitProposal", `{"messages":[`+send+`],"initial_deposit":[`+coin+`],"proposer":"ALICE","title":"t","expedited":true}`))},
		{"proposal of text", signed(message("cosmos-sdk/MsgSubmitProposal", `{"content":{"type":"cosmos-sdk/TextProposal","value":{"title":"T","description":"D"}},"initial_deposit":[],"proposer":"ALICE"}`))},
		{"grant to send", signed(grant(`{"type":"cosmos-sdk/SendAuthorization","value":{"spend_limit":[` + coin + `],"allow_list":["` + bob + `"]}}`))},
		{"grant to stake", signed(grant(`{"type":"cosmos-sdk/StakeAuthorization","value":{"max_tokens":` + coin + `,"Validators":{"type":"cosmos-sdk/StakeAuthorization/AllowList","value":{"allow_list":{"address":["v1","v2"]}}},"authorization_type":1}}`))},
		{"grant without end", signed(message("cosmos-sdk/MsgGrant", `{"granter":"ALICE","grantee":"BOB","grant":{"authorization":{"type":"cosmos-sdk/GenericAuthorization","value":{"msg":"/x"}}}}`))},
		{"execute for others", signed(message("cosmos-sdk/MsgExec", `{"grantee":"ALICE","msgs":[`+send+`,`+message("cosmos-sdk/MsgExec", `{"msgs":[`+send+`]}`)+`]}`))},
		{"vesting account", signed(message("cosmos-sdk/MsgCreateVestingAccount", `{"from_address":"ALICE","to_address":"BOB","amount":[`+coin+`],"end_time":"1800000000","delayed":true}`))},
		{"periodic vesting account", signed(message("cosmos-sdk/MsgCreatePeriodVestAccount", `{"start_time":"-1","vesting_periods":[{"length":"5","amount":[`+coin+`]},{}]}`))},
		{"not JSON", `{`},
		{"no object", `[]`},
		{"another type", message("cosmos-sdk/MsgSend", `{}`)},
		{"no type", `{"value":{}}`},
		{"no value", `{"type":"cosmos-sdk/StdTx"}`},
		{"message of an unknown type", wrapped(`{"msg":[{"type":"x/Y","value":{}}]}`)},
		{"message without its envelope", wrapped(`{"msg":[{"from_address":"x"}]}`)},
		{"a number that is not text", wrapped(`{"timeout_height":12}`)},
		{"a negative gas", wrapped(`{"fee":{"gas":"-1"}}`)},
		{"a number out of range", wrapped(`{"fee":{"gas":"18446744073709551616"}}`)},
		{"a fraction", wrapped(`{"fee":{"gas":"1.5"}}`)},
		{"text that is a number", wrapped(`{"memo":5}`)},
		{"bytes that are no base64", wrapped(`{"signatures":[{"signature":"!"}]}`)},
		{"an amount that is no number", wrapped(`{"fee":{"amount":[{"denom":"x","amount":"1x"}]}}`)},
		{"an amount that is a number", wrapped(`{"fee":{"amount":[{"denom":"x","amount":1}]}}`)},
		{"an amount out of range", wrapped(`{"fee":{"amount":[{"denom":"x","amount":"115792089237316195423570985008687907853269984665640564039457584007913129639936"}]}}`)},
		{"a key of the wrong size", wrapped(`{"signatures":[{"pub_key":{"type":"tendermint/PubKeySecp256k1","value":"AA=="}}]}`)},
		{"a list that is an object", wrapped(`{"msg":{}}`)},
		{"an enumeration by name", signed(message("cosmos-sdk/v1/MsgVote", `{"option":"VOTE_OPTION_YES"}`))},
		{"a time that is not UTC", signed(strings.Replace(grant(`{"type":"cosmos-sdk/GenericAuthorization","value":{}}`), "678Z", "678+01:00", 1))},
		{"more than 18 places", signed(message("cosmos-sdk/MsgEditValidator", `{"commission_rate":"0.1500000000000000000"}`))},
	}
	return out
}

func decoded() []binaryCase {
	const prefix = "282816a9"
	return []binaryCase{
		{"binary: nothing set", prefix},
		{"binary: empty", ""},
		{"binary: short", "2828"},
		{"binary: another prefix", "f0625dee"},
		{"binary: truncated", prefix + "0a05a8a33b"},
		{"binary: message of an unknown type", prefix + "0a0401020304"},
		{"binary: message without a prefix", prefix + "0a020102"},
		{"binary: message that is nil", prefix + "0a00"},
		{"binary: message with its disambiguation", prefix + "0a0800" + "45cbff" + "a8a3619a"},
		{"binary: fields out of order", prefix + "220161" + "1200"},
		{"binary: a field twice", prefix + "220161" + "220162"},
		{"binary: wrong wire type", prefix + "2001"},
		{"binary: an unknown field behind", prefix + "2801" + "320161"},
		{"binary: fee that is empty", prefix + "1200"},
		{"binary: coin that is empty", prefix + "12020a00"},
		{"binary: amount that is empty", prefix + "12070a05" + "0a01781200"},
		{"binary: amount that is no number", prefix + "12080a06" + "0a0178120178"},
		{"binary: a padded number", prefix + "288100"},
		{"binary: a number out of range", prefix + "28ffffffffffffffffff7f"},
		{"binary: signature of nothing", prefix + "1a00"},
		{"binary: key of the wrong size", prefix + "1a090a07eb5ae98702" + "0203"},
		{"binary: key with bytes behind", prefix + "1a2a0a28eb5ae98721" + strings.Repeat("02", 33) + "0000"},
	}
}
