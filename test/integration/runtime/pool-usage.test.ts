/** How much folders of a storage pool take up, on a real tree: each block once, and nothing beyond the pool. */
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { poolBytes } from "@remotegpu/agent/runtime/storage/pool-usage";

const KIB = 1024;
/** Directories take blocks of their own, by file system none to a few. */
const FOLDERS = 64 * KIB;

let base: string;
let poolRoot: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "rg-pool-usage-"));
  poolRoot = join(base, "pool");
  file("outside/secret", 900);
  file("pool/env/code/big", 500);
  file("pool/env/code/deep/er/small", 200);
  file("pool/env/output/result", 300);
  file("pool/odd/a\nb 'c' \"d\" $(e)/file", 400);
  file("pool/--help/file", 100);
  mkdirSync(join(poolRoot, "empty"));
  linkSync(join(poolRoot, "env/code/big"), join(poolRoot, "env/output/again"));
  symlinkSync(join(base, "outside"), join(poolRoot, "env/code/way-out"));
  symlinkSync(join(base, "outside"), join(poolRoot, "leaves"));
  symlinkSync("env/code", join(poolRoot, "stays"));
  file("pool/.remotegpu-pool/proof", 900);
  symlinkSync(".remotegpu-pool", join(poolRoot, "proofs"));
  symlinkSync(".", join(poolRoot, "whole"));
  symlinkSync("nowhere", join(poolRoot, "dangles"));
  symlinkSync("turns", join(poolRoot, "turns"));
  closeSync(openSync(join(poolRoot, "empty/sparse"), "w"));
  truncateSync(join(poolRoot, "empty/sparse"), 1024 * 1024 * KIB);
});
afterAll(() => rmSync(base, { recursive: true }));

function file(path: string, kib: number): void {
  mkdirSync(dirname(join(base, path)), { recursive: true });
  writeFileSync(join(base, path), Buffer.alloc(kib * KIB, 1));
}

const measured = (
  paths: string[],
  { root = poolRoot, signal = new AbortController().signal, timeoutMs = 20_000 } = {},
) => poolBytes(paths, { poolRoot: root, timeoutMs, signal });

test.each([
  ["nothing at all", [], 0],
  ["a folder", ["env/output"], 800],
  ["two folders that share a file by two names", ["env/code", "env/output"], 1_000],
  ["a folder, one within it and it again", ["env", "env/code", "env"], 1_000],
  ["the inner folder before the outer", ["env/code/deep", "env"], 1_000],
  ["a link that stays in the pool beside what it leads to", ["stays", "env/code"], 700],
  [
    "links that lead out of the pool, nowhere or in a circle",
    ["leaves", "dangles", "turns", "leaves/secret"],
    0,
  ],
  [
    "the folder of proofs and the whole pool, by links and without",
    [".remotegpu-pool", "proofs", "whole"],
    0,
  ],
  ["what is not there, beside what is", ["gone", "env/code/big/no", "env/output"], 800],
  ["a path in an unusual form", ["odd/a\nb 'c' \"d\" $(e)", "--help", "*"], 500],
  ["a sparse file, by what is written of it", ["empty"], 0],
])("%s", async (_, paths, kib) => {
  const bytes = (await measured(paths)) ?? -1;

  expect(bytes).toBeGreaterThanOrEqual(kib * KIB);
  expect(bytes).toBeLessThanOrEqual(kib * KIB + FOLDERS);
});

test("a pool that is itself reached by a link is measured as any other", async () => {
  symlinkSync(poolRoot, join(base, "by-link"));

  expect(await measured(["env/output"], { root: join(base, "by-link") })).toBe(
    await measured(["env/output"]),
  );
});

test("a pool that is not there, no time, or an end in between: not measured", async () => {
  const ended = new AbortController();
  ended.abort();

  expect(await measured(["env"], { root: join(base, "unmounted") })).toBeNull();
  expect(await measured(["env"], { signal: ended.signal })).toBeNull();
});

test("thousands of folders are measured at once", async () => {
  const many = Array.from({ length: 3_000 }, (_, n) => `no/such/folder/${"x".repeat(100)}-${n}`);

  expect(await measured([...many, "env/output"])).toBe(await measured(["env/output"]));
});
