// Whole numbers of 64 bits. cosmjs-types 0.11.0 has functions for them too, but encodes and decodes what lies from 2^31 up
// to 2^32 as something else (2147483648 becomes five zero bytes).

import type { BinaryReader, BinaryWriter } from "cosmjs-types/binary";

/** What `cosmjs-types` declares as private: appends bytes that a function writes. */
interface Pushes {
  _push(write: (value: bigint, buffer: Uint8Array | number[], at: number) => void, length: number, value: bigint): unknown;
}

/** The number whose varint stands for `value`. */
export function toVarint(type: string, value: bigint): bigint {
  return BigInt.asUintN(64, type === "sint64" ? (value << 1n) ^ (value >> 63n) : value);
}

/** The inverse of `toVarint`. */
export function fromVarint(type: string, value: bigint): bigint {
  if (type === "uint64") return value;
  return type === "sint64" ? (value >> 1n) ^ -(value & 1n) : BigInt.asIntN(64, value);
}

/** Appends a number of up to 64 bits, seven bits a byte. */
export function writeVarint(writer: BinaryWriter, value: bigint): void {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  const write = (_: bigint, buffer: Uint8Array | number[], at: number): void => bytes.forEach((byte, index) => (buffer[at + index] = byte));
  (writer as unknown as Pushes)._push(write, bytes.length, value);
}

/** Reads a number of up to 64 bits. */
export function readVarint(reader: BinaryReader): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.buf[reader.pos];
    if (byte === undefined || reader.pos >= reader.len) throw new RangeError("number cut short");
    reader.pos += 1;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new RangeError("number longer than ten bytes");
}
