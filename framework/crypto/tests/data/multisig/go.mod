module multisig

go 1.23

require github.com/cosmos/cosmos-sdk v0.50.15

replace github.com/99designs/keyring => github.com/cosmos/keyring v1.2.0
