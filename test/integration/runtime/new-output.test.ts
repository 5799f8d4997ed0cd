import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hasNewFile } from "@remotegpu/agent/runtime/storage/new-output";

let pool: string;

beforeEach(() => void (pool = mkdtempSync(join(tmpdir(), "rg-output-"))));
afterEach(() => rmSync(pool, { recursive: true }));

function wrote(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(pool, path)), { recursive: true });
    writeFileSync(join(pool, path), path);
  }
}

const gained = () => hasNewFile(pool, { own: "attempt-3", earlier: ["attempt-1", "attempt-2"] });

test("a file is new by its path, in any of the folders before", async () => {
  wrote(
    "attempt-1/train.log",
    "attempt-2/deep/epoch-1.pt",
    "attempt-3/train.log",
    "attempt-3/deep/epoch-1.pt",
  );
  expect(await gained()).toBe(false);

  wrote("attempt-3/deep/epoch-2.pt");

  expect(await gained()).toBe(true);
});

test("a folder alone is nothing, nor is a link, and none is followed", async () => {
  wrote("attempt-1/a", "elsewhere/new");
  mkdirSync(join(pool, "attempt-3/empty"), { recursive: true });
  symlinkSync(join(pool, "elsewhere"), join(pool, "attempt-3/folder"));
  symlinkSync(join(pool, "elsewhere/new"), join(pool, "attempt-3/file"));

  expect(await gained()).toBe(false);
});

test("where no earlier one lies in this pool any file is new, and where nothing was written none is", async () => {
  expect(await gained()).toBe(false);
  wrote("attempt-3/a");

  expect(await gained()).toBe(true);
});
