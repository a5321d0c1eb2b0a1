// The package as it is used: its own lists inside CosmJS.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "@cosmjs/proto-signing";
import { AminoTypes, createDefaultAminoConverters, defaultRegistryTypes } from "@cosmjs/stargate";
import { createPlumeAminoConverters, plumeParamsV1, plumeTypes } from "../src";

test("CosmJS takes the types and the converters as they are", () => {
  const registry = new Registry([...defaultRegistryTypes, ...plumeTypes]);
  const value = plumeParamsV1.Params.fromPartial({ bech32Prefix: "plume", baseDenom: "uplume", feeDenoms: ["uplume", "uusd"] });
  const wire = registry.encode({ typeUrl: "/plume.params.v1.Params", value });
  assert.deepEqual(registry.decode({ typeUrl: "/plume.params.v1.Params", value: wire }), value);
  assert.ok(new AminoTypes({ ...createDefaultAminoConverters(), ...createPlumeAminoConverters() }));
});
