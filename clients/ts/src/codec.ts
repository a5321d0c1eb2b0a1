// Encodes, decodes and shows messages by tables of their fields, which are generated from the chain's descriptors.

import { BinaryReader, BinaryWriter, WireType } from "cosmjs-types/binary";
import { fromVarint, readVarint, toVarint, writeVarint } from "./varint";

/** Number types of protobuf, texts and bytes, as protobuf names them. */
export type Scalar =
  | "bool"
  | "bytes"
  | "enum"
  | "fixed32"
  | "fixed64"
  | "int32"
  | "int64"
  | "sfixed32"
  | "sfixed64"
  | "sint32"
  | "sint64"
  | "string"
  | "uint32"
  | "uint64";

/** One field of a message. */
export interface Field {
  readonly no: number;
  /** Name of the property. */
  readonly name: string;
  /** Name in amino JSON. */
  readonly amino: string;
  /** Type of a value; a message by reference, since messages may contain one another. */
  readonly type: Scalar | (() => MessageType<any>);
  readonly repeated?: true;
  /** Knows the difference between unset and empty: `optional`, or a member of a oneof. */
  readonly optional?: true;
  /** Amino JSON shows it even if it is empty. */
  readonly keep?: true;
  /** Text that holds an integer, or a decimal as an integer with 18 implied places. */
  readonly number?: "int" | "dec";
  readonly encoding?: "legacy_coins" | "inline_json";
  /** Amino JSON's name of the oneof, and of this member of it. */
  readonly oneof?: readonly [group: string, member: string];
}

/** How amino JSON shows a whole message, where it does not show its fields. */
export type Shape = "any" | "duration" | "key" | "threshold" | "timestamp";

/** A message type, as CosmJS's `Registry` takes it. */
export interface MessageType<T> {
  readonly typeUrl: string;
  readonly aminoType?: string;
  readonly fields: readonly Field[];
  readonly shape?: Shape;
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  fromPartial(object: Partial<T>): T;
}

type Values = Record<string, any>;

/** Makes a message type of its table. */
export function message<T>(name: string, fields: readonly Field[], options: { amino?: string; shape?: Shape } = {}): MessageType<T> {
  const byNumber = new Map(fields.map((field) => [field.no, field]));
  // Of a oneof the last member counts, so that one drops the others.
  const rivals = (field: Field): Field[] =>
    field.oneof === undefined ? [] : fields.filter((other) => other !== field && other.oneof?.[0] === field.oneof?.[0]);
  const type: MessageType<T> = {
    typeUrl: `/${name}`,
    ...(options.amino === undefined ? {} : { aminoType: options.amino }),
    ...(options.shape === undefined ? {} : { shape: options.shape }),
    fields,
    encode: (value, writer = BinaryWriter.create()) => {
      for (const field of fields) encodeField(field, (value as Values)[field.name], writer);
      return writer;
    },
    decode: (input, length) => {
      const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
      const end = length === undefined ? reader.len : reader.pos + length;
      const out: Values = empty(fields);
      while (reader.pos < end) {
        const tag = reader.uint32();
        const field = byNumber.get(tag >>> 3);
        if (field === undefined) {
          reader.skipType(tag & 7);
          continue;
        }
        decodeField(field, tag & 7, reader, out);
        for (const rival of rivals(field)) out[rival.name] = undefined;
      }
      return out as T;
    },
    fromPartial: (object) => {
      const out: Values = empty(fields);
      for (const field of fields) {
        const value = (object as Values)[field.name];
        if (value === undefined || value === null) continue;
        const fill = (item: any): any => (typeof field.type === "function" ? field.type().fromPartial(item) : item);
        out[field.name] = field.repeated ? value.map(fill) : fill(value);
      }
      return out as T;
    },
  };
  return type;
}

function empty(fields: readonly Field[]): Values {
  return Object.fromEntries(fields.map((field) => [field.name, initial(field)]));
}

/** The value of the property where nothing is set. */
export function initial(field: Field): any {
  if (field.repeated) return [];
  if (field.optional || typeof field.type === "function") return undefined;
  return zero(field.type);
}

/** The value that a field of this type has where none is set. */
export function zero(type: Scalar): any {
  switch (type) {
    case "bool":
      return false;
    case "bytes":
      return new Uint8Array();
    case "string":
      return "";
    default:
      return isWide(type) ? 0n : 0;
  }
}

/** Whether values are `bigint` here and texts in JSON. */
export const isWide = (type: Scalar): boolean => type.endsWith("64");

function isDefault(type: Scalar, value: any): boolean {
  return type === "bytes" ? value.length === 0 : value === zero(type);
}

/** Whether the field is there: what is not is neither encoded nor, as a rule, shown. */
export function isSet(field: Field, value: any): boolean {
  if (value === undefined || value === null) return false;
  if (field.repeated) return value.length > 0;
  return field.optional === true || typeof field.type === "function" || !isDefault(field.type, value);
}

function wireType(type: Scalar): WireType {
  switch (type) {
    case "bytes":
    case "string":
      return WireType.Bytes;
    case "fixed32":
    case "sfixed32":
      return WireType.Fixed32;
    case "fixed64":
    case "sfixed64":
      return WireType.Fixed64;
    default:
      return WireType.Varint;
  }
}

function write(type: Scalar, value: any, writer: BinaryWriter): void {
  if (type === "enum") writer.int32(value);
  else if (isWide(type) && wireType(type) === WireType.Varint) writeVarint(writer, toVarint(type, BigInt(value)));
  else (writer[type] as (value: any) => unknown).call(writer, value);
}

function encodeField(field: Field, value: any, writer: BinaryWriter): void {
  if (!isSet(field, value)) return;
  const { type, no } = field;
  const items: any[] = field.repeated ? value : [value];
  if (typeof type === "function") {
    for (const item of items) type().encode(item, writer.uint32((no << 3) | WireType.Bytes).fork() as BinaryWriter).ldelim();
  } else if (field.repeated && wireType(type) !== WireType.Bytes) {
    writer.uint32((no << 3) | WireType.Bytes).fork();
    for (const item of items) write(type, item, writer);
    writer.ldelim();
  } else {
    for (const item of items) write(type, item, writer.uint32((no << 3) | wireType(type)) as BinaryWriter);
  }
}

function read(type: Scalar, reader: BinaryReader): any {
  if (isWide(type) && wireType(type) === WireType.Varint) return fromVarint(type, readVarint(reader));
  return type === "enum" ? reader.int32() : reader[type]();
}

function decodeField(field: Field, wire: number, reader: BinaryReader, out: Values): void {
  const { type, name } = field;
  const keep = (value: any): void => {
    if (field.repeated) out[name].push(value);
    else out[name] = value;
  };
  if (typeof type === "function") {
    keep(type().decode(reader, reader.uint32()));
  } else if (wire === WireType.Bytes && wireType(type) !== WireType.Bytes) {
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) keep(read(type, reader));
  } else {
    keep(read(type, reader));
  }
}
