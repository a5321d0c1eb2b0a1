// Keplr's account and transaction tracer, unmodified, against a running chain. See README.md.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { WebSocket } from "ws";
import { payment, randomAddress, simulation, wallet } from "./wallet.mjs";

const require = createRequire(import.meta.url);
const { BaseAccount, TendermintTxTracer, WsReadyState } = require("@keplr-wallet/cosmos");

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}; see README.md`);
  return value;
}

const [rpc, api, prefix, denom] = ["PLUME_RPC", "PLUME_API", "PLUME_PREFIX", "PLUME_DENOM"].map(required);
const GAS = 200_000;
const FEE = { denom, amount: String(Math.ceil(GAS * Number(required("PLUME_MIN_GAS_PRICE")))) };
// For machines that do much else.
const WITHIN_MS = 30_000;

let passed = 0;
async function test(name, run) {
  await run();
  passed += 1;
  console.log(`ok    ${name}`);
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${WITHIN_MS} ms`)), WITHIN_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function call(method, params = {}) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = await (await fetch(rpc, { method: "POST", body, headers: { "content-type": "application/json" } })).json();
  assert.equal(answer.error, undefined);
  return answer.result;
}

const rest = async (path) => (await fetch(`${api}${path}`)).json();
const broadcast = async ({ bytes }) => call("broadcast_tx_sync", { tx: Buffer.from(bytes).toString("base64") });
const tracer = () => new TendermintTxTracer(rpc, "/websocket", { wsObject: WebSocket });

const payer = wallet(required("PLUME_MNEMONIC"), prefix);
const chainId = (await call("status")).node_info.network;
const account = () => BaseAccount.fetchFromRest(api, payer.address);
async function pay(to, amount, memo) {
  const now = await account();
  const numbers = { accountNumber: now.getAccountNumber().toString(), sequence: now.getSequence().toString() };
  return payment(payer, to, { denom, amount: String(amount) }, { chainId, ...numbers, fee: FEE, gas: GAS, memo });
}

// A tracer whose connection is open. One for each transaction, as Keplr does: a connection may have five subscriptions.
async function connected() {
  const on = tracer();
  await within(new Promise((resolve) => on.addEventListener("open", resolve)), "the connection");
  return on;
}

// Traces, and broadcasts when the node has confirmed the subscription: then the result comes by it, and not by the question
// that the tracer repeats every ten seconds.
async function traced(tx, query = tx.hash) {
  const on = await connected();
  const confirmed = new Promise((resolve) => {
    on.addEventListener("message", ({ data }) => isDeepStrictEqual(JSON.parse(data).result, {}) && resolve());
  });
  const result = on.traceTx(query);
  await within(confirmed, "the subscription");
  const answer = await broadcast(tx);
  assert.deepEqual([answer.code, answer.hash], [0, tx.hash.toString("hex").toUpperCase()]);
  const found = await within(result, "the result");
  on.close();
  return found;
}

