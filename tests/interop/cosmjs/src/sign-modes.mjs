// Sign modes that wallets use beside direct and amino: auxiliary signatures, by CosmJS's own types.

import { Secp256k1, sha256 } from "@cosmjs/crypto";
import { encodePubkey, makeSignBytes, makeSignDoc } from "@cosmjs/proto-signing";
import { SignMode } from "cosmjs-types/cosmos/tx/signing/v1beta1/signing";
import { AuthInfo, SignDocDirectAux, SignerInfo, TxBody, TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx";
import { balanceOf, broadcast, chainId, client, coins, committed, fundedAccounts, numbersOf, registry, requiredFee, sendMessage } from "./chain.mjs";
import { equal, test } from "./report.mjs";

const { SIGN_MODE_DIRECT, SIGN_MODE_DIRECT_AUX } = SignMode;

async function signature(signer, bytes) {
  const made = await Secp256k1.createSignature(sha256(bytes), signer.privkey);
  return Uint8Array.from([...made.r(32), ...made.s(32)]);
}

// A send by `sender`, signed first and without the fee; then the fee is decided and paid by `payer`.
async function sponsored(sender, payer, to, { payerMode = SIGN_MODE_DIRECT, editBody = (body) => body } = {}) {
  const [own, paying] = [await numbersOf(sender.address), await numbersOf(payer.address)];
  const encode = (memo) => TxBody.encode(TxBody.fromPartial({ messages: [registry.encodeAsAny(sendMessage(sender.address, to, 9))], memo })).finish();
  const bodyBytes = encode("");
  const aux = (signer, numbers) =>
    SignDocDirectAux.encode(
      SignDocDirectAux.fromPartial({
        bodyBytes,
        publicKey: encodePubkey(signer.pubkey),
        chainId,
        accountNumber: numbers.accountNumber,
        sequence: BigInt(numbers.sequence),
      }),
    ).finish();
  const first = await signature(sender, aux(sender, own));

  const info = (signer, numbers, mode) => SignerInfo.fromPartial({ publicKey: encodePubkey(signer.pubkey), modeInfo: { single: { mode } }, sequence: BigInt(numbers.sequence) });
  const gas = 200_000;
  const authInfoBytes = AuthInfo.encode(
    AuthInfo.fromPartial({
      signerInfos: [info(sender, own, SIGN_MODE_DIRECT_AUX), info(payer, paying, payerMode)],
      fee: { amount: coins(requiredFee(gas) + 10), gasLimit: BigInt(gas), payer: payer.address },
    }),
  ).finish();
  const sent = editBody(bodyBytes, encode);
  const second = payerMode === SIGN_MODE_DIRECT ? makeSignBytes(makeSignDoc(sent, authInfoBytes, chainId, paying.accountNumber)) : aux(payer, paying);
  return TxRaw.encode(TxRaw.fromPartial({ bodyBytes: sent, authInfoBytes, signatures: [first, await signature(payer, second)] })).finish();
}

export async function signModes() {
  const [alice, bob] = await fundedAccounts(2, 20_000_000);

  await test("an auxiliary signature, with the fee paid by another", async () => {
    const [before, paying] = [await balanceOf(alice.address), await balanceOf(bob.address)];
    const bytes = await sponsored(alice, bob, bob.address);
    const accepted = await broadcast(bytes);
    equal({ code: accepted.code, log: accepted.log }, { code: 0, log: "" }, "CheckTx accepts");
    const { result } = await committed(bytes);
    equal({ code: result.code, log: result.log ?? "" }, { code: 0, log: "" }, "the block");
    equal(await balanceOf(alice.address), before - 9n, "alice pays what she sends");
    equal(await balanceOf(bob.address), paying + 9n - BigInt(requiredFee(200_000) + 10), "bob pays the fee");
    equal([(await client.getSequence(alice.address)).sequence, (await client.getSequence(bob.address)).sequence], [1, 1], "both sequences");
  });

  await test("refused: who pays the fee signs as an auxiliary", async () => {
    const { accountNumber } = await numbersOf(bob.address);
    const answer = await broadcast(await sponsored(alice, bob, bob.address, { payerMode: SIGN_MODE_DIRECT_AUX }));
    const reason = `fee payer ${bob.address} cannot sign with SIGN_MODE_DIRECT_AUX: unauthorized`;
    const log = `signature verification failed; please verify account number (${accountNumber}) and chain-id (${chainId}): (${reason}): unauthorized`;
    equal({ code: answer.code, codespace: answer.codespace, log: answer.log }, { code: 4, codespace: "sdk", log }, "CheckTx");
  });

  await test("refused: another body than the auxiliary signed", async () => {
    const { accountNumber } = await numbersOf(alice.address);
    const answer = await broadcast(await sponsored(alice, bob, bob.address, { editBody: (_, encode) => encode("changed") }));
    const log = `signature verification failed; please verify account number (${accountNumber}) and chain-id (${chainId}): (unable to verify single signer signature): unauthorized`;
    equal({ code: answer.code, codespace: answer.codespace, log: answer.log }, { code: 4, codespace: "sdk", log }, "CheckTx");
  });
}
