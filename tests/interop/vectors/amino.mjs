// What CosmJS signs in SIGN_MODE_LEGACY_AMINO_JSON, for every standard message that it has a converter for.
//
//   (cd ../cosmjs && npm ci)
//   node amino.mjs > amino.json     # writes the vectors anew
//   node amino.mjs --check          # fails if the installed CosmJS signs anything else than amino.json says
//
// Left out are values for which CosmJS writes what the SDK leaves out, so that no chain accepts them: empty texts in a
// validator's description, `delayed: false` of a vesting account; and a weight of exactly 1, which CosmJS pads wrongly.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../cosmjs/package.json", import.meta.url));
const { makeSignDoc, serializeSignDoc } = require("@cosmjs/amino");
const { encodePubkey, Registry } = require("@cosmjs/proto-signing");
const { AminoTypes, createDefaultAminoConverters, defaultRegistryTypes } = require("@cosmjs/stargate");
const { toBech32, toHex } = require("@cosmjs/encoding");
const { TextProposal, VoteOption } = require("cosmjs-types/cosmos/gov/v1beta1/gov");
const { Any } = require("cosmjs-types/google/protobuf/any");
const { TxBody } = require("cosmjs-types/cosmos/tx/v1beta1/tx");

const registry = new Registry(defaultRegistryTypes);
const converters = createDefaultAminoConverters();
const aminoTypes = new AminoTypes(converters);

const address = (byte, prefix = "plume") => toBech32(prefix, new Uint8Array(20).fill(byte));
const [ALICE, BOB] = [address(1), address(2)];
const [VALIDATOR, OTHER] = [address(3, "plumevaloper"), address(4, "plumevaloper")];
const coin = (amount, denom = "uplume") => ({ amount: String(amount), denom });
const MAX = 18_446_744_073_709_551_615n;
const key = { type: "tendermint/PubKeyEd25519", value: Buffer.alloc(32, 9).toString("base64") };
const atomics = (text) => BigInt(Math.round(Number(text) * 1000)) * 10n ** 15n + "";
// Letters that Go's encoder escapes and JavaScript's does not, controls, and what lies beyond ASCII.
const TRICKY = "a<b>&c \"q\" \\ / \n\t\u0001\u007f \u2028\u2029 Grüße 你好 🪶";

const text = (title, description) => ({ typeUrl: "/cosmos.gov.v1beta1.TextProposal", value: TextProposal.encode({ title, description }).finish() });
const description = (moniker) => ({ moniker, identity: "id", website: "https://plume", securityContact: "s@plume", details: "d" });