// Blocks reach the index a moment after their events.
async function indexed(on, query) {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    const found = await within(on.queryTx(query), "an answer").catch((error) => {
      if (Date.now() > deadline || !/not found/.test(error.message)) throw error;
    });
    if (found && found.total_count !== "0") return found;
    assert.ok(Date.now() < deadline, "the index never had it");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

await test("account: number, sequence and type as the chain has them", async () => {
  assert.equal(payer.address, required("PLUME_ADDRESS"));
  const [known, truth] = [await account(), (await rest(`/cosmos/auth/v1beta1/account_info/${payer.address}`)).info];
  assert.equal(known.getType(), "/cosmos.auth.v1beta1.BaseAccount");
  assert.equal(known.getAddress(), payer.address);
  assert.deepEqual([known.getAccountNumber().toString(), known.getSequence().toString()], [truth.account_number, truth.sequence]);
});

await test("account: one that is not there has the number and sequence 0", async () => {
  const address = randomAddress(prefix);
  const unknown = await BaseAccount.fetchFromRest(api, address, true);
  assert.deepEqual([unknown.getType(), unknown.getAddress()], ["", address]);
  assert.deepEqual([unknown.getAccountNumber().toString(), unknown.getSequence().toString()], ["0", "0"]);
  await assert.rejects(BaseAccount.fetchFromRest(api, address), /address is unknown: .*not found/);
});

await test("account: a module's account is read through its base account", async () => {
  const shown = (await rest("/cosmos/auth/v1beta1/module_accounts/fee_collector")).account.base_account;
  const read = await BaseAccount.fetchFromRest(api, shown.address);
  assert.equal(read.getType(), "/cosmos.auth.v1beta1.ModuleAccount");
  assert.deepEqual([read.getAddress(), read.getAccountNumber().toString()], [shown.address, shown.account_number]);
});

await test("simulation in Keplr's form estimates a payment", async () => {
  const request = simulation(payer, randomAddress(prefix), { denom, amount: "1" }, (await account()).getSequence().toString());
  const body = JSON.stringify({ tx_bytes: Buffer.from(request).toString("base64") });
  const answer = await (await fetch(`${api}/cosmos/tx/v1beta1/simulate`, { method: "POST", body })).json();
  const used = Number(answer.gas_info?.gas_used);
  assert.ok(used > 40_000 && used < 100_000, JSON.stringify(answer));
});

await test("tracer: a question before the connection is open is asked when it is", async () => {
  const early = tracer();
  assert.equal(early.readyState, WsReadyState.CONNECTING);
  const found = await within(early.queryTx({ "tx.height": 1_000_000 }), "an answer");
  assert.deepEqual(found, { txs: [], total_count: "0" });
  assert.equal(early.readyState, WsReadyState.OPEN);
  const closed = new Promise((resolve) => early.addEventListener("close", resolve));
  early.close();
  await within(closed, "the end");
  assert.equal(early.readyState, WsReadyState.CLOSED);
});

await test("tracer: blocks come one after the other", async () => {
  const [blocks, on] = [[], await connected()];
  let arrived;
  const three = new Promise((resolve) => (arrived = resolve));
  const unsubscribe = on.subscribeBlock((value) => {
    blocks.push(value.block.header);
    if (blocks.length === 3) arrived();
  });
  // A block with a transaction, the one that proves it, and the next transaction's.
  for (let i = 0; blocks.length < 3 && i < 2; i += 1) await traced(await pay(randomAddress(prefix), 1, `block ${i}`));
  await within(three, "three blocks");
  unsubscribe();
  on.close();
  const heights = blocks.slice(0, 3).map((header) => Number(header.height));
  assert.deepEqual(heights, [heights[0], heights[0] + 1, heights[0] + 2]);
  assert.ok(blocks.every((header) => header.chain_id === chainId));
});

await test("tracer: a transaction is traced from before it is sent", async () => {
  const [to, before] = [randomAddress(prefix), await account()];
  const result = await traced(await pay(to, 1234));
  // CometBFT leaves a code of 0 out of events.
  assert.equal(result.code ?? 0, 0, result.log);
  assert.ok(result.events.some((event) => event.type === "transfer"));
  assert.equal(BigInt((await account()).getSequence().toString()), BigInt(before.getSequence().toString()) + 1n);
  const balance = await rest(`/cosmos/bank/v1beta1/balances/${to}/by_denom?denom=${denom}`);
  assert.equal(balance.balance.amount, "1234");
});

await test("tracer: a transaction is traced by its events", async () => {
  const to = randomAddress(prefix);
  const tx = await pay(to, 5);
  const { events } = await traced(tx, { "transfer.recipient": to, "message.action": "/cosmos.bank.v1beta1.MsgSend" });
  assert.ok(events.some(({ attributes }) => attributes.some(({ key, value }) => key === "recipient" && value === to)));
  const on = await connected();
  const found = await indexed(on, { "transfer.recipient": to });
  assert.deepEqual([found.total_count, found.txs[0].hash], ["1", tx.hash.toString("hex").toUpperCase()]);
  // What is there already is found by the tracer's first question.
  assert.deepEqual(await within(on.traceTx({ "transfer.recipient": to }), "the search"), found);
  on.close();
});

await test("tracer: one that failed in its block says why", async () => {
  const funds = (await rest(`/cosmos/bank/v1beta1/balances/${payer.address}/by_denom?denom=${denom}`)).balance.amount;
  const result = await traced(await pay(randomAddress(prefix), BigInt(funds)));
  assert.equal(result.code, 5);
  assert.match(result.log, /insufficient funds/);
});

await test("tracer: one in a block is found, one that is nowhere is not", async () => {
  const tx = await pay(randomAddress(prefix), 7);
  await traced(tx);
  const on = await connected();
  const found = await indexed(on, tx.hash);
  assert.deepEqual([found.code, Number(found.gas_wanted)], [0, GAS]);
  assert.deepEqual(await within(on.traceTx(tx.hash), "the answer"), found);
  await assert.rejects(within(on.queryTx(new Uint8Array(32).fill(7)), "the refusal"), /not found/);
  on.close();
});

console.log(`${passed} passed`);
// The tracer's own timers would keep the process for seconds.
process.exit(0);
