// Plume's own messages for CosmJS; README.md shows how to use them.

import { type AminoConverter, aminoConverters, type AnyConverter, anyConverter } from "./amino";
import type { MessageType } from "./codec";
import { allTypes, ownTypes, transactionTypes } from "./gen";

export { type AminoConverter, aminoConverters, type AminoValue, type AnyConverter, anyConverter, type AnyValue, cosmjsConverter } from "./amino";
export type { Field, MessageType, Scalar, Shape } from "./codec";
export * from "./gen";

/** Every message of `plume.*`, for CosmJS's `Registry`. */
export const plumeTypes: ReadonlyArray<[string, MessageType<any>]> = ownTypes.map((type) => [type.typeUrl, type]);

/**
 * Converters for CosmJS's `AminoTypes`: what Ledger devices and Keplr sign. `others` translates what a message carries
 * inside an `Any` and this package does not know; `cosmjsConverter` makes one of CosmJS's own types.
 */
export function createPlumeAminoConverters(others?: AnyConverter): Record<string, AminoConverter> {
  return aminoConverters(transactionTypes, anyConverter(allTypes, others));
}
