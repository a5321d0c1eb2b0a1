// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import type { MessageType } from "../codec";
import * as plumeParamsV1 from "./plume.params.v1";

export { plumeParamsV1 };

/** Every message that the own ones lead to. */
export const allTypes: readonly MessageType<any>[] = [
  plumeParamsV1.GenesisState,
  plumeParamsV1.Params,
  plumeParamsV1.Policies,
];

/** The chain's own messages. */
export const ownTypes: readonly MessageType<any>[] = [
  plumeParamsV1.GenesisState,
  plumeParamsV1.Params,
  plumeParamsV1.Policies,
];

/** Those that a transaction may carry. */
export const transactionTypes: readonly MessageType<any>[] = [
];
