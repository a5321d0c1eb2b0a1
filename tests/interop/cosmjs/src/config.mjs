// What the environment says about the chain under test.

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}; see README.md`);
  return value;
}

const denom = process.env.PLUME_DENOM ?? "uplume";

export const config = {
  rpc: process.env.PLUME_RPC ?? "http://127.0.0.1:26657",
  prefix: process.env.PLUME_PREFIX ?? "plume",
  denom,
  // Of an account that holds enough of `denom` to fund all others.
  mnemonic: required("PLUME_MNEMONIC"),
  // What the node asks at least, per unit of gas, in units of `denom`; the node must ask something.
  minGasPrice: Number(process.env.PLUME_MIN_GAS_PRICE ?? "0.001"),
  // The SDK's simapp answers a few cases differently from Plume: `simd` leaves those out.
  peer: process.env.PLUME_PEER ?? "plume",
};

export const onPlume = config.peer === "plume";
