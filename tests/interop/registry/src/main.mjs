// Checks what `plumed registry` prints: with Keplr's own validator, and with the facts of the published schemas.
//
//   node src/main.mjs DIRECTORY   what `plumed registry --dir DIRECTORY` wrote
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import keplr from "@keplr-wallet/chain-validator";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";

const [directory] = process.argv.slice(2);
if (!directory) {
  console.error("usage: node src/main.mjs DIRECTORY");
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const read = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));
const ajv = new Ajv.default({ allErrors: true, strict: false });
formats.default(ajv);

let failures = 0;
function report(name, problem) {
  console.log(`${problem ? "FAIL" : "ok  "} ${name}${problem ? `: ${problem}` : ""}`);
  failures += problem ? 1 : 0;
}
function schemaProblem(name, value) {
  const validate = ajv.compile(read(here, "..", "schemas", `${name}.json`));
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}
async function keplrProblem(info) {
  try {
    const taken = await keplr.validateBasicChainInfoType(info);
    return taken.chainId === info.chainId ? undefined : "another chain id came back";
  } catch (error) {
    return error.message;
  }
}

for (const name of ["chain", "assetlist", "ping"]) {
  report(`${name}.json has the published form`, schemaProblem(name, read(directory, `${name}.json`)));
}
const info = read(directory, "keplr.json");
report("keplr.json passes @keplr-wallet/chain-validator", await keplrProblem(info));

// The checks themselves must be able to fail.
const refused = async (name, problem) => report(`${name} is refused`, (await problem) ? undefined : "it passed");
await refused("a chain without status", schemaProblem("chain", { ...read(directory, "chain.json"), status: undefined }));
await refused("an asset without type", schemaProblem("assetlist", { ...read(directory, "assetlist.json"), assets: [{}] }));
await refused("a chain name of 37 characters", keplrProblem({ ...info, chainName: "x".repeat(37) }));
const falling = { ...info.feeCurrencies[0], gasPriceStep: { low: 3, average: 2, high: 1 } };
await refused("falling gas prices", keplrProblem({ ...info, feeCurrencies: [falling] }));
process.exit(failures === 0 ? 0 : 1);
