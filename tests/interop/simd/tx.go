package main

import (
	"context"
	"crypto/sha256"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/crypto/hd"
	kmultisig "github.com/cosmos/cosmos-sdk/crypto/keys/multisig"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	txtypes "github.com/cosmos/cosmos-sdk/types/tx"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"
	"github.com/cosmos/go-bip39"
)

const (
	direct = signing.SignMode_SIGN_MODE_DIRECT
	amino  = signing.SignMode_SIGN_MODE_LEGACY_AMINO_JSON
)

// key is one signing key or a threshold of keys.
type key struct {
	name     string
	mnemonic string
	priv     *secp256k1.PrivKey
	multi    *kmultisig.LegacyAminoPubKey
	parts    []*key
}

// newKey derives a key from a mnemonic that is itself derived from the name, so that recordings repeat exactly.
func newKey(name string) *key {
	entropy := sha256.Sum256([]byte("plume recording " + name))
	mnemonic := mustValue(bip39.NewMnemonic(entropy[:16]))
	priv := mustValue(hd.Secp256k1.Derive()(mnemonic, "", "m/44'/118'/0'/0/0"))
	return &key{name: name, mnemonic: mnemonic, priv: &secp256k1.PrivKey{Key: priv}}
}

func newMultisig(name string, threshold int, parts ...*key) *key {
	pubs := make([]cryptotypes.PubKey, len(parts))
	for i, p := range parts {
		pubs[i] = p.pub()
	}
	return &key{name: name, multi: kmultisig.NewLegacyAminoPubKey(threshold, pubs), parts: parts}
}

func (k *key) pub() cryptotypes.PubKey {
	if k.multi != nil {
		return k.multi
	}
	return k.priv.PubKey()
}

func (k *key) addr() sdk.AccAddress { return sdk.AccAddress(k.pub().Address()) }

// signature says who signs how. Only keys in `with` take part in a threshold (nil: the first ones that suffice).
type signature struct {
	key      *key
	mode     signing.SignMode
	with     map[string]bool
	noPubKey bool
	pubKeyOf *key   // states another key than the one that signs
	signWith *key   // signs in the stated key's place
	chainID  string // signs for another chain
	accNum   *uint64
	sequence *uint64
}

// request describes one transaction in full.
type request struct {
	msgs       []sdk.Msg
	anys       []*codectypes.Any // messages that no Go type stands for
	memo       string
	timeout    uint64
	extension  []*codectypes.Any
	nonCritExt []*codectypes.Any
	fee        sdk.Coins
	gas        uint64
	payer      sdk.AccAddress
	granter    sdk.AccAddress
	signers    []signature
	editBody   func([]byte) []byte  // before signing
	editAuth   func([]byte) []byte  // before signing
	editRaw    func(*txtypes.TxRaw) // after signing
	editBytes  func([]byte) []byte  // after encoding
}

func (k *key) modeInfo(s signature) *txtypes.ModeInfo {
	if k.multi == nil {
		return &txtypes.ModeInfo{Sum: &txtypes.ModeInfo_Single_{Single: &txtypes.ModeInfo_Single{Mode: s.mode}}}
	}
	bits := cryptotypes.NewCompactBitArray(len(k.parts))
	infos := []*txtypes.ModeInfo{}
	for _, i := range k.taking(s) {
		bits.SetIndex(i, true)
		infos = append(infos, k.parts[i].modeInfo(s))
	}
	return &txtypes.ModeInfo{Sum: &txtypes.ModeInfo_Multi_{Multi: &txtypes.ModeInfo_Multi{Bitarray: bits, ModeInfos: infos}}}
}

func (k *key) taking(s signature) []int {
	out := []int{}
	for i, p := range k.parts {
		if s.with != nil {
			if s.with[p.name] {
				out = append(out, i)
			}
		} else if len(out) < int(k.multi.Threshold) {
			out = append(out, i)
		}
	}
	return out
}

func (k *key) sign(s signature, bytes []byte) []byte {
	if k.multi == nil {
		return mustValue(k.priv.Sign(bytes))
	}
	sigs := [][]byte{}
	for _, i := range k.taking(s) {
		sigs = append(sigs, k.parts[i].sign(s, bytes))
	}
	return mustValue((&cryptotypes.MultiSignature{Signatures: sigs}).Marshal())
}

// build encodes and signs a request against the chain's last committed state. It also returns the sign bytes.
func (c *chain) build(r request) ([]byte, [][]byte) {
	anys := append([]*codectypes.Any{}, r.anys...)
	for _, m := range r.msgs {
		anys = append(anys, mustValue(codectypes.NewAnyWithValue(m)))
	}
	body := mustValue((&txtypes.TxBody{Messages: anys, Memo: r.memo, TimeoutHeight: r.timeout,
		ExtensionOptions: r.extension, NonCriticalExtensionOptions: r.nonCritExt}).Marshal())
	if r.editBody != nil {
		body = r.editBody(body)
	}

	fee := &txtypes.Fee{Amount: r.fee, GasLimit: r.gas}
	if r.payer != nil {
		fee.Payer = r.payer.String()
	}
	if r.granter != nil {
		fee.Granter = r.granter.String()
	}
	info := &txtypes.AuthInfo{Fee: fee}
	type number struct{ account, sequence uint64 }
	numbers := []number{}
	for _, s := range r.signers {
		n := number{}
		if acc := c.account(s.key.addr()); acc != nil {
			n = number{acc.GetAccountNumber(), acc.GetSequence()}
		}
		if s.accNum != nil {
			n.account = *s.accNum
		}
		if s.sequence != nil {
			n.sequence = *s.sequence
		}
		numbers = append(numbers, n)
		si := &txtypes.SignerInfo{ModeInfo: s.key.modeInfo(s), Sequence: n.sequence}
		stated := s.key
		if s.pubKeyOf != nil {
			stated = s.pubKeyOf
		}
		if !s.noPubKey {
			si.PublicKey = mustValue(codectypes.NewAnyWithValue(stated.pub()))
		}
		info.SignerInfos = append(info.SignerInfos, si)
	}
	auth := mustValue(info.Marshal())
	if r.editAuth != nil {
		auth = r.editAuth(auth)
	}

	raw := &txtypes.TxRaw{BodyBytes: body, AuthInfoBytes: auth}
	signBytes := [][]byte{}
	for i, s := range r.signers {
		chain := chainID
		if s.chainID != "" {
			chain = s.chainID
		}
		var doc []byte
		if s.mode == direct {
			doc = mustValue((&txtypes.SignDoc{BodyBytes: body, AuthInfoBytes: auth, ChainId: chain, AccountNumber: numbers[i].account}).Marshal())
		} else {
			decoded := mustValue(c.app.GetTxConfig().TxDecoder()(mustValue(raw.Marshal())))
			doc = mustValue(authsigning.GetSignBytesAdapter(context.Background(), c.app.GetTxConfig().SignModeHandler(), s.mode, authsigning.SignerData{
				Address: s.key.addr().String(), ChainID: chain, AccountNumber: numbers[i].account, Sequence: numbers[i].sequence, PubKey: s.key.pub(),
			}, decoded))
		}
		signBytes = append(signBytes, doc)
	}
	for i, s := range r.signers {
		signer := s.key
		if s.signWith != nil {
			signer = s.signWith
		}
		raw.Signatures = append(raw.Signatures, signer.sign(s, signBytes[i]))
	}
	if r.editRaw != nil {
		r.editRaw(raw)
	}
	out := mustValue(raw.Marshal())
	if r.editBytes != nil {
		out = r.editBytes(out)
	}
	return out, signBytes
}
