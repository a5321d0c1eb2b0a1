// Generated from the chain's descriptors by plume-ts-gen; not edited by hand.

import type { MessageType } from "../../src/codec";
import * as cosmosBaseV1beta1 from "./cosmos.base.v1beta1";
import * as cosmosCryptoEd25519 from "./cosmos.crypto.ed25519";
import * as cosmosCryptoMultisig from "./cosmos.crypto.multisig";
import * as cosmosCryptoSecp256k1 from "./cosmos.crypto.secp256k1";
import * as googleProtobuf from "./google.protobuf";
import * as plumeParamsV1 from "./plume.params.v1";
import * as plumeToyV1 from "./plume.toy.v1";

export { plumeParamsV1, plumeToyV1 };

/** Every message that the own ones lead to. */
export const allTypes: readonly MessageType<any>[] = [
  cosmosBaseV1beta1.Coin,
  cosmosCryptoEd25519.PubKey,
  cosmosCryptoMultisig.LegacyAminoPubKey,
  cosmosCryptoSecp256k1.PubKey,
  googleProtobuf.Any,
  googleProtobuf.Duration,
  googleProtobuf.Timestamp,
  plumeParamsV1.GenesisState,
  plumeParamsV1.Params,
  plumeParamsV1.Policies,
  plumeToyV1.MsgPlay,
  plumeToyV1.MsgPlayResponse,
  plumeToyV1.MsgRest,
  plumeToyV1.MsgRestResponse,
  plumeToyV1.MsgShow,
  plumeToyV1.MsgShowResponse,
  plumeToyV1.Toy,
];

/** The chain's own messages. */
export const ownTypes: readonly MessageType<any>[] = [
  plumeParamsV1.GenesisState,
  plumeParamsV1.Params,
  plumeParamsV1.Policies,
  plumeToyV1.MsgPlay,
  plumeToyV1.MsgPlayResponse,
  plumeToyV1.MsgRest,
  plumeToyV1.MsgRestResponse,
  plumeToyV1.MsgShow,
  plumeToyV1.MsgShowResponse,
  plumeToyV1.Toy,
];

/** Those that a transaction may carry. */
export const transactionTypes: readonly MessageType<any>[] = [
  plumeToyV1.MsgPlay,
  plumeToyV1.MsgRest,
  plumeToyV1.MsgShow,
];
