// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import { message, type MessageType } from "../../src/codec";
import * as cosmosBaseV1beta1 from "./cosmos.base.v1beta1";
import * as googleProtobuf from "./google.protobuf";

export enum Colour {
  COLOUR_UNSPECIFIED = 0,
  COLOUR_RED = 1,
  COLOUR_FAR_AWAY = 200,
}

export interface MsgPlay {
  player: string;
  flag: boolean;
  small: number;
  large: bigint;
  smallUnsigned: number;
  largeUnsigned: bigint;
  smallZigzag: number;
  largeZigzag: bigint;
  smallFixed: number;
  largeFixed: bigint;
  smallSignedFixed: number;
  largeSignedFixed: bigint;
  raw: Uint8Array;
  colour: Colour;
  rate: string;
  share: string;
  amount: string;
  price?: cosmosBaseV1beta1.Coin | undefined;
  prices: cosmosBaseV1beta1.Coin[];
  begins?: googleProtobuf.Timestamp | undefined;
  lasts?: googleProtobuf.Duration | undefined;
  prize?: googleProtobuf.Any | undefined;
  toy?: Toy | undefined;
  toys: Toy[];
  numbers: bigint[];
  names: string[];
  colours: Colour[];
  prizes: googleProtobuf.Any[];
  document: Uint8Array;
  renamed: string;
  maybe?: bigint | undefined;
  bounce?: string | undefined;
  roll?: Toy | undefined;
  alwaysText: string;
  alwaysNumber: bigint;
  alwaysRaw: Uint8Array;
  alwaysRate: string;
  alwaysFlag: boolean;
  raws: Uint8Array[];
  flags: boolean[];
}

export const MsgPlay: MessageType<MsgPlay> = message<MsgPlay>("plume.toy.v1.MsgPlay", [
  { no: 1, name: "player", amino: "player", type: "string" },
  { no: 2, name: "flag", amino: "flag", type: "bool" },
  { no: 3, name: "small", amino: "small", type: "int32" },
  { no: 4, name: "large", amino: "large", type: "int64" },
  { no: 5, name: "smallUnsigned", amino: "small_unsigned", type: "uint32" },
  { no: 6, name: "largeUnsigned", amino: "large_unsigned", type: "uint64" },
  { no: 7, name: "smallZigzag", amino: "small_zigzag", type: "sint32" },
  { no: 8, name: "largeZigzag", amino: "large_zigzag", type: "sint64" },
  { no: 9, name: "smallFixed", amino: "small_fixed", type: "fixed32" },
  { no: 10, name: "largeFixed", amino: "large_fixed", type: "fixed64" },
  { no: 11, name: "smallSignedFixed", amino: "small_signed_fixed", type: "sfixed32" },
  { no: 12, name: "largeSignedFixed", amino: "large_signed_fixed", type: "sfixed64" },
  { no: 13, name: "raw", amino: "raw", type: "bytes" },
  { no: 14, name: "colour", amino: "colour", type: "enum" },
  { no: 15, name: "rate", amino: "rate", type: "string", number: "dec" },
  { no: 16, name: "share", amino: "share", type: "string" },
  { no: 17, name: "amount", amino: "amount", type: "string", number: "int" },
  { no: 18, name: "price", amino: "price", type: () => cosmosBaseV1beta1.Coin, keep: true },
  { no: 19, name: "prices", amino: "prices", type: () => cosmosBaseV1beta1.Coin, repeated: true, keep: true, encoding: "legacy_coins" },
  { no: 20, name: "begins", amino: "begins", type: () => googleProtobuf.Timestamp },
  { no: 21, name: "lasts", amino: "lasts", type: () => googleProtobuf.Duration },
  { no: 22, name: "prize", amino: "prize", type: () => googleProtobuf.Any },
  { no: 23, name: "toy", amino: "toy", type: () => Toy },
  { no: 24, name: "toys", amino: "toys", type: () => Toy, repeated: true },
  { no: 25, name: "numbers", amino: "numbers", type: "uint64", repeated: true },
  { no: 26, name: "names", amino: "names", type: "string", repeated: true, keep: true },
  { no: 27, name: "colours", amino: "colours", type: "enum", repeated: true },
  { no: 28, name: "prizes", amino: "prizes", type: () => googleProtobuf.Any, repeated: true },
  { no: 29, name: "document", amino: "document", type: "bytes", encoding: "inline_json" },
  { no: 30, name: "renamed", amino: "aName", type: "string" },
  { no: 31, name: "maybe", amino: "maybe", type: "uint64", optional: true },
  { no: 32, name: "bounce", amino: "bounce", type: "string", optional: true, oneof: ["Ball", "plume/toy/Bounce"] },
  { no: 33, name: "roll", amino: "roll", type: () => Toy, optional: true, oneof: ["Ball", "plume/toy/Roll"] },
  { no: 34, name: "alwaysText", amino: "always_text", type: "string", keep: true },
  { no: 35, name: "alwaysNumber", amino: "always_number", type: "uint64", keep: true },
  { no: 36, name: "alwaysRaw", amino: "always_raw", type: "bytes", keep: true },
  { no: 37, name: "alwaysRate", amino: "always_rate", type: "string", keep: true, number: "dec" },
  { no: 38, name: "alwaysFlag", amino: "always_flag", type: "bool", keep: true },
  { no: 39, name: "raws", amino: "raws", type: "bytes", repeated: true },
  { no: 40, name: "flags", amino: "flags", type: "bool", repeated: true },
], { amino: "plume/toy/MsgPlay" });

