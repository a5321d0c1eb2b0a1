// Accounts, raw transactions and snapshots of the chain under test.

import { createHash } from "node:crypto";
import { encodeSecp256k1Pubkey, makeCosmoshubPath, makeSignDoc as makeAminoSignDoc, Secp256k1HdWallet, serializeSignDoc } from "@cosmjs/amino";
import { Bip39, EnglishMnemonic, Random, Secp256k1, sha256, Slip10, Slip10Curve } from "@cosmjs/crypto";
import { toHex } from "@cosmjs/encoding";
import { DirectSecp256k1HdWallet, encodePubkey, makeSignBytes, makeSignDoc, Registry } from "@cosmjs/proto-signing";
import { AminoTypes, createBankAminoConverters, defaultRegistryTypes, SigningStargateClient, StargateClient } from "@cosmjs/stargate";
import { connectComet } from "@cosmjs/tendermint-rpc";
import { SignMode } from "cosmjs-types/cosmos/tx/signing/v1beta1/signing";
import { AuthInfo, Fee, SignerInfo, TxBody, TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx";
import { config } from "./config.mjs";

export const registry = new Registry(defaultRegistryTypes);
export const aminoTypes = new AminoTypes(createBankAminoConverters());
export const comet = await connectComet(config.rpc);
export const client = await StargateClient.create(comet);
export const chainId = await client.getChainId();

export const coins = (amount, denom = config.denom) => [{ denom, amount: String(amount) }];

// The fee that the node asks for this much gas, and a bit more than enough.
export const requiredFee = (gas) => Math.ceil(gas * config.minGasPrice);
export const usualFee = (gas = 200_000) => ({ amount: coins(requiredFee(gas) + 10), gas: String(gas) });

export const randomMnemonic = () => Bip39.encode(Random.getBytes(16)).toString();

// An account with its key in hand, so that a transaction can also be signed wrongly.
export async function account(mnemonic = randomMnemonic()) {
  const seed = await Bip39.mnemonicToSeed(new EnglishMnemonic(mnemonic));
  const { privkey } = Slip10.derivePath(Slip10Curve.Secp256k1, seed, makeCosmoshubPath(0));
  const { pubkey } = await Secp256k1.makeKeypair(privkey);
  const compressed = Secp256k1.compressPubkey(pubkey);
  const direct = await DirectSecp256k1HdWallet.fromMnemonic(mnemonic, { prefix: config.prefix });
  const amino = await Secp256k1HdWallet.fromMnemonic(mnemonic, { prefix: config.prefix });
  const [{ address }] = await direct.getAccounts();
  return { mnemonic, address, privkey, pubkey: encodeSecp256k1Pubkey(compressed), direct, amino };
}

export const funder = await account(config.mnemonic);

// A signing client; the wallet decides between direct and amino.
export const signingClient = (wallet, options = {}) => SigningStargateClient.createWithSigner(comet, wallet, { broadcastPollIntervalMs: 100, ...options });

// Fresh accounts holding `amount` each, paid by the funder in one multi-send.
export async function fundedAccounts(count, amount) {
  const accounts = await Promise.all(Array.from({ length: count }, () => account()));
  await fund(accounts.map((a) => a.address), amount);
  return accounts;
}

export async function fund(addresses, amount) {
  const signer = await signingClient(funder.direct);
  const outputs = addresses.map((address) => ({ address, coins: coins(amount) }));
  const input = { address: funder.address, coins: coins(amount * addresses.length) };
  const message = { typeUrl: "/cosmos.bank.v1beta1.MsgMultiSend", value: { inputs: [input], outputs } };
  const result = await signer.signAndBroadcast(funder.address, [message], usualFee(120_000 + 60_000 * addresses.length));
  if (result.code !== 0) throw new Error(`funding failed: ${result.rawLog}`);
}

export const sendMessage = (from, to, amount, denom = config.denom) => ({
  typeUrl: "/cosmos.bank.v1beta1.MsgSend",
  value: { fromAddress: from, toAddress: to, amount: coins(amount, denom) },
});

export const numbersOf = (address) => client.getSequence(address);

// Encodes and signs a transaction. Every option exists to get one thing wrong.
export async function build(signer, messages, options = {}) {
  const known = options.numbers ?? (await numbersOf(signer.address));
  const accountNumber = options.accountNumber ?? known.accountNumber;
  const sequence = options.sequence ?? known.sequence;
  const gas = options.gas ?? 200_000;
  const fee = options.fee ?? coins(requiredFee(gas) + 10);
  const anys = options.anys ?? messages.map((m) => registry.encodeAsAny(m));
  const body = TxBody.encode(TxBody.fromPartial({ messages: anys, memo: options.memo ?? "" })).finish();
  const bodyBytes = options.bodyTail ? Uint8Array.from([...body, ...options.bodyTail]) : body;
  const mode = options.amino ? SignMode.SIGN_MODE_LEGACY_AMINO_JSON : SignMode.SIGN_MODE_DIRECT;
  const authInfoBytes = AuthInfo.encode(
    AuthInfo.fromPartial({
      signerInfos: [
        SignerInfo.fromPartial({
          publicKey: encodePubkey(signer.pubkey),
          modeInfo: { single: { mode } },
          sequence: BigInt(sequence),
        }),
      ],
      fee: Fee.fromPartial({ amount: fee, gasLimit: BigInt(gas), granter: options.granter ?? "", payer: options.payer ?? "" }),
    }),
  ).finish();
  const chain = options.chainId ?? chainId;
  const bytes = options.amino
    ? serializeSignDoc(
        makeAminoSignDoc(messages.map((m) => aminoTypes.toAmino(m)), { amount: fee, gas: String(gas) }, chain, options.memo ?? "", accountNumber, sequence),
      )
    : makeSignBytes(makeSignDoc(bodyBytes, authInfoBytes, chain, accountNumber));
  const key = (options.signWith ?? signer).privkey;
  const signature = await Secp256k1.createSignature(sha256(bytes), key);
  let fixed = Uint8Array.from([...signature.r(32), ...signature.s(32)]);
  if (options.editSignature) fixed = options.editSignature(fixed);
  return TxRaw.encode(TxRaw.fromPartial({ bodyBytes, authInfoBytes, signatures: [fixed] })).finish();
}

// CheckTx's answer, by the RPC's own words.
export async function broadcast(bytes) {
  const { code, codespace, log, hash } = await comet.broadcastTxSync({ tx: bytes });
  return { code, codespace: codespace ?? "", log: log ?? "", hash: toHex(hash).toUpperCase() };
}

export const hashOf = (bytes) => createHash("sha256").update(bytes).digest("hex").toUpperCase();

// The transaction's result, once it is in a block and indexed.
export async function committed(bytes, timeoutMs = 20_000) {
  const hash = createHash("sha256").update(bytes).digest();
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await comet.tx({ hash });
    } catch (error) {
      if (Date.now() > deadline || !/not found/i.test(error.message)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// Waits for a block that began after this call. An idle chain rests, so the funder sends itself a unit.
export async function nextBlock() {
  const signer = await signingClient(funder.direct);
  const result = await signer.sendTokens(funder.address, funder.address, coins(1), usualFee());
  if (result.code !== 0) throw new Error(`the funder's transaction failed: ${result.rawLog}`);
}

// Balances, number and sequence of each address.
export async function snapshot(addresses) {
  const out = {};
  for (const address of addresses) {
    out[address] = { balances: await client.getAllBalances(address), account: await client.getAccount(address) };
  }
  return out;
}

export const balanceOf = async (address) => BigInt((await client.getBalance(address, config.denom)).amount);
