// Prints private keys as the SDK's `keys export` writes them: passphrase, hex of the key, armored text.
package main

import (
	"encoding/hex"
	"fmt"

	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/crypto"
	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	_ "github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
)

func main() {
	registry := codectypes.NewInterfaceRegistry()
	cryptocodec.RegisterInterfaces(registry)
	ring := keyring.NewInMemory(codec.NewProtoCodec(registry))
	mnemonic := "economy stock theory fatal elder harbor betray wasp final emotion task crumble siren bottom lizard educate guess current outdoor pair theory focus wife stone"
	for index, passphrase := range []string{"12345678", "pass phrase with ünïcode"} {
		name := fmt.Sprint("key", index)
		path := hd.CreateHDPath(118, 0, uint32(index)).String()
		record, err := ring.NewAccount(name, mnemonic, "", path, hd.Secp256k1)
		if err != nil {
			panic(err)
		}
		address, err := record.GetAddress()
		if err != nil {
			panic(err)
		}
		armored, err := ring.ExportPrivKeyArmor(name, passphrase)
		if err != nil {
			panic(err)
		}
		secret, _, err := crypto.UnarmorDecryptPrivKey(armored, passphrase)
		if err != nil {
			panic(err)
		}
		fmt.Printf("path %s\naddress %s\npassphrase %s\nsecret %s\n%s\n", path, address, passphrase, hex.EncodeToString(secret.Bytes()), armored)
	}
}
