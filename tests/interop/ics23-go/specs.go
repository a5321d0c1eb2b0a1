// Package ics23check verifies a Plume node's proofs with cosmos/ics23's Go library, as other chains do.
package ics23check

import ics23 "github.com/cosmos/ics23/go"

// StoreSpec is the shape of every store's tree: that of the Jellyfish Merkle tree, SHA-256 throughout.
//
// The depth is 256, not 64 as in the jmt crate's own spec: two keys that share more than 64 bits of their hash can be
// found, and would otherwise have no proof.
var StoreSpec = &ics23.ProofSpec{
	LeafSpec: &ics23.LeafOp{
		Hash:         ics23.HashOp_SHA256,
		PrehashKey:   ics23.HashOp_SHA256,
		PrehashValue: ics23.HashOp_SHA256,
		Length:       ics23.LengthOp_NO_PREFIX,
		Prefix:       []byte("JMT::LeafNode"),
	},
	InnerSpec: &ics23.InnerSpec{
		ChildOrder:      []int32{0, 1},
		ChildSize:       32,
		MinPrefixLength: int32(len("JMT::IntrnalNode")),
		MaxPrefixLength: int32(len("JMT::IntrnalNode")),
		EmptyChild:      []byte("SPARSE_MERKLE_PLACEHOLDER_HASH__"),
		Hash:            ics23.HashOp_SHA256,
	},
	MaxDepth:                   256,
	PrehashKeyBeforeComparison: true,
}

// AppSpec is the shape of the tree over the stores' roots: CometBFT's simple Merkle tree.
var AppSpec = ics23.TendermintSpec
