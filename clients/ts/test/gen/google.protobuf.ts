// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import { message, type MessageType } from "../../src/codec";

export interface Any {
  typeUrl: string;
  value: Uint8Array;
}

export const Any: MessageType<Any> = message<Any>("google.protobuf.Any", [
  { no: 1, name: "typeUrl", amino: "type_url", type: "string" },
  { no: 2, name: "value", amino: "value", type: "bytes" },
], { shape: "any" });

export interface Duration {
  seconds: bigint;
  nanos: number;
}

export const Duration: MessageType<Duration> = message<Duration>("google.protobuf.Duration", [
  { no: 1, name: "seconds", amino: "seconds", type: "int64" },
  { no: 2, name: "nanos", amino: "nanos", type: "int32" },
], { shape: "duration" });

export interface Timestamp {
  seconds: bigint;
  nanos: number;
}

export const Timestamp: MessageType<Timestamp> = message<Timestamp>("google.protobuf.Timestamp", [
  { no: 1, name: "seconds", amino: "seconds", type: "int64" },
  { no: 2, name: "nanos", amino: "nanos", type: "int32" },
], { shape: "timestamp" });
