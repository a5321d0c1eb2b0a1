// Command descriptors writes the descriptors of the standard messages that wallets sign, with all their options, as one
// encoded google.protobuf.FileDescriptorSet: what the SDK itself has registered, and the files that those need.
//
//	go run ./descriptors > ../vectors/standard-descriptors.bin
package main

import (
	"log"
	"os"

	"github.com/cosmos/gogoproto/proto"
	protov2 "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "cosmossdk.io/x/feegrant"
	_ "github.com/cosmos/cosmos-sdk/crypto/codec"
	_ "github.com/cosmos/cosmos-sdk/x/auth/vesting/types"
	_ "github.com/cosmos/cosmos-sdk/x/authz"
	_ "github.com/cosmos/cosmos-sdk/x/bank/types"
	_ "github.com/cosmos/cosmos-sdk/x/distribution/types"
	_ "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	_ "github.com/cosmos/cosmos-sdk/x/gov/types/v1beta1"
	_ "github.com/cosmos/cosmos-sdk/x/staking/types"
	_ "github.com/cosmos/ibc-go/v8/modules/apps/transfer/types"
)

var wanted = []string{
	"cosmos/authz/v1beta1/tx.proto",
	"cosmos/bank/v1beta1/tx.proto",
	"cosmos/distribution/v1beta1/tx.proto",
	"cosmos/feegrant/v1beta1/tx.proto",
	"cosmos/feegrant/v1beta1/feegrant.proto",
	"cosmos/gov/v1/tx.proto",
	"cosmos/gov/v1beta1/tx.proto",
	"cosmos/staking/v1beta1/tx.proto",
	"cosmos/vesting/v1beta1/tx.proto",
	"ibc/applications/transfer/v1/tx.proto",
}

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(path string)
	add = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		file, err := proto.HybridResolver.FindFileByPath(path)
		if err != nil {
			log.Fatalf("%s: %v", path, err)
		}
		for i := 0; i < file.Imports().Len(); i++ {
			add(file.Imports().Get(i).Path())
		}
		set.File = append(set.File, described(file))
	}
	for _, path := range wanted {
		add(path)
	}
	bytes, err := protov2.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := os.Stdout.Write(bytes); err != nil {
		log.Fatal(err)
	}
}

func described(file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	out := protodesc.ToFileDescriptorProto(file)
	out.SourceCodeInfo = nil
	return out
}
