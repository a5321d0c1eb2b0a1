// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import { message, type MessageType } from "../../src/codec";

export interface PubKey {
  key: Uint8Array;
}

export const PubKey: MessageType<PubKey> = message<PubKey>("cosmos.crypto.ed25519.PubKey", [
  { no: 1, name: "key", amino: "key", type: "bytes" },
], { amino: "tendermint/PubKeyEd25519", shape: "key" });
