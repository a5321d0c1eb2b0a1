// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import { message, type MessageType } from "../../src/codec";
import * as googleProtobuf from "./google.protobuf";

export interface LegacyAminoPubKey {
  threshold: number;
  publicKeys: googleProtobuf.Any[];
}

export const LegacyAminoPubKey: MessageType<LegacyAminoPubKey> = message<LegacyAminoPubKey>("cosmos.crypto.multisig.LegacyAminoPubKey", [
  { no: 1, name: "threshold", amino: "threshold", type: "uint32" },
  { no: 2, name: "publicKeys", amino: "pubkeys", type: () => googleProtobuf.Any, repeated: true },
], { amino: "tendermint/PubKeyMultisigThreshold", shape: "threshold" });
