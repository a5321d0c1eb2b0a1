// Runs everything; see README.md.

import { chainId, client, comet, funder } from "./chain.mjs";
import { config } from "./config.mjs";
import { refusals } from "./refusals.mjs";
import { finish } from "./report.mjs";
import { sends } from "./send.mjs";
import { signModes } from "./sign-modes.mjs";

console.log(`chain ${chainId} at ${config.rpc}, height ${await client.getHeight()}, paid by ${funder.address}\n`);
await sends();
await refusals();
await signModes();
comet.disconnect();
finish();
