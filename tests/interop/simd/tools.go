//go:build tools

package main

import _ "github.com/cosmos/ibc-go/v8/testing/simapp/simd"
