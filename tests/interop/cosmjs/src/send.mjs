// What a wallet does on a good day.

import { createMultisigThresholdPubkey, pubkeyToAddress } from "@cosmjs/amino";
import { calculateFee, GasPrice, isDeliverTxSuccess, makeMultisignedTxBytes, QueryClient, setupAuthExtension, setupBankExtension, setupTxExtension } from "@cosmjs/stargate";
import { QueryBalanceRequest, QueryBalanceResponse } from "cosmjs-types/cosmos/bank/v1beta1/query";
import { SignMode } from "cosmjs-types/cosmos/tx/signing/v1beta1/signing";
import { SimulateRequest, SimulateResponse } from "cosmjs-types/cosmos/tx/v1beta1/service";
import { AuthInfo, Fee, ModeInfo, SignerInfo, Tx, TxBody, TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx";
import { account, balanceOf, broadcast, build, chainId, client, coins, comet, committed, fund, fundedAccounts, hashOf, registry, sendMessage, signingClient, usualFee } from "./chain.mjs";
import { config } from "./config.mjs";
import { check, equal, fails, test } from "./report.mjs";

const START = 50_000_000;

// Type and attributes, in order.
const shape = (events) => events.map((e) => [e.type, ...e.attributes.map((a) => `${a.key}=${a.value}`)]);

// The twelve events of a send with fee (wire-rules, section 2). The SDK indexes the last five by message.
function sendEvents({ from, to, amount, fee, sequence, signature, collector }) {
  const send = (sender, recipient, sum, tail) => [
    ["coin_spent", `spender=${sender}`, `amount=${sum}`, ...tail],
    ["coin_received", `receiver=${recipient}`, `amount=${sum}`, ...tail],
    ["transfer", `recipient=${recipient}`, `sender=${sender}`, `amount=${sum}`, ...tail],
    ["message", `sender=${sender}`, ...tail],
  ];
  const index = ["msg_index=0"];
  return [
    ...send(from, collector, fee, []),
    ["tx", `fee=${fee}`, `fee_payer=${from}`],
    ["tx", `acc_seq=${from}/${sequence}`],
    ["tx", `signature=${signature}`],
    ["message", "action=/cosmos.bank.v1beta1.MsgSend", `sender=${from}`, "module=bank", ...index],
    ...send(from, to, amount, index),
  ];
}

export async function sends() {
  const [alice, bob, carol] = await fundedAccounts(3, START);
  const stranger = await account();
  const queries = QueryClient.withExtensions(comet, setupAuthExtension, setupBankExtension, setupTxExtension);

  await test("connect: chain id, height, block", async () => {
    equal((await client.getBlock()).header.chainId, chainId, "the block's chain id");
    check((await client.getHeight()) > 0, "a height above 0");
  });

  await test("account: known, unknown, unused", async () => {
    const known = await client.getAccount(alice.address);
    equal({ address: known.address, pubkey: known.pubkey, sequence: known.sequence }, { address: alice.address, pubkey: null, sequence: 0 }, "a funded account that never signed");
    equal(await client.getAccount(stranger.address), null, "an account that does not exist");
  });

  await test("send, direct: result, events, data, balances, sequence", async () => {
    const signer = await signingClient(alice.direct);
    const fee = usualFee();
    const before = { alice: await balanceOf(alice.address), bob: await balanceOf(bob.address) };
    const result = await signer.sendTokens(alice.address, bob.address, coins(1234), fee, "a memo");
    equal({ code: result.code, log: result.rawLog, wanted: result.gasWanted }, { code: 0, log: "", wanted: 200_000n }, "the result");
    check(result.gasUsed > 40_000n && result.gasUsed <= 100_000n, `gas used ${result.gasUsed}`);
    equal((await balanceOf(alice.address)) - before.alice, -1234n - BigInt(fee.amount[0].amount), "the sender's balance");
    equal((await balanceOf(bob.address)) - before.bob, 1234n, "the recipient's balance");
    equal((await client.getSequence(alice.address)).sequence, 1, "the sender's sequence");
    equal((await client.getAccount(alice.address)).pubkey, alice.pubkey, "the sender's public key, now known");
    equal(result.msgResponses.map((r) => r.typeUrl), ["/cosmos.bank.v1beta1.MsgSendResponse"], "the message's response");

    const indexed = await client.getTx(result.transactionHash);
    const raw = TxRaw.decode(indexed.tx);
    const collector = indexed.events[1].attributes[0].value;
    equal(
      shape(result.events),
      sendEvents({
        from: alice.address, to: bob.address, amount: `1234${config.denom}`, fee: `${fee.amount[0].amount}${config.denom}`,
        sequence: 0, signature: Buffer.from(raw.signatures[0]).toString("base64"), collector,
      }),
      "the events",
    );
    equal(hashOf(indexed.tx), result.transactionHash, "the hash is SHA-256 of the bytes");
    equal((await queries.auth.account(collector)).typeUrl, "/cosmos.auth.v1beta1.ModuleAccount", "the fee goes to a module account");
  });

  await test("send, amino", async () => {
    const signer = await signingClient(alice.amino);
    const before = await balanceOf(bob.address);
    const result = await signer.sendTokens(alice.address, bob.address, coins(77), usualFee(), "<a> & b é");
    equal({ code: result.code, log: result.rawLog }, { code: 0, log: "" }, "the result");
    equal((await balanceOf(bob.address)) - before, 77n, "the recipient's balance");
    const raw = TxRaw.decode((await client.getTx(result.transactionHash)).tx);
    equal(AuthInfo.decode(raw.authInfoBytes).signerInfos[0].modeInfo.single.mode, SignMode.SIGN_MODE_LEGACY_AMINO_JSON, "the sign mode");
  });

  await test("send to an address without account creates it", async () => {
    const signer = await signingClient(alice.direct);
    const fresh = await account();
    const result = await signer.sendTokens(alice.address, fresh.address, coins(5), usualFee());
    equal(result.code, 0, result.rawLog);
    const made = await client.getAccount(fresh.address);
    equal({ pubkey: made.pubkey, sequence: made.sequence }, { pubkey: null, sequence: 0 }, "the new account");
    equal(await client.getAllBalances(fresh.address), coins(5), "its balances");
  });

  await test("multi-send, two messages", async () => {
    const signer = await signingClient(alice.direct);
    const before = [await balanceOf(bob.address), await balanceOf(carol.address)];
    const multi = {
      typeUrl: "/cosmos.bank.v1beta1.MsgMultiSend",
      value: { inputs: [{ address: alice.address, coins: coins(30) }], outputs: [{ address: bob.address, coins: coins(10) }, { address: carol.address, coins: coins(20) }] },
    };
    const result = await signer.signAndBroadcast(alice.address, [multi, sendMessage(alice.address, bob.address, 1)], usualFee(300_000));
    equal(result.code, 0, result.rawLog);
    equal([(await balanceOf(bob.address)) - before[0], (await balanceOf(carol.address)) - before[1]], [11n, 20n], "the recipients' balances");
    equal(result.msgResponses.map((r) => r.typeUrl), ["/cosmos.bank.v1beta1.MsgMultiSendResponse", "/cosmos.bank.v1beta1.MsgSendResponse"], "the messages' responses");
    const actions = result.events.filter((e) => e.type === "message" && e.attributes[0].key === "action").map((e) => e.attributes.at(-1).value);
    equal(actions, ["0", "1"], "msg_index of each message");
  });

  for (const members of [[0, 1], [1, 2]]) {
    await test(`send from a 2-of-3 multisig, signed by ${members.map((i) => i + 1).join(" and ")}`, async () => {
      const keys = await Promise.all([account(), account(), account()]);
      const threshold = createMultisigThresholdPubkey(keys.map((k) => k.pubkey), 2, true);
      const address = pubkeyToAddress(threshold, config.prefix);
      await fund([address], 1_000_000);
      const { accountNumber, sequence } = await client.getSequence(address);
      const fee = usualFee();
      const message = sendMessage(address, bob.address, 99);
      const signatures = new Map();
      let bodyBytes;
      // CosmJS sorts the members' keys, so a signature is filed under its address.
      for (const i of members) {
        const signer = await signingClient(keys[i].amino);
        const signed = await signer.sign(keys[i].address, [message], fee, "multi", { accountNumber, sequence, chainId });
        signatures.set(keys[i].address, signed.signatures[0]);
        bodyBytes = signed.bodyBytes;
      }
      const before = await balanceOf(bob.address);
      const result = await client.broadcastTx(makeMultisignedTxBytes(threshold, sequence, fee, bodyBytes, signatures));
      check(isDeliverTxSuccess(result), result.rawLog);
      equal((await balanceOf(bob.address)) - before, 99n, "the recipient's balance");
      equal((await client.getAccount(address)).pubkey, threshold, "the multisig's public key");
      equal((await client.getSequence(address)).sequence, 1, "the multisig's sequence");
    });
  }

  await test("simulate as CosmJS does, then send with what it says", async () => {
    const signer = await signingClient(carol.direct, { gasPrice: GasPrice.fromString(`${config.minGasPrice}${config.denom}`) });
    const gas = await signer.simulate(carol.address, [sendMessage(carol.address, bob.address, 3)], "");
    check(gas > 40_000 && gas < 120_000, `gas ${gas}`);
    const result = await signer.sendTokens(carol.address, bob.address, coins(3), calculateFee(Math.ceil(gas * 1.3), GasPrice.fromString(`${config.minGasPrice}${config.denom}`)));
    equal(result.code, 0, result.rawLog);
    const auto = await signer.sendTokens(carol.address, bob.address, coins(3), "auto");
    equal(auto.code, 0, auto.rawLog);
    await fails(signer.simulate(carol.address, [sendMessage(carol.address, bob.address, 10 * START)], ""), /insufficient funds.*with gas used: '\d+'/s, "a simulation that fails");
  });

  await test("simulate as Keplr does: no public key, amino mode, 64 zero bytes", async () => {
    const { sequence } = await client.getSequence(bob.address);
    const answer = await simulate({ mode: SignMode.SIGN_MODE_LEGACY_AMINO_JSON, signature: new Uint8Array(64), sequence, from: bob.address, to: alice.address });
    check(answer.gasInfo.gasUsed > 40_000n && answer.gasInfo.gasUsed < 120_000n, `gas ${answer.gasInfo.gasUsed}`);
    equal(answer.gasInfo.gasWanted, 2n ** 64n - 1n, "gas wanted");
    equal(answer.result.msgResponses.map((r) => r.typeUrl), ["/cosmos.bank.v1beta1.MsgSendResponse"], "the responses");
    check(answer.result.events.some((e) => e.type === "transfer"), "events");
  });

  await test("search by hash, by sender, by recipient, by height", async () => {
    const signer = await signingClient(alice.direct);
    const fresh = await account();
    const result = await signer.sendTokens(alice.address, fresh.address, coins(5), usualFee());
    const hash = result.transactionHash;
    equal((await client.getTx(hash)).hash, hash, "by hash");
    equal(await client.getTx("00".repeat(32)), null, "a hash that nobody has");
    const found = async (query) => (await client.searchTx(query)).map((tx) => tx.hash);
    equal(await found(`tx.hash='${hash}'`), [hash], "search by hash");
    equal(await found(`transfer.recipient='${fresh.address}'`), [hash], "search by recipient");
    equal(await found([{ key: "transfer.recipient", value: fresh.address }]), [hash], "search by recipient, as pairs");
    check((await found(`message.action='/cosmos.bank.v1beta1.MsgSend' AND message.sender='${alice.address}'`)).includes(hash), "search by action and sender");
    equal(await found(`tx.height=${result.height} AND transfer.recipient='${fresh.address}'`), [hash], "search by height and recipient");
    equal(await found(`tx.acc_seq='${alice.address}/${(await client.getSequence(alice.address)).sequence - 1}'`), [hash], "search by account and sequence");
    const decoded = (await queries.tx.getTx(hash)).tx;
    equal(decoded.body.messages[0].typeUrl, "/cosmos.bank.v1beta1.MsgSend", "GetTx over ABCI Query");
  });

  await test("balances, supply, metadata", async () => {
    equal(await client.getBalance(stranger.address, config.denom), { denom: config.denom, amount: "0" }, "no balance");
    equal(await client.getAllBalances(stranger.address), [], "no balances");
    equal(await client.getAllBalances(bob.address), [{ denom: config.denom, amount: String(await balanceOf(bob.address)) }], "all balances");
    const supply = await queries.bank.supplyOf(config.denom);
    check(BigInt(supply.amount) > 0n, `supply ${supply.amount}`);
    check((await queries.bank.totalSupply()).supply.some((c) => c.denom === config.denom && c.amount === supply.amount), "the total supply lists it");
    await fails(queries.bank.denomMetadata("nothing"), /code = NotFound/, "metadata of an unknown denomination");
  });

  await test("balance at a past height", async () => {
    const before = await client.getHeight();
    const old = await balanceOf(bob.address);
    const signer = await signingClient(alice.direct);
    const result = await signer.sendTokens(alice.address, bob.address, coins(8), usualFee());
    equal(result.code, 0, result.rawLog);
    const past = QueryClient.withExtensions(comet, (base) => ({
      past: {
        balance: async (height) => {
          const request = QueryBalanceRequest.encode({ address: bob.address, denom: config.denom }).finish();
          const { value } = await base.queryAbci("/cosmos.bank.v1beta1.Query/Balance", request, height);
          return BigInt(QueryBalanceResponse.decode(value).balance.amount);
        },
      },
    })).past;
    equal([await past.balance(before), await past.balance(result.height)], [old, old + 8n], "then and now");
  });

  await test("a transaction already in the mempool or a block is not taken twice", async () => {
    const bytes = await build(alice, [sendMessage(alice.address, bob.address, 1)]);
    equal((await broadcast(bytes)).code, 0, "the first time");
    equal((await committed(bytes)).result.code, 0, "in its block");
    const again = await broadcast(bytes).catch((error) => ({ code: 19, log: error.message }));
    check(again.code !== 0, `the second time: ${JSON.stringify(again)}`);
  });
}

async function simulate({ mode, signature, sequence, from, to }) {
  const tx = Tx.fromPartial({
    body: TxBody.fromPartial({ messages: [registry.encodeAsAny(sendMessage(from, to, 1))] }),
    authInfo: AuthInfo.fromPartial({
      fee: Fee.fromPartial({}),
      signerInfos: [SignerInfo.fromPartial({ modeInfo: ModeInfo.fromPartial({ single: { mode } }), sequence: BigInt(sequence) })],
    }),
    signatures: [signature],
  });
  const data = SimulateRequest.encode(SimulateRequest.fromPartial({ txBytes: Tx.encode(tx).finish() })).finish();
  const answer = await comet.abciQuery({ path: "/cosmos.tx.v1beta1.Service/Simulate", data });
  equal({ code: answer.code, log: answer.log ?? "" }, { code: 0, log: "" }, "the simulation");
  return SimulateResponse.decode(answer.value);
}
