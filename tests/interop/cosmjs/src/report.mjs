// A tiny test runner: each case runs alone, its failure is printed, and the process ends non-zero if one failed.

import { isDeepStrictEqual, inspect } from "node:util";

const failures = [];
let passed = 0;

export async function test(name, run) {
  const started = Date.now();
  try {
    await run();
    passed += 1;
    console.log(`ok    ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    failures.push(name);
    console.log(`FAIL  ${name}\n      ${String(error.stack ?? error).replaceAll("\n", "\n      ")}`);
  }
}

export function equal(actual, expected, what) {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`${what}\n  expected ${inspect(expected, { depth: 8 })}\n  got      ${inspect(actual, { depth: 8 })}`);
  }
}

// `expected` is the exact text or a pattern.
export function says(text, expected, what) {
  const fits = expected instanceof RegExp ? expected.test(text) : text === expected;
  if (!fits) throw new Error(`${what}\n  expected ${inspect(expected)}\n  got      ${inspect(text)}`);
}

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

export async function fails(promise, expected, what) {
  try {
    await promise;
  } catch (error) {
    says(error.message, expected, what);
    return;
  }
  throw new Error(`${what}: expected an error that says ${inspect(expected)}`);
}

export function finish() {
  console.log(`\n${passed} passed, ${failures.length} failed${failures.map((name) => `\n  ${name}`).join("")}`);
  process.exit(failures.length === 0 ? 0 : 1);
}
