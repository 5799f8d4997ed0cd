/** What the page holds for signed, OpenSSL holds for signed, and nothing else: also what was made to pass by halves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { NODE } from "@remotegpu/control-plane/server/proof/node-cryptography";
import { BROWSER } from "@remotegpu/dashboard/pages/billing/proof/browser-cryptography";
import { expect, onTestFinished, test } from "vitest";

const TEXT = "remotegpu journal head 1";
const HALF = 32;
/** The order of the curve's group: a signature's second half that is larger by it stands for the same number. */
const ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

function openKey() {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-key-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return openHostKey(join(folder, "key"));
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

/** With the order added to its second half. */
function again(signature: Buffer): Buffer {
  const number = (littleEndian(signature.subarray(HALF)) + ORDER).toString(16).padStart(2 * HALF, "0");
  return Buffer.concat([signature.subarray(0, HALF), Buffer.from(number, "hex").reverse()]);
}

test("signatures are judged as OpenSSL judges them", () => {
  const [key, other] = [openKey(), openKey()];
  const good = Buffer.from(key.sign(TEXT), "base64");
  const flipped = [...good.keys()].map((at) => good.with(at, (good[at] ?? 0) ^ 1));
  const points = [Buffer.alloc(HALF), Buffer.alloc(HALF, 0xff), Buffer.from([1, ...Buffer.alloc(HALF - 1)])];
  const bad = [
    again(good),
    Buffer.alloc(2 * HALF),
    good.subarray(1),
    Buffer.concat([good, Buffer.alloc(1)]),
    ...points.flatMap((point) => [
      Buffer.concat([point, good.subarray(HALF)]),
      Buffer.concat([good.subarray(0, HALF), point]),
    ]),
    ...flipped,
  ].map((bytes) => Buffer.from(bytes).toString("base64"));

  const held = [key.sign(TEXT), other.sign(TEXT), "", "%", ...bad].filter((signature) =>
    BROWSER.verifySignature(key.publicKey, TEXT, signature),
  );

  expect(held).toEqual([key.sign(TEXT)]);
  expect(bad.filter((signature) => NODE.verifySignature(key.publicKey, TEXT, signature))).toEqual([]);
  expect(BROWSER.verifySignature("U", TEXT, key.sign(TEXT))).toBe(false);
  expect(BROWSER.verifySignature(other.publicKey, TEXT, key.sign(TEXT))).toBe(false);
});

test.each(["", "a", "é 主机 🚀", "x".repeat(10_000)])("hashes are Node's: %j", (text) => {
  expect(BROWSER.sha256(text)).toBe(NODE.sha256(text));
});
