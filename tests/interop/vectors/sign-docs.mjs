// Writes sign-docs.json: transactions and the bytes that CosmJS signs for them, in both modes.
//
//   (cd ../cosmjs && npm ci) && node sign-docs.mjs > sign-docs.json
import { createRequire } from "node:module";

const require = createRequire(new URL("../cosmjs/package.json", import.meta.url));
const { createMultisigThresholdPubkey, makeSignDoc: makeAminoSignDoc, serializeSignDoc } = require("@cosmjs/amino");
const { encodePubkey, makeAuthInfoBytes, makeSignBytes, makeSignDoc, Registry } = require("@cosmjs/proto-signing");
const { AminoTypes, createBankAminoConverters, defaultRegistryTypes } = require("@cosmjs/stargate");
const { toHex } = require("@cosmjs/encoding");
const { TxBody } = require("cosmjs-types/cosmos/tx/v1beta1/tx");
const { SignMode } = require("cosmjs-types/cosmos/tx/signing/v1beta1/signing");

const registry = new Registry(defaultRegistryTypes);
const aminoTypes = new AminoTypes(createBankAminoConverters());
const ALICE = "plume1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5xjv2s6";
const BOB = "plume1zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3k7tc2s";
const coins = (...pairs) => pairs.map(([amount, denom]) => ({ amount, denom }));
const key = (byte) => ({
  type: "tendermint/PubKeySecp256k1",
  value: Buffer.from([2, ...new Array(32).fill(byte)]).toString("base64"),
});
const send = (amount) => ({
  typeUrl: "/cosmos.bank.v1beta1.MsgSend",
  value: { fromAddress: ALICE, toAddress: BOB, amount },
});
const plain = {
  messages: [send(coins(["1234567", "uplume"]))],
  fee: { amount: coins(["2000", "uplume"]), gas: "180000" },
  memo: "",
  chainId: "plume-local-1",
  accountNumber: 1,
  sequence: 2,
};

const cases = {
  "bank send": plain,
  "first transaction of account 0": { ...plain, accountNumber: 0, sequence: 0 },
  "memo that JSON must escape": { ...plain, memo: "a<b>&c \"quoted\" back\\slash /\n\r\t\b\f\u0001\u001f\u007f" },
  "memo beyond ASCII": { ...plain, memo: "Grüße 你好 🪶 \u00a0" },
  "timeout height": { ...plain, timeoutHeight: 18_446_744_073_709_551_615n },
  "fee payer and granter": { ...plain, fee: { ...plain.fee, payer: BOB, granter: ALICE } },
  "no fee": { ...plain, fee: { amount: [], gas: "0" } },
  "fee in two denominations": { ...plain, fee: { amount: coins(["1", "ibc/27A6"], ["2", "uplume"]), gas: "1" } },
  "no coins": { ...plain, messages: [send([])] },
  "largest amount": { ...plain, messages: [send(coins(["340282366920938463463374607431768211455", "uplume"]))] },
  "two messages": { ...plain, messages: [send(coins(["1", "a&b"])), send(coins(["1", "x"], ["2", "y"]))] },
  "multi send": {
    ...plain,
    messages: [
      {
        typeUrl: "/cosmos.bank.v1beta1.MsgMultiSend",
        value: {
          inputs: [{ address: ALICE, coins: coins(["3", "uplume"]) }],
          outputs: [
            { address: BOB, coins: coins(["1", "uplume"]) },
            { address: ALICE, coins: coins(["2", "uplume"]) },
          ],
        },
      },
    ],
  },
};

const signDocs = Object.entries(cases).map(([name, tx]) => {
  const body = TxBody.encode(
    TxBody.fromPartial({
      messages: tx.messages.map((message) => registry.encodeAsAny(message)),
      memo: tx.memo,
      timeoutHeight: tx.timeoutHeight ?? 0n,
    }),
  ).finish();
  const pubkey = encodePubkey(key(7));
  const authInfo = makeAuthInfoBytes(
    [{ pubkey, sequence: tx.sequence }],
    tx.fee.amount,
    Number(tx.fee.gas),
    tx.fee.granter,
    tx.fee.payer,
    SignMode.SIGN_MODE_DIRECT,
  );
  const amino = makeAminoSignDoc(
    tx.messages.map((message) => aminoTypes.toAmino(message)),
    tx.fee,
    tx.chainId,
    tx.memo,
    tx.accountNumber,
    tx.sequence,
    tx.timeoutHeight,
  );
  return {
    name,
    body: toHex(body),
    auth_info: toHex(authInfo),
    chain_id: tx.chainId,
    account_number: tx.accountNumber,
    sequence: tx.sequence,
    direct: toHex(makeSignBytes(makeSignDoc(body, authInfo, tx.chainId, tx.accountNumber))),
    amino: Buffer.from(serializeSignDoc(amino)).toString("utf8"),
  };
});

const publicKeys = [
  key(7),
  { type: "tendermint/PubKeyEd25519", value: Buffer.alloc(32, 9).toString("base64") },
  createMultisigThresholdPubkey([key(1), key(2), key(3)], 2, true),
].map((pubkey) => {
  const any = encodePubkey(pubkey);
  return { type_url: any.typeUrl, value: toHex(any.value), amino: Buffer.from(serializeSignDoc(pubkey)).toString("utf8") };
});

console.log(JSON.stringify({ sign_docs: signDocs, public_keys: publicKeys }, null, 1));
