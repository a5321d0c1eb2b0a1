package main

import (
	"context"

	storetypes "cosmossdk.io/store/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	gogoproto "github.com/cosmos/gogoproto/proto"
)

type ctxT = context.Context

func protoName(m gogoproto.Message) string             { return gogoproto.MessageName(m) }
func protoMarshal(m gogoproto.Message) ([]byte, error) { return gogoproto.Marshal(m) }

// noteGas puts a noting meter around the transaction's own.
type noteGas struct{ chain *chain }

func (d noteGas) AnteHandle(ctx sdk.Context, tx sdk.Tx, simulate bool, next sdk.AnteHandler) (sdk.Context, error) {
	*d.chain.gasLog = []gasStep{}
	return next(ctx.WithGasMeter(notingMeter{ctx.GasMeter(), d.chain.gasLog}), tx, simulate)
}

type notingMeter struct {
	storetypes.GasMeter
	log *[]gasStep
}

func (m notingMeter) ConsumeGas(amount storetypes.Gas, location string) {
	*m.log = append(*m.log, gasStep{amount, location})
	m.GasMeter.ConsumeGas(amount, location)
}
