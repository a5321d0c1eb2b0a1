// Each case of wire-rules section 2: the code, the text, and that nothing changed.

import { Any } from "cosmjs-types/google/protobuf/any";
import { account, broadcast, build, chainId, client, coins, comet, committed, fundedAccounts, nextBlock, numbersOf, requiredFee, sendMessage, signingClient, snapshot, usualFee } from "./chain.mjs";
import { config, onPlume } from "./config.mjs";
import { check, equal, says, test } from "./report.mjs";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const fromHex = (text) => Uint8Array.from(Buffer.from(text, "hex"));

export async function refusals() {
  const [alice, bob, poor, spender] = await fundedAccounts(4, 20_000_000);
  const stranger = await account();
  // A known public key and a sequence above 0 make the cases more telling.
  const opening = await (await signingClient(alice.direct)).sendTokens(alice.address, bob.address, coins(1), usualFee());
  equal(opening.code, 0, opening.rawLog);
  // Leave this account just ten units.
  const poorFee = usualFee();
  const emptied = await (await signingClient(poor.direct)).sendTokens(poor.address, bob.address, coins(20_000_000 - Number(poorFee.amount[0].amount) - 10), poorFee);
  equal(emptied.code, 0, emptied.rawLog);

  const everyone = [alice.address, bob.address, poor.address, spender.address, stranger.address];
  const known = await numbersOf(alice.address);
  const { consensusParams } = await consensus();
  const maxGas = Number(consensusParams.block.max_gas);
  const minimum = config.minGasPrice;
  const d = config.denom;
  const pay = (amount = 1) => [sendMessage(alice.address, bob.address, amount)];
  const sdk = (code, log) => ({ code, codespace: "sdk", log });

  // A transaction that CheckTx refuses; a block later nothing has changed.
  const refused = (name, make, expected) =>
    test(`refused: ${name}`, async () => {
      const before = await snapshot(everyone);
      const bytes = await make();
      const answer = await broadcast(bytes);
      equal({ code: answer.code, codespace: answer.codespace }, { code: expected.code, codespace: expected.codespace }, `code; log: ${answer.log}`);
      says(answer.log, expected.log, "log");
      await nextBlock();
      equal(await snapshot(everyone), before, "nothing changed");
      equal(await client.getTx(answer.hash), null, "the transaction is in no block");
    });

  // A transaction that is taken into a block and fails there: only the fee and the sequence are used up.
  const failed = (name, signer, make, fee, expected) =>
    test(`failed in its block: ${name}`, async () => {
      const before = await snapshot(everyone);
      const bytes = await make();
      const accepted = await broadcast(bytes);
      equal({ code: accepted.code, log: accepted.log }, { code: 0, log: "" }, "CheckTx accepts");
      const { result } = await committed(bytes);
      equal({ code: result.code, codespace: result.codespace }, { code: expected.code, codespace: expected.codespace }, `code; log: ${result.log}`);
      says(result.log, expected.log, "log");
      equal(result.data?.length ?? 0, 0, "no data");
      equal(result.events.map((e) => e.type), ["coin_spent", "coin_received", "transfer", "message", "tx", "tx", "tx"], "the ante's events only");
      const after = await snapshot(everyone);
      const paid = before[signer.address];
      paid.balances = paid.balances.map((c) => (c.denom === d ? { denom: d, amount: String(BigInt(c.amount) - BigInt(fee)) } : c));
      paid.account = { ...paid.account, sequence: paid.account.sequence + 1, pubkey: signer.pubkey };
      equal(after, before, "only the fee and the sequence changed");
    });

  await refused("sequence too high", () => build(alice, pay(), { sequence: known.sequence + 5 }),
    sdk(32, `account sequence mismatch, expected ${known.sequence}, got ${known.sequence + 5}: incorrect account sequence`));
  await refused("sequence already used, amino", () => build(alice, pay(), { sequence: 0, amino: true }),
    sdk(32, `account sequence mismatch, expected ${known.sequence}, got 0: incorrect account sequence`));
  await refused("wrong sequence and wrong signature: the sequence is reported", () => build(alice, pay(), { sequence: 99, signWith: bob }),
    sdk(32, `account sequence mismatch, expected ${known.sequence}, got 99: incorrect account sequence`));

  const unverified = `signature verification failed; please verify account number (${known.accountNumber}) and chain-id (${chainId}): (unable to verify single signer signature): unauthorized`;
  await refused("wrong chain id", () => build(alice, pay(), { chainId: "other-1" }), sdk(4, unverified));
  await refused("wrong chain id, amino", () => build(alice, pay(), { chainId: "other-1", amino: true }),
    sdk(4, `signature verification failed; please verify account number (${known.accountNumber}), sequence (${known.sequence}) and chain-id (${chainId}): unauthorized`));
  await refused("wrong account number", () => build(alice, pay(), { accountNumber: known.accountNumber + 1n }), sdk(4, unverified));
  await refused("signed by another key", () => build(alice, pay(), { signWith: bob }), sdk(4, unverified));
  await refused("high S", () => build(alice, pay(), { editSignature: highS }), sdk(4, unverified));

  await refused("fee too low", () => build(alice, pay(), { gas: 200_000, fee: coins(requiredFee(200_000) - 1) }),
    sdk(13, `insufficient fees; got: ${requiredFee(200_000) - 1}${d} required: ${requiredFee(200_000)}${d}: insufficient fee`));
  await refused("no fee", () => build(alice, pay(), { gas: 200_000, fee: [] }),
    sdk(13, `insufficient fees; got:  required: ${requiredFee(200_000)}${d}: insufficient fee`));
  await refused("fee too low and wrong sequence: the fee is reported", () => build(alice, pay(), { gas: 200_000, fee: [], sequence: 99 }),
    sdk(13, `insufficient fees; got:  required: ${requiredFee(200_000)}${d}: insufficient fee`));

  if (onPlume) await refused("gas 0", () => build(alice, pay(), { gas: 0, fee: coins(100) }), sdk(41, "must provide positive gas: invalid gas limit"));
  check(maxGas > 0, "the chain has a finite block gas limit");
  await refused("gas above the block's limit", () => build(alice, pay(), { gas: maxGas + 1 }),
    sdk(41, `tx gas limit ${maxGas + 1} exceeds block max gas ${maxGas}: invalid gas limit`));
  await refused("out of gas in the ante", () => build(alice, pay(), { gas: 2_500, fee: coins(1_000_000) }),
    sdk(11, /^out of gas in location: txSize; gasWanted: 2500, gasUsed: \d+: out of gas$/));

  await refused("no funds for the fee", () => build(poor, [sendMessage(poor.address, bob.address, 1)], { fee: coins(1_000_000) }),
    sdk(5, `spendable balance 10${d} is smaller than 1000000${d}: insufficient funds: insufficient funds`));
  await refused("fee payer unknown", () => build(stranger, [sendMessage(stranger.address, bob.address, 1)], { numbers: { accountNumber: 0, sequence: 0 } }),
    onPlume ? sdk(9, `fee payer address: ${stranger.address} does not exist: unknown address`) : sdk(9, /^fee payer address: .* does not exist: unknown address$/s));
  await refused("unknown type URL", () => build(alice, [], { anys: [Any.fromPartial({ typeUrl: "/plume.nowhere.v1.MsgNothing" })] }),
    sdk(2, "unable to resolve type URL /plume.nowhere.v1.MsgNothing: tx parse error"));
  await refused("undecodable: random bytes", async () => fromHex("ff".repeat(40)), sdk(2, /: tx parse error$/));
  await refused("undecodable: cut short", async () => (await build(alice, pay())).slice(0, -10), sdk(2, /: tx parse error$/));
  await refused("undecodable: an unknown field in TxRaw", async () => Uint8Array.from([...(await build(alice, pay())), 0x22, 0x01, 0x78]), sdk(2, /: tx parse error$/));
  await refused("an unknown critical field in the body", () => build(alice, pay(), { bodyTail: fromHex("4a0178") }), sdk(2, /: tx parse error$/));
  await refused("no messages", () => build(alice, []), sdk(18, "must contain at least one message: invalid request"));
  await refused("memo too long", () => build(alice, pay(), { memo: "m".repeat(257) }),
    sdk(12, "maximum number of characters is 256 but received 257 characters: memo too large"));
  await refused("a signer is missing", () => build(alice, [...pay(), sendMessage(bob.address, alice.address, 1)]),
    sdk(4, "wrong number of signers; expected 2, got 1: unauthorized"));
  await refused("a key that is not the sender's", () => build({ ...alice, pubkey: bob.pubkey }, pay()),
    sdk(8, `pubKey does not match signer address ${alice.address} with signer index: 0: invalid pubkey`));
  if (onPlume) {
    await refused("fee granter, no feegrant module", () => build(alice, pay(), { granter: bob.address }), sdk(18, "fee grants are not enabled: invalid request"));
    // TxBody fields of SDK 0.53: unordered = 4, timeout_timestamp = 5.
    await refused("unordered", () => build(alice, pay(), { bodyTail: fromHex("2001") }), sdk(18, /: invalid request$/));
    await refused("timeout_timestamp", () => build(alice, pay(), { bodyTail: fromHex("2a0608808496bf07") }), sdk(18, /: invalid request$/));
  }

  const fee = requiredFee(200_000) + 10;
  await failed("funds in a message", spender, () => build(spender, [sendMessage(spender.address, bob.address, 10 ** 12)], { gas: 200_000, fee: coins(fee) }), fee,
    sdk(5, new RegExp(`^failed to execute message; message index: 0: spendable balance ${20_000_000 - fee}${escaped(d)} is smaller than 1000000000000${escaped(d)}: insufficient funds$`)));
  await failed("nothing held of that denomination", spender, () => build(spender, [sendMessage(spender.address, bob.address, 1, "nothing")], { gas: 200_000, fee: coins(fee) }), fee,
    sdk(5, "failed to execute message; message index: 0: spendable balance 0nothing is smaller than 1nothing: insufficient funds"));
  await failed("the second of two messages", spender, () => build(spender, [sendMessage(spender.address, bob.address, 1), sendMessage(spender.address, bob.address, 1, "nothing")], { gas: 200_000, fee: coins(fee) }), fee,
    sdk(5, "failed to execute message; message index: 1: spendable balance 0nothing is smaller than 1nothing: insufficient funds"));
  await failed("out of gas in a message", spender, () => build(spender, [sendMessage(spender.address, bob.address, 1)], { gas: 56_000, fee: coins(fee) }), fee,
    sdk(11, /^out of gas in location: \w+; gasWanted: 56000, gasUsed: \d+: out of gas$/));
}

function highS(signature) {
  const s = BigInt("0x" + Buffer.from(signature.slice(32)).toString("hex"));
  const high = Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex");
  return Uint8Array.from([...signature.slice(0, 32), ...high]);
}

// The consensus parameters by the RPC's own words: CosmJS has no method for them.
async function consensus() {
  const answer = await fetch(`${config.rpc}/consensus_params`).then((r) => r.json());
  return { consensusParams: answer.result.consensus_params };
}
