package main

import (
	"encoding/hex"
	"os"
	"strings"

	gogoproto "github.com/cosmos/gogoproto/proto"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// registerToy makes the messages of plume.toy.v1 known, which have fields of every kind and no Go types.
func registerToy() error {
	text, err := os.ReadFile("../../../clients/ts/test/toy-descriptors.hex")
	if err != nil {
		return err
	}
	encoded, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(encoded, set); err != nil {
		return err
	}
	for _, file := range set.File {
		descriptor, err := protodesc.NewFile(file, gogoproto.HybridResolver)
		if err != nil {
			return err
		}
		if err := protoregistry.GlobalFiles.RegisterFile(descriptor); err != nil {
			return err
		}
		for i := 0; i < descriptor.Messages().Len(); i++ {
			if err := protoregistry.GlobalTypes.RegisterMessage(dynamicpb.NewMessageType(descriptor.Messages().Get(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

// message reads a message of that name from its JSON.
func message(name protoreflect.FullName, json string) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(name)
	if err != nil {
		panic(err)
	}
	out := kind.New().Interface()
	if err := protojson.Unmarshal([]byte(json), out); err != nil {
		panic(string(name) + ": " + err.Error())
	}
	return out
}