const messages = {
  "/cosmos.bank.v1beta1.MsgSend": [
    { fromAddress: ALICE, toAddress: BOB, amount: [coin(1), coin(2, "zz&")] },
    { fromAddress: ALICE, toAddress: BOB, amount: [] },
  ],
  "/cosmos.bank.v1beta1.MsgMultiSend": [{ inputs: [{ address: ALICE, coins: [coin(3)] }], outputs: [{ address: BOB, coins: [coin(3)] }] }],
  "/cosmos.distribution.v1beta1.MsgFundCommunityPool": [{ amount: [coin(5)], depositor: ALICE }],
  "/cosmos.distribution.v1beta1.MsgSetWithdrawAddress": [{ delegatorAddress: ALICE, withdrawAddress: BOB }],
  "/cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward": [{ delegatorAddress: ALICE, validatorAddress: VALIDATOR }],
  "/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission": [{ validatorAddress: VALIDATOR }],
  "/cosmos.gov.v1beta1.MsgDeposit": [
    { proposalId: 5n, depositor: ALICE, amount: [coin(10)] },
    { proposalId: MAX, depositor: ALICE, amount: [] },
  ],
  "/cosmos.gov.v1beta1.MsgVote": [
    { proposalId: 5n, voter: ALICE, option: VoteOption.VOTE_OPTION_YES },
    { proposalId: 1n, voter: ALICE, option: VoteOption.VOTE_OPTION_NO_WITH_VETO },
  ],
  "/cosmos.gov.v1beta1.MsgVoteWeighted": [
    {
      proposalId: 5n,
      voter: ALICE,
      options: [
        { option: VoteOption.VOTE_OPTION_YES, weight: atomics("0.7") },
        { option: VoteOption.VOTE_OPTION_ABSTAIN, weight: "300000000000000000" },
      ],
    },
    { proposalId: 5n, voter: ALICE, options: [{ option: VoteOption.VOTE_OPTION_NO, weight: "1" }] },
  ],
  "/cosmos.gov.v1beta1.MsgSubmitProposal": [
    { content: text("Title", "What for"), initialDeposit: [coin(100)], proposer: ALICE },
    { content: text(TRICKY, TRICKY), initialDeposit: [], proposer: ALICE },
  ],
  "/cosmos.staking.v1beta1.MsgCreateValidator": [
    {
      description: description("node <1>"),
      commission: { rate: atomics("0.1"), maxRate: atomics("0.2"), maxChangeRate: "1" },
      minSelfDelegation: "1",
      delegatorAddress: ALICE,
      validatorAddress: VALIDATOR,
      pubkey: encodePubkey(key),
      value: coin(1_000_000),
    },
    {
      description: description("whole"),
      commission: { rate: "0", maxRate: atomics("1"), maxChangeRate: atomics("12.5") },
      minSelfDelegation: "340282366920938463463374607431768211455",
      delegatorAddress: ALICE,
      validatorAddress: VALIDATOR,
      pubkey: encodePubkey(key),
      value: coin(1),
    },
  ],
  "/cosmos.staking.v1beta1.MsgEditValidator": [
    { description: description("renamed"), commissionRate: atomics("0.15"), minSelfDelegation: "7", validatorAddress: VALIDATOR },
  ],
  "/cosmos.staking.v1beta1.MsgDelegate": [{ delegatorAddress: ALICE, validatorAddress: VALIDATOR, amount: coin(9) }],
  "/cosmos.staking.v1beta1.MsgUndelegate": [{ delegatorAddress: ALICE, validatorAddress: VALIDATOR, amount: coin(9) }],
  "/cosmos.staking.v1beta1.MsgBeginRedelegate": [{ delegatorAddress: ALICE, validatorSrcAddress: VALIDATOR, validatorDstAddress: OTHER, amount: coin(9) }],
  "/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation": [{ delegatorAddress: ALICE, validatorAddress: VALIDATOR, amount: coin(9), creationHeight: 77n }],
  "/cosmos.vesting.v1beta1.MsgCreateVestingAccount": [{ fromAddress: ALICE, toAddress: BOB, amount: [coin(4)], endTime: 1_800_000_000n, delayed: true }],
  "/ibc.applications.transfer.v1.MsgTransfer": [
    {
      sourcePort: "transfer", sourceChannel: "channel-0", token: coin(1), sender: ALICE, receiver: "cosmos1x",
      timeoutHeight: { revisionNumber: 1n, revisionHeight: 1000n }, timeoutTimestamp: 1_700_000_000_000_000_000n, memo: TRICKY,
    },
    {
      sourcePort: "transfer", sourceChannel: "channel-0", token: coin(1), sender: ALICE, receiver: "cosmos1x",
      timeoutHeight: { revisionNumber: 0n, revisionHeight: 7n }, timeoutTimestamp: 0n, memo: "",
    },
    {
      sourcePort: "transfer", sourceChannel: "channel-0", token: coin(1, "ibc/27A6"), sender: ALICE, receiver: "cosmos1x",
      timeoutHeight: { revisionNumber: 0n, revisionHeight: 0n }, timeoutTimestamp: MAX, memo: '{"forward":{"to":"<x>"}}',
    },
  ],
};

const missing = Object.keys(converters).filter((typeUrl) => !messages[typeUrl]);
if (missing.length > 0) throw new Error(`no case for ${missing.join(", ")}`);

const plain = { fee: { amount: [coin(2000)], gas: "180000" }, memo: "", chainId: "plume-local-1", accountNumber: 1, sequence: 2 };
const cases = Object.entries(messages).flatMap(([typeUrl, values]) => values.map((value) => ({ ...plain, messages: [{ typeUrl, value }] })));
cases.push({ ...plain, memo: TRICKY, messages: Object.entries(messages).map(([typeUrl, [value]]) => ({ typeUrl, value })) });

const vectors = cases.map((tx) => {
  const anys = tx.messages.map((message) => registry.encodeAsAny(message));
  const body = TxBody.encode(TxBody.fromPartial({ messages: anys.map((any) => Any.fromPartial(any)), memo: tx.memo })).finish();
  const signDoc = makeSignDoc(tx.messages.map((message) => aminoTypes.toAmino(message)), tx.fee, tx.chainId, tx.memo, tx.accountNumber, tx.sequence);
  return { types: tx.messages.map((message) => message.typeUrl), body: toHex(body), amino: Buffer.from(serializeSignDoc(signDoc)).toString("utf8") };
});

const { chainId: chain_id, accountNumber: account_number, sequence, fee } = plain;
const output = `${JSON.stringify({ chain_id, account_number, sequence, fee, vectors }, null, 1)}\n`;
if (process.argv[2] === "--check") {
  if (readFileSync(new URL("amino.json", import.meta.url), "utf8") !== output) throw new Error("amino.json is not what the installed CosmJS signs");
  console.log(`${vectors.length} sign documents over ${Object.keys(converters).length} messages: as recorded`);
} else {
  process.stdout.write(output);
}
