/** `npm run vectors`: what it prints of cases that hold, of one that does not, and of a file that has none. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, expect, test } from "vitest";
import { BILLING_VECTORS } from "../../support/billing/billing-vector.ts";

const MAIN = new URL("../../vectors/main.ts", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "remotegpu-vectors-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  return execa(process.execPath, [MAIN, ...args], { reject: false });
}

/** The two first vectors; of the second another amount is expected than is right. */
function oneRightOneWrong(): string {
  const file = JSON.parse(readFileSync(BILLING_VECTORS, "utf8"));
  const [right, wrong] = file.vectors;
  wrong.expected.run_totals[0].amount = "7.7777";
  const path = join(folder, "vectors.json");
  writeFileSync(path, JSON.stringify({ ...file, vectors: [right, wrong] }));
  return path;
}

test("names what differs, counts, and ends with 1", async () => {
  const { stdout, exitCode } = await run(oneRightOneWrong());

  expect(exitCode).toBe(1);
  const lines = stdout.split("\n");
  expect(lines.at(0)).toMatch(/^passed  01-/);
  expect(lines.at(1)).toMatch(/^FAILED  02-/);
  expect(lines.at(2)).toMatch(/^ +run_totals: expected .*7\.7777/);
  expect(lines.at(3)).toMatch(/^ +run_totals: came out as /);
  expect(lines.slice(4)).toEqual(["1 passed, 1 failed"]);
});

test("what a file lacks is not compared and reported; numbers of bytes may be numbers, amounts may not", async () => {
  const file = JSON.parse(readFileSync(BILLING_VECTORS, "utf8"));
  const gaps = file.vectors.find(({ id }: { id: string }) => id === "12-storage-gaps");
  delete gaps.expected.balances;
  for (const day of gaps.storage)
    if (day.hourly_bytes !== undefined)
      day.hourly_bytes = day.hourly_bytes.map((bytes: string | null) => bytes && Number(bytes));
  const path = join(folder, "lacking.json");
  writeFileSync(path, JSON.stringify({ ...file, vectors: [gaps] }));
  const [storage] = gaps.storage;
  storage.hourly_gb = [90];
  const wrong = join(folder, "wrong.json");
  writeFileSync(wrong, JSON.stringify({ ...file, vectors: [gaps] }));

  const played = await run(path);
  const refused = await run(wrong);

  expect(played.stdout.split("\n")).toEqual([
    expect.stringMatching(/^passed  12-/),
    "        not compared: balances",
    "1 passed, 0 failed",
  ]);
  expect(played.exitCode).toBe(0);
  expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining("storage.0.hourly_gb.0")]);
});

test("a file that holds no vectors is refused in one line", async () => {
  const path = join(folder, "other.json");
  writeFileSync(path, '{"format": "something-else/1", "vectors": []}');

  const refused = [await run(path), await run(join(folder, "missing.json")), await run()];

  for (const { exitCode, stderr, stdout } of refused) {
    expect([exitCode, stdout, stderr.split("\n").length]).toEqual([2, "", 1]);
  }
  expect(refused.at(2)?.stderr).toBe("usage: npm run vectors -- FILE");
});