export interface MsgPlayResponse {
  score: bigint;
}

export const MsgPlayResponse: MessageType<MsgPlayResponse> = message<MsgPlayResponse>("plume.toy.v1.MsgPlayResponse", [
  { no: 1, name: "score", amino: "score", type: "uint64" },
]);

export interface MsgRest {
  player: string;
}

export const MsgRest: MessageType<MsgRest> = message<MsgRest>("plume.toy.v1.MsgRest", [
  { no: 1, name: "player", amino: "player", type: "string" },
], { amino: "plume/toy/MsgRest" });

export type MsgRestResponse = Record<string, never>;

export const MsgRestResponse: MessageType<MsgRestResponse> = message<MsgRestResponse>("plume.toy.v1.MsgRestResponse", [
]);

export interface MsgShow {
  player: string;
  flag: boolean;
  small: number;
  large: bigint;
  smallUnsigned: number;
  largeUnsigned: bigint;
  raw: Uint8Array;
  colour: Colour;
  rate: string;
  share: string;
  amount: string;
  price?: cosmosBaseV1beta1.Coin | undefined;
  prices: cosmosBaseV1beta1.Coin[];
  begins?: googleProtobuf.Timestamp | undefined;
  lasts?: googleProtobuf.Duration | undefined;
  prize?: googleProtobuf.Any | undefined;
  toys: Toy[];
  numbers: bigint[];
  names: string[];
  colours: Colour[];
  prizes: googleProtobuf.Any[];
  bounce?: string | undefined;
  roll?: Toy | undefined;
}

export const MsgShow: MessageType<MsgShow> = message<MsgShow>("plume.toy.v1.MsgShow", [
  { no: 1, name: "player", amino: "player", type: "string" },
  { no: 2, name: "flag", amino: "flag", type: "bool" },
  { no: 3, name: "small", amino: "small", type: "int32" },
  { no: 4, name: "large", amino: "large", type: "int64" },
  { no: 5, name: "smallUnsigned", amino: "small_unsigned", type: "uint32" },
  { no: 6, name: "largeUnsigned", amino: "large_unsigned", type: "uint64" },
  { no: 7, name: "raw", amino: "raw", type: "bytes" },
  { no: 8, name: "colour", amino: "colour", type: "enum" },
  { no: 9, name: "rate", amino: "rate", type: "string", number: "dec" },
  { no: 10, name: "share", amino: "share", type: "string" },
  { no: 11, name: "amount", amino: "amount", type: "string", number: "int" },
  { no: 12, name: "price", amino: "price", type: () => cosmosBaseV1beta1.Coin },
  { no: 13, name: "prices", amino: "prices", type: () => cosmosBaseV1beta1.Coin, repeated: true, keep: true, encoding: "legacy_coins" },
  { no: 14, name: "begins", amino: "begins", type: () => googleProtobuf.Timestamp },
  { no: 15, name: "lasts", amino: "lasts", type: () => googleProtobuf.Duration },
  { no: 16, name: "prize", amino: "prize", type: () => googleProtobuf.Any },
  { no: 17, name: "toys", amino: "toys", type: () => Toy, repeated: true },
  { no: 18, name: "numbers", amino: "numbers", type: "uint64", repeated: true },
  { no: 19, name: "names", amino: "names", type: "string", repeated: true },
  { no: 20, name: "colours", amino: "colours", type: "enum", repeated: true },
  { no: 21, name: "prizes", amino: "prizes", type: () => googleProtobuf.Any, repeated: true },
  { no: 22, name: "bounce", amino: "bounce", type: "string", optional: true, oneof: ["Ball", "plume/toy/Bounce"] },
  { no: 23, name: "roll", amino: "roll", type: () => Toy, optional: true, oneof: ["Ball", "plume/toy/Roll"] },
], { amino: "plume/toy/MsgShow" });

export type MsgShowResponse = Record<string, never>;

export const MsgShowResponse: MessageType<MsgShowResponse> = message<MsgShowResponse>("plume.toy.v1.MsgShowResponse", [
]);

export interface Toy {
  name: string;
  age: bigint;
  inside?: Toy | undefined;
  colours: Colour[];
}

export const Toy: MessageType<Toy> = message<Toy>("plume.toy.v1.Toy", [
  { no: 1, name: "name", amino: "name", type: "string" },
  { no: 2, name: "age", amino: "age", type: "uint64" },
  { no: 3, name: "inside", amino: "inside", type: () => Toy },
  { no: 4, name: "colours", amino: "colours", type: "enum", repeated: true },
]);
