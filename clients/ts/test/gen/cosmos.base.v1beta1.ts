// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import { message, type MessageType } from "../../src/codec";

export interface Coin {
  denom: string;
  amount: string;
}

export const Coin: MessageType<Coin> = message<Coin>("cosmos.base.v1beta1.Coin", [
  { no: 1, name: "denom", amino: "denom", type: "string" },
  { no: 2, name: "amount", amino: "amount", type: "string", keep: true, number: "int" },
]);
