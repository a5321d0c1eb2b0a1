// What the generator makes of a message with a field of every kind agrees with the chain's own codec: bytes, amino JSON,
// and both inside CosmJS. toy.json holds the chain's answers.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeSignDoc, serializeSignDoc } from "@cosmjs/amino";
import { encodePubkey, Registry } from "@cosmjs/proto-signing";
import { AminoTypes, createDefaultAminoConverters, defaultRegistryTypes } from "@cosmjs/stargate";
import { aminoConverters, anyConverter, cosmjsConverter, type MessageType } from "../src";
import { allTypes, ownTypes, plumeToyV1, transactionTypes } from "./gen";
import { Colour, MsgPlay, MsgRest, Toy } from "./gen/plume.toy.v1";

interface Sample {
  wire: string;
  amino: string;
}

const samples: Sample[] = JSON.parse(readFileSync(join(__dirname, "../../test/toy.json"), "utf8"));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const register = (types: readonly MessageType<any>[]): [string, MessageType<any>][] => types.map((type) => [type.typeUrl, type]);

const registry = new Registry([...defaultRegistryTypes, ...register(ownTypes)]);
const aminoTypes = new AminoTypes({ ...createDefaultAminoConverters(), ...aminoConverters(transactionTypes, anyConverter(allTypes)) });
const sorted = (value: any): string => Buffer.from(serializeSignDoc(value)).toString("utf8");

test("bytes are the chain's, and come back", () => {
  assert.ok(samples.length >= 25);
  for (const { wire } of samples) {
    const value = registry.decode({ typeUrl: MsgPlay.typeUrl, value: bytes(wire) });
    assert.equal(hex(registry.encode({ typeUrl: MsgPlay.typeUrl, value })), wire);
    assert.equal(hex(MsgPlay.encode(MsgPlay.fromPartial(value)).finish()), wire);
  }
});

test("amino JSON is the chain's, and comes back", () => {
  for (const { wire, amino } of samples) {
    const value = MsgPlay.decode(bytes(wire));
    const shown = aminoTypes.toAmino({ typeUrl: MsgPlay.typeUrl, value });
    assert.equal(sorted(shown), amino);
    // As a wallet does it that signs amino JSON and sends protobuf.
    const again = aminoTypes.fromAmino(JSON.parse(amino));
    assert.equal(again.typeUrl, MsgPlay.typeUrl);
    assert.equal(sorted(aminoTypes.toAmino(again)), amino);
  }
});

test("whole numbers at every boundary come back", () => {
  for (let bits = 0n; bits < 64n; bits += 1n) {
    for (const value of [(1n << bits) - 1n, 1n << bits, (1n << bits) + 1n]) {
      const signed = BigInt.asIntN(64, value);
      const play = MsgPlay.fromPartial({ large: signed, largeUnsigned: value, largeZigzag: BigInt.asIntN(64, -signed), largeFixed: value, largeSignedFixed: signed });
      const again = MsgPlay.decode(MsgPlay.encode(play).finish());
      const { large, largeUnsigned, largeZigzag, largeFixed, largeSignedFixed } = again;
      assert.deepEqual([large, largeUnsigned, largeZigzag, largeFixed, largeSignedFixed], [signed, value, BigInt.asIntN(64, -signed), value, signed]);
    }
  }
});

test("both messages fit into one sign document of CosmJS", () => {
  const rest = { typeUrl: MsgRest.typeUrl, value: MsgRest.fromPartial({ player: "plume1x" }) };
  const [sample] = samples;
  assert.ok(sample);
  const play = { typeUrl: MsgPlay.typeUrl, value: MsgPlay.decode(bytes(sample.wire)) };
  const document = makeSignDoc([play, rest].map((m) => aminoTypes.toAmino(m)), { amount: [], gas: "1" }, "plume-local-1", "", 1, 2);
  const expected = `{"account_number":"1","chain_id":"plume-local-1","fee":{"amount":[],"gas":"1"},"memo":"","msgs":[${sample.amino},{"type":"plume/toy/MsgRest","value":{"player":"plume1x"}}],"sequence":"2"}`;
  assert.equal(sorted(document), expected);
});

test("fields that are left out are those of an empty message", () => {
  const play = MsgPlay.fromPartial({ colour: Colour.COLOUR_RED, toy: { name: "ball", age: 0n, colours: [] } });
  assert.equal(play.largeUnsigned, 0n);
  assert.deepEqual(play.names, []);
  assert.equal(play.maybe, undefined);
  assert.equal(play.price, undefined);
  assert.equal(hex(MsgPlay.encode(play).finish()), "7001ba01060a0462616c6c");
  assert.throws(() => aminoTypes.toAmino({ typeUrl: MsgPlay.typeUrl, value: play }), /price must be set/);
});

test("unknown fields are skipped, and of a oneof the last member counts", () => {
  const toy = Toy.encode(Toy.fromPartial({ name: "r" })).finish();
  // bounce = 32, roll = 33, field 1000 of each wire type.
  const mixed = Buffer.concat([
    bytes("8202016282"), // bounce: "b", and the start of another bounce
    bytes("020163"),
    bytes(`8a02${toy.length.toString(16).padStart(2, "0")}`),
    toy,
    bytes("c03e05" + "c23e0161" + "c53e00000000" + "c13e0000000000000000"),
  ]);
  const play = MsgPlay.decode(mixed);
  assert.equal(play.bounce, undefined);
  assert.equal(play.roll?.name, "r");
});

test("what is packed may be of CosmJS's own types", () => {
  const send = { typeUrl: "/cosmos.bank.v1beta1.MsgSend", value: { fromAddress: "a", toAddress: "b", amount: [{ denom: "uplume", amount: "1" }] } };
  const others = cosmjsConverter({ registry, aminoTypes });
  const play = MsgPlay.fromPartial({ price: { denom: "uplume", amount: "1" }, prize: registry.encodeAsAny(send) });
  const alone = aminoConverters(transactionTypes, anyConverter(allTypes))[MsgPlay.typeUrl];
  assert.throws(() => alone?.toAmino(play), /no amino JSON is known for \/cosmos.bank.v1beta1.MsgSend/);
  const helped = aminoConverters(transactionTypes, anyConverter(allTypes, others))[MsgPlay.typeUrl];
  const shown = helped?.toAmino(play);
  assert.deepEqual(shown.prize, { type: "cosmos-sdk/MsgSend", value: { from_address: "a", to_address: "b", amount: [{ denom: "uplume", amount: "1" }] } });
  assert.deepEqual(helped?.fromAmino(shown).prize.value, play.prize?.value);
});

test("public keys inside an Any are those of CosmJS", () => {
  const key = { type: "tendermint/PubKeySecp256k1", value: Buffer.alloc(33, 2).toString("base64") };
  const play = MsgPlay.fromPartial({ price: { denom: "u", amount: "1" }, prize: encodePubkey(key) });
  assert.deepEqual(aminoTypes.toAmino({ typeUrl: MsgPlay.typeUrl, value: play }).value.prize, key);
});

test("names and lists are those of the descriptors", () => {
  assert.equal(plumeToyV1.MsgPlay, MsgPlay);
  assert.deepEqual(transactionTypes.map((type) => type.aminoType), ["plume/toy/MsgPlay", "plume/toy/MsgRest", "plume/toy/MsgShow"]);
  assert.ok(ownTypes.every((type) => type.typeUrl.startsWith("/plume.")));
  assert.ok(allTypes.some((type) => type.typeUrl === "/cosmos.base.v1beta1.Coin"));
});
