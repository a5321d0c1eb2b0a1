// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import { message, type MessageType } from "../codec";

export interface GenesisState {
  params?: Params | undefined;
}

export const GenesisState: MessageType<GenesisState> = message<GenesisState>("plume.params.v1.GenesisState", [
  { no: 1, name: "params", amino: "params", type: () => Params },
]);

export interface Params {
  bech32Prefix: string;
  baseDenom: string;
  feeDenoms: string[];
  policies?: Policies | undefined;
}

export const Params: MessageType<Params> = message<Params>("plume.params.v1.Params", [
  { no: 1, name: "bech32Prefix", amino: "bech32_prefix", type: "string" },
  { no: 2, name: "baseDenom", amino: "base_denom", type: "string" },
  { no: 3, name: "feeDenoms", amino: "fee_denoms", type: "string", repeated: true },
  { no: 4, name: "policies", amino: "policies", type: () => Policies },
], { amino: "plume/x/params/Params" });

export interface Policies {
  allowEd25519Accounts: boolean;
}

export const Policies: MessageType<Policies> = message<Policies>("plume.params.v1.Policies", [
  { no: 1, name: "allowEd25519Accounts", amino: "allow_ed25519_accounts", type: "bool" },
]);
