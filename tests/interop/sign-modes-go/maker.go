package main

import (
	"context"
	"encoding/hex"

	bankv1beta1 "cosmossdk.io/api/cosmos/bank/v1beta1"
	signingv1beta1 "cosmossdk.io/api/cosmos/tx/signing/v1beta1"
	txv1beta1 "cosmossdk.io/api/cosmos/tx/v1beta1"
	"cosmossdk.io/x/tx/signing"
	"cosmossdk.io/x/tx/signing/aminojson"
	"cosmossdk.io/x/tx/signing/direct"
	"cosmossdk.io/x/tx/signing/directaux"
	"cosmossdk.io/x/tx/signing/textual"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// vector is one transaction, what the SDK signs for it, and why it does not where it refuses.
type vector struct {
	Name          string            `json:"name"`
	Body          string            `json:"body"`
	AuthInfo      string            `json:"auth_info"`
	Address       string            `json:"address"`
	ChainID       string            `json:"chain_id"`
	AccountNumber uint64            `json:"account_number"`
	Sequence      uint64            `json:"sequence"`
	PublicKey     [2]string         `json:"public_key"`
	Signed        map[string]string `json:"signed"`
	Refused       map[string]string `json:"refused"`
}

type maker struct {
	handlers *signing.HandlerMap
}

// texts stands in for bech32: aux signing only compares addresses.
type texts struct{}

func (texts) StringToBytes(text string) ([]byte, error)  { return []byte(text), nil }
func (texts) BytesToString(bytes []byte) (string, error) { return string(bytes), nil }

// known is what the state says about denominations; the chain's test has the same.
var known = map[string]*bankv1beta1.Metadata{
	"uplume": {
		Base:    "uplume",
		Display: "plume",
		DenomUnits: []*bankv1beta1.DenomUnit{
			{Denom: "uplume"},
			{Denom: "mplume", Exponent: 3},
			{Denom: "plume", Exponent: 6},
		},
	},
	"aether": {
		Base:       "aether",
		Display:    "ether",
		DenomUnits: []*bankv1beta1.DenomUnit{{Denom: "aether"}, {Denom: "ether", Exponent: 20}},
	},
	"odd":  {Base: "odd", Display: "even"},
	"tiny": far("tiny", 36),
	"wee":  far("wee", 37),
}

// far is a denomination whose display unit is 10^exponent of it.
func far(denom string, exponent uint32) *bankv1beta1.Metadata {
	units := []*bankv1beta1.DenomUnit{{Denom: denom}, {Denom: "many" + denom, Exponent: exponent}}
	return &bankv1beta1.Metadata{Base: denom, Display: "many" + denom, DenomUnits: units}
}

func newMaker() (*maker, error) {
	if err := registerToy(); err != nil {
		return nil, err
	}
	files := protoregistry.GlobalFiles
	signers, err := signing.NewContext(signing.Options{
		FileResolver: files, AddressCodec: texts{}, ValidatorAddressCodec: texts{},
	})
	if err != nil {
		return nil, err
	}
	aux, err := directaux.NewSignModeHandler(directaux.SignModeHandlerOptions{SignersContext: signers})
	if err != nil {
		return nil, err
	}
	screens, err := textual.NewSignModeHandler(textual.SignModeOptions{
		CoinMetadataQuerier: func(_ context.Context, denom string) (*bankv1beta1.Metadata, error) {
			return known[denom], nil
		},
		FileResolver: files,
	})
	if err != nil {
		return nil, err
	}
	amino := aminojson.NewSignModeHandler(aminojson.SignModeHandlerOptions{FileResolver: files})
	return &maker{signing.NewHandlerMap(direct.SignModeHandler{}, aux, amino, screens)}, nil
}

func (m *maker) vector(c testCase) (vector, error) {
	options := proto.MarshalOptions{Deterministic: true}
	body, err := options.Marshal(c.body)
	if err != nil {
		return vector{}, err
	}
	authInfo, err := options.Marshal(c.authInfo)
	if err != nil {
		return vector{}, err
	}
	v := vector{
		Name: c.name, Body: hex.EncodeToString(body), AuthInfo: hex.EncodeToString(authInfo),
		Address: c.signer.Address, ChainID: c.signer.ChainID, AccountNumber: c.signer.AccountNumber,
		Sequence:  c.signer.Sequence,
		PublicKey: [2]string{c.signer.PubKey.TypeUrl, hex.EncodeToString(c.signer.PubKey.Value)},
		Signed:    map[string]string{}, Refused: map[string]string{},
	}
	data := signing.TxData{Body: c.body, AuthInfo: c.authInfo, BodyBytes: body, AuthInfoBytes: authInfo}
	for name, mode := range map[string]signingv1beta1.SignMode{
		"direct":     signingv1beta1.SignMode_SIGN_MODE_DIRECT,
		"direct-aux": signingv1beta1.SignMode_SIGN_MODE_DIRECT_AUX,
		"amino-json": signingv1beta1.SignMode_SIGN_MODE_LEGACY_AMINO_JSON,
		"textual":    signingv1beta1.SignMode_SIGN_MODE_TEXTUAL,
	} {
		bytes, err := m.handlers.GetSignBytes(context.Background(), mode, c.signer, data)
		switch {
		case err != nil:
			v.Refused[name] = err.Error()
		case name == "amino-json":
			v.Signed[name] = string(bytes)
		default:
			v.Signed[name] = hex.EncodeToString(bytes)
		}
	}
	return v, nil
}

// testCase is a transaction and the one who signs it.
type testCase struct {
	name     string
	body     *txv1beta1.TxBody
	authInfo *txv1beta1.AuthInfo
	signer   signing.SignerData
}
