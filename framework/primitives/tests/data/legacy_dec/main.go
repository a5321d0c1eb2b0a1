// Prints results of the SDK's LegacyDec for pseudo-random and hand-picked operands, one case a line:
// a b add sub mul mulTruncate mulRoundUp quo quoTruncate quoRoundUp roundInt truncateInt
// A dash stands for a division by zero.
package main

import (
	"fmt"
	"math/big"
	"math/rand"

	"cosmossdk.io/math"
)

func main() {
	source := rand.New(rand.NewSource(1))
	number := func() math.LegacyDec {
		bits := []int{0, 1, 8, 40, 60, 64, 90, 96}[source.Intn(8)]
		value := new(big.Int).Rand(source, new(big.Int).Lsh(big.NewInt(1), uint(bits)))
		switch source.Intn(4) {
		case 0: // few places, so that exact halves occur
			value.Mul(value, new(big.Int).Exp(big.NewInt(10), big.NewInt(17), nil))
			value.Mul(value, big.NewInt(5))
		case 1:
			value.Neg(value)
		}
		return math.LegacyNewDecFromBigIntWithPrec(value, 18)
	}
	for i := 0; i < 200; i++ {
		a, b := number(), number()
		fmt.Print(a, " ", b, " ", a.Add(b), " ", a.Sub(b), " ", a.Mul(b), " ", a.MulTruncate(b), " ", a.MulRoundUp(b))
		if b.IsZero() {
			fmt.Print(" - - -")
		} else {
			fmt.Print(" ", a.Quo(b), " ", a.QuoTruncate(b), " ", a.QuoRoundUp(b))
		}
		fmt.Println("", a.RoundInt(), a.TruncateInt())
	}
}
