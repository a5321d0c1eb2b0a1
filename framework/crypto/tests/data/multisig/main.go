// Prints threshold signatures with the SDK's verdict, one a line:
// hex of the public key's Any, hex of the ModeInfo, hex of the signature, verdict ("ok", an error's text or "panic").
// go mod tidy && go run . > verdicts.txt
package main

import (
	"encoding/hex"
	"fmt"
	"math/rand"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	kmultisig "github.com/cosmos/cosmos-sdk/crypto/keys/multisig"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	"github.com/cosmos/cosmos-sdk/types/tx"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
)

const mode = signing.SignMode_SIGN_MODE_LEGACY_AMINO_JSON

var (
	source  = rand.New(rand.NewSource(1))
	message = []byte(`{"account_number":"1","chain_id":"simd-testing"}`)
)

func private() cryptotypes.PrivKey {
	secret := make([]byte, 32)
	source.Read(secret)
	if source.Intn(5) == 0 {
		return ed25519.GenPrivKeyFromSecret(secret)
	}
	return secp256k1.GenPrivKeyFromSecret(secret)
}

// A key with data that mostly fits it.
func signed(depth int) (cryptotypes.PubKey, signing.SignatureData) {
	if depth <= 0 || source.Intn(4) == 0 {
		key := private()
		signature, err := key.Sign(message)
		if err != nil {
			panic(err)
		}
		if source.Intn(12) == 0 {
			signature[source.Intn(64)] ^= 1
		}
		return key.PubKey(), &signing.SingleSignatureData{SignMode: mode, Signature: signature}
	}
	return group(depth)
}

func group(depth int) (cryptotypes.PubKey, signing.SignatureData) {
	count := 1 + source.Intn(5)
	if depth > 1 {
		count = 1 + source.Intn(3)
	}
	keys := make([]cryptotypes.PubKey, count)
	size := count
	if source.Intn(15) == 0 {
		size += 1 - 2*source.Intn(2)
	}
	data := &signing.MultiSignatureData{BitArray: cryptotypes.NewCompactBitArray(size)}
	for i := range keys {
		key, signature := signed(depth - 1)
		keys[i] = key
		if source.Intn(3) > 0 {
			data.BitArray.SetIndex(i, true)
			data.Signatures = append(data.Signatures, signature)
		}
	}
	switch source.Intn(20) {
	case 0:
		data.Signatures = append(data.Signatures, &signing.SingleSignatureData{SignMode: mode, Signature: []byte{1}})
	case 1:
		if len(data.Signatures) > 0 {
			data.Signatures = data.Signatures[1:]
		}
	case 2:
		if size > 0 {
			data.BitArray.Elems[len(data.BitArray.Elems)-1] |= 1
		}
	}
	return kmultisig.NewLegacyAminoPubKey(1+source.Intn(count), keys), data
}

func split(data signing.SignatureData) (*tx.ModeInfo, []byte) {
	switch data := data.(type) {
	case *signing.SingleSignatureData:
		return &tx.ModeInfo{Sum: &tx.ModeInfo_Single_{Single: &tx.ModeInfo_Single{Mode: data.SignMode}}}, data.Signature
	case *signing.MultiSignatureData:
		multi, joined := &tx.ModeInfo_Multi{Bitarray: data.BitArray}, cryptotypes.MultiSignature{}
		for _, part := range data.Signatures {
			info, signature := split(part)
			multi.ModeInfos = append(multi.ModeInfos, info)
			joined.Signatures = append(joined.Signatures, signature)
		}
		bytes, err := joined.Marshal()
		if err != nil {
			panic(err)
		}
		return &tx.ModeInfo{Sum: &tx.ModeInfo_Multi_{Multi: multi}}, bytes
	}
	panic("no such data")
}

func verdict(key *kmultisig.LegacyAminoPubKey, data *signing.MultiSignatureData) (text string) {
	defer func() {
		if recover() != nil {
			text = "panic"
		}
	}()
	err := key.VerifyMultisignature(func(signing.SignMode) ([]byte, error) { return message, nil }, data)
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func main() {
	for i := 0; i < 150; i++ {
		key, data := group(source.Intn(3))
		any, err := codectypes.NewAnyWithValue(key)
		if err != nil {
			panic(err)
		}
		anyBytes, err := any.Marshal()
		if err != nil {
			panic(err)
		}
		info, signature := split(data)
		infoBytes, err := info.Marshal()
		if err != nil {
			panic(err)
		}
		fmt.Println(hex.EncodeToString(anyBytes), hex.EncodeToString(infoBytes), "x"+hex.EncodeToString(signature),
			verdict(key.(*kmultisig.LegacyAminoPubKey), data.(*signing.MultiSignatureData)))
	}
}
