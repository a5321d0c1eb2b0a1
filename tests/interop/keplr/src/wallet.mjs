// A key in Keplr's hands: its own derivation, its own generated protobuf code, its own signature.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Bech32Address } = require("@keplr-wallet/cosmos");
const { Mnemonic, PrivKeySecp256k1 } = require("@keplr-wallet/crypto");
const { MsgSend } = require("@keplr-wallet/proto-types/cosmos/bank/v1beta1/tx.js");
const { PubKey } = require("@keplr-wallet/proto-types/cosmos/crypto/secp256k1/keys.js");
const { SignMode } = require("@keplr-wallet/proto-types/cosmos/tx/signing/v1beta1/signing.js");
const { AuthInfo, Fee, SignDoc, TxBody, TxRaw } = require("@keplr-wallet/proto-types/cosmos/tx/v1beta1/tx.js");

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

export function wallet(mnemonic, prefix) {
  const key = new PrivKeySecp256k1(Mnemonic.generateWalletFromMnemonic(mnemonic));
  const address = new Bech32Address(key.getPubKey().getCosmosAddress()).toBech32(prefix);
  return { key, address };
}

export const randomAddress = (prefix) =>
  new Bech32Address(PrivKeySecp256k1.generateRandomKey().getPubKey().getCosmosAddress()).toBech32(prefix);

// A payment, signed; `hash` is what the tracer asks for.
export function payment({ key, address }, to, coin, { chainId, accountNumber, sequence, fee, gas, memo = "" }) {
  const send = MsgSend.encode(MsgSend.fromPartial({ fromAddress: address, toAddress: to, amount: [coin] })).finish();
  const messages = [{ typeUrl: "/cosmos.bank.v1beta1.MsgSend", value: send }];
  const bodyBytes = TxBody.encode(TxBody.fromPartial({ messages, memo })).finish();
  const publicKey = {
    typeUrl: "/cosmos.crypto.secp256k1.PubKey",
    value: PubKey.encode({ key: key.getPubKey().toBytes() }).finish(),
  };
  const modeInfo = { single: { mode: SignMode.SIGN_MODE_DIRECT } };
  const authInfoBytes = AuthInfo.encode(
    AuthInfo.fromPartial({
      signerInfos: [{ publicKey, modeInfo, sequence }],
      fee: Fee.fromPartial({ amount: [fee], gasLimit: String(gas) }),
    }),
  ).finish();
  const doc = SignDoc.encode(SignDoc.fromPartial({ bodyBytes, authInfoBytes, chainId, accountNumber })).finish();
  const { r, s } = key.signDigest32(sha256(doc));
  const bytes = TxRaw.encode({ bodyBytes, authInfoBytes, signatures: [Buffer.concat([r, s])] }).finish();
  return { bytes, hash: sha256(bytes) };
}

// The request of Keplr's gas simulation: no public key, a signature of zeros (`simulateTx` in its account store).
export function simulation({ address }, to, coin, sequence) {
  const send = MsgSend.encode(MsgSend.fromPartial({ fromAddress: address, toAddress: to, amount: [coin] })).finish();
  const messages = [{ typeUrl: "/cosmos.bank.v1beta1.MsgSend", value: send }];
  const modeInfo = { single: { mode: SignMode.SIGN_MODE_LEGACY_AMINO_JSON } };
  return TxRaw.encode({
    bodyBytes: TxBody.encode(TxBody.fromPartial({ messages })).finish(),
    authInfoBytes: AuthInfo.encode(AuthInfo.fromPartial({ signerInfos: [{ modeInfo, sequence }], fee: { amount: [] } })).finish(),
    signatures: [new Uint8Array(64)],
  }).finish();
}
