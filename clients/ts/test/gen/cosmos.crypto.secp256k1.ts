// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import { message, type MessageType } from "../../src/codec";

export interface PubKey {
  key: Uint8Array;
}

export const PubKey: MessageType<PubKey> = message<PubKey>("cosmos.crypto.secp256k1.PubKey", [
  { no: 1, name: "key", amino: "key", type: "bytes" },
], { amino: "tendermint/PubKeySecp256k1", shape: "key" });
