// Amino JSON, by the rules of the Cosmos SDK's x/tx/signing/aminojson: what Ledger devices show and Keplr signs.

import { base64FromBytes, bytesFromBase64 } from "cosmjs-types/helpers";
import { type Field, initial, isSet, isWide, type MessageType, zero } from "./codec";

/** A packed message, as `cosmjs-types` has it. */
export interface AnyValue {
  typeUrl: string;
  value: Uint8Array;
}

/** A packed message in amino JSON. */
export interface AminoValue {
  type: string;
  value: any;
}

/** Translates what is inside an `Any`. */
export interface AnyConverter {
  toAmino(any: AnyValue): AminoValue;
  fromAmino(amino: AminoValue): AnyValue;
}

/** As CosmJS's `AminoTypes` takes it. */
export interface AminoConverter {
  readonly aminoType: string;
  readonly toAmino: (value: any) => any;
  readonly fromAmino: (value: any) => any;
}

const PLACES = 18;

/** Translates packed messages of these types; asks `others` about any other. */
export function anyConverter(types: readonly MessageType<any>[], others?: AnyConverter): AnyConverter {
  const converter: AnyConverter = {
    toAmino: (any) => {
      const type = types.find((known) => known.typeUrl === any.typeUrl);
      if (type) return { type: type.aminoType ?? type.typeUrl, value: toAmino(type, type.decode(any.value), converter) };
      if (others) return others.toAmino(any);
      throw new Error(`no amino JSON is known for ${any.typeUrl} inside an Any`);
    },
    fromAmino: (amino) => {
      const type = types.find((known) => (known.aminoType ?? known.typeUrl) === amino.type);
      if (type) return { typeUrl: type.typeUrl, value: type.encode(fromAmino(type, amino.value, converter)).finish() };
      if (others) return others.fromAmino(amino);
      throw new Error(`no type is known for ${amino.type} inside an Any`);
    },
  };
  return converter;
}

/** The parts of CosmJS's `Registry` and `AminoTypes` that `cosmjsConverter` needs. */
interface Cosmjs {
  readonly registry: { encode(object: { typeUrl: string; value: any }): Uint8Array; decode(any: AnyValue): any };
  readonly aminoTypes: { toAmino(object: { typeUrl: string; value: any }): AminoValue; fromAmino(amino: AminoValue): { typeUrl: string; value: any } };
}

/** Translates packed messages as CosmJS's own registry and amino types do, for those that this package does not know. */
export function cosmjsConverter({ registry, aminoTypes }: Cosmjs): AnyConverter {
  return {
    toAmino: (any) => aminoTypes.toAmino({ typeUrl: any.typeUrl, value: registry.decode(any) }),
    fromAmino: (amino) => {
      const object = aminoTypes.fromAmino(amino);
      return { typeUrl: object.typeUrl, value: registry.encode(object) };
    },
  };
}

/** Converters for `AminoTypes`, one for each type that has an amino name. */
export function aminoConverters(types: readonly MessageType<any>[], any: AnyConverter): Record<string, AminoConverter> {
  const named = types.filter((type) => type.aminoType !== undefined);
  return Object.fromEntries(
    named.map((type) => [
      type.typeUrl,
      {
        aminoType: type.aminoType as string,
        toAmino: (value: any) => toAmino(type, value, any),
        fromAmino: (value: any) => fromAmino(type, value, any),
      },
    ]),
  );
}

function toAmino(type: MessageType<any>, value: any, any: AnyConverter): any {
  switch (type.shape) {
    case "any":
      return any.toAmino(value);
    case "duration":
      return (value.seconds * 1_000_000_000n + BigInt(value.nanos)).toString();
    case "key":
      return bytesOut(value.key);
    case "threshold":
      return { threshold: value.threshold.toString(), pubkeys: value.publicKeys.map((key: AnyValue) => any.toAmino(key)) };
    case "timestamp":
      return timeOut(value);
    default:
      return fieldsOut(type, value, any);
  }
}

function fieldsOut(type: MessageType<any>, value: any, any: AnyConverter): any {
  const out: Record<string, any> = {};
  for (const field of type.fields) {
    const held = value[field.name];
    const shown = isSet(field, held);
    if (field.oneof) {
      const [group, member] = field.oneof;
      if (shown) out[group] = { type: member, value: { [field.amino]: fieldOut(field, held, any) } };
      // A oneof without a member shows.
      else out[group] ??= null;
    } else if (shown) {
      out[field.amino] = fieldOut(field, held, any);
    } else if (field.keep) {
      out[field.amino] = emptyOut(field);
    }
  }
  return out;
}

function emptyOut(field: Field): any {
  if (field.repeated) return field.encoding === "legacy_coins" ? [] : null;
  if (typeof field.type === "function") throw new Error(`${field.name} must be set`);
  return valueOut(field, zero(field.type), noAny);
}

const noAny: AnyConverter = {
  toAmino: () => {
    throw new Error("nothing is packed here");
  },
  fromAmino: () => {
    throw new Error("nothing is packed here");
  },
};

function fieldOut(field: Field, held: any, any: AnyConverter): any {
  if (field.encoding === "inline_json") return JSON.parse(new TextDecoder().decode(held));
  return field.repeated ? held.map((item: any) => valueOut(field, item, any)) : valueOut(field, held, any);
}

function valueOut(field: Field, value: any, any: AnyConverter): any {
  if (typeof field.type === "function") return toAmino(field.type(), value, any);
  if (field.number === "int") return value || "0";
  if (field.number === "dec") return decimalOut(value);
  if (field.type === "bytes") return bytesOut(value);
  return isWide(field.type) ? value.toString() : value;
}

function fromAmino(type: MessageType<any>, amino: any, any: AnyConverter): any {
  switch (type.shape) {
    case "any":
      return any.fromAmino(amino);
    case "duration":
      return { seconds: BigInt(amino) / 1_000_000_000n, nanos: Number(BigInt(amino) % 1_000_000_000n) };
    case "key":
      return { key: bytesIn(amino) };
    case "threshold":
      return { threshold: Number(amino.threshold), publicKeys: amino.pubkeys.map((key: AminoValue) => any.fromAmino(key)) };
    case "timestamp":
      return timeIn(amino);
    default:
      return Object.fromEntries(type.fields.map((field) => [field.name, fieldIn(field, amino, any)]));
  }
}

function fieldIn(field: Field, amino: any, any: AnyConverter): any {
  let shown = amino[field.amino];
  if (field.oneof) {
    const [group, member] = field.oneof;
    shown = amino[group]?.type === member ? amino[group].value[field.amino] : undefined;
  }
  if (shown === undefined || shown === null) return initial(field);
  if (field.encoding === "inline_json") return new TextEncoder().encode(JSON.stringify(shown));
  return field.repeated ? shown.map((item: any) => valueIn(field, item, any)) : valueIn(field, shown, any);
}

function valueIn(field: Field, shown: any, any: AnyConverter): any {
  if (typeof field.type === "function") return fromAmino(field.type(), shown, any);
  if (field.number === "dec") return decimalIn(shown);
  if (field.type === "bytes") return bytesIn(shown);
  return isWide(field.type) ? BigInt(shown) : shown;
}

const bytesOut = (bytes: Uint8Array): string | null => (bytes.length === 0 ? null : base64FromBytes(bytes));
const bytesIn = (text: string | null): Uint8Array => (text === null ? new Uint8Array() : Uint8Array.from(bytesFromBase64(text)));

/** `150000000000000000` becomes `0.150000000000000000`. */
function decimalOut(atomics: string): string {
  if (atomics === "") return "0";
  const [, sign = "", digits = ""] = /^(-?)0*([0-9]+)$/.exec(atomics) ?? [];
  if (digits === "") throw new Error(`not a decimal: ${atomics}`);
  const padded = digits.padStart(PLACES + 1, "0");
  const text = `${padded.slice(0, -PLACES)}.${padded.slice(-PLACES)}`;
  return /[1-9]/.test(text) ? sign + text : text;
}

function decimalIn(text: string): string {
  // Only what is not set shows without places.
  if (text === "0") return "";
  const [, sign = "", whole = "", fraction = ""] = /^(-?)([0-9]+)(?:\.([0-9]{1,18}))?$/.exec(text) ?? [];
  if (whole === "") throw new Error(`not a decimal: ${text}`);
  return sign + BigInt(whole + fraction.padEnd(PLACES, "0")).toString();
}

interface Time {
  seconds: bigint;
  nanos: number;
}

/** RFC 3339 with as many places as are needed. */
function timeOut({ seconds, nanos }: Time): string {
  const fraction = nanos === 0 ? "" : `.${nanos.toString().padStart(9, "0").replace(/0+$/, "")}`;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fraction}Z`;
}

function timeIn(text: string): Time {
  const [, seconds = "", fraction = ""] = /^([^.]*?)(?:\.([0-9]{1,9}))?Z$/.exec(text) ?? [];
  const milliseconds = Date.parse(`${seconds}Z`);
  if (Number.isNaN(milliseconds)) throw new Error(`not a time: ${text}`);
  return { seconds: BigInt(milliseconds / 1000), nanos: Number(fraction.padEnd(9, "0")) };
}
