import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openOperator } from "@remotegpu/control-plane/server/link/servers/operator";
import { passwordSeal } from "@remotegpu/control-plane/server/link/identity/password-seal";
import type { PasswordSeal } from "@remotegpu/control-plane/server/core/hosts/images/password-seal";

const ROW = { id: "registry-1", customerId: 7, workspaceId: 3, registry: "ghcr.io", username: "ada" };

let folder: string;
let seal: PasswordSeal;

const sealOf = async (name: string) => passwordSeal(await openOperator(join(folder, name)));
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-seal-"));
  seal = await sealOf("operator.json");
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(["x", "a secret with ünïcode 🔑 and\nlines", "p".repeat(4096)])(
  "%j comes back as it was",
  (password) => {
    expect(seal.open(seal.seal(password, ROW), ROW)).toBe(password);
  },
);

test("what is sealed does not show the password", () => {
  expect(Buffer.from(seal.seal("correct horse battery", ROW)).includes("correct horse")).toBe(false);
});

test("the same password is sealed differently each time", () => {
  expect(seal.seal("secret", ROW)).not.toEqual(seal.seal("secret", ROW));
});

test("another server with the same identity opens it, one of another fleet does not and names another key", async () => {
  const sealed = seal.seal("secret", ROW);
  const replica = await sealOf("operator.json");
  const stranger = await sealOf("another.json");

  expect([replica.sealedBy, replica.open(sealed, ROW)]).toEqual([seal.sealedBy, "secret"]);
  expect(stranger.sealedBy).not.toBe(seal.sealedBy);
  expect(stranger.open(sealed, ROW)).toBeNull();
});

test.each([
  { id: "registry-2" },
  { customerId: 8 },
  { workspaceId: null },
  { registry: "evil.example.com" },
  { username: "eve" },
])("it does not open in a row with %j", (change) => {
  expect(seal.open(seal.seal("secret", ROW), { ...ROW, ...change })).toBeNull();
});

test("nor once a byte of it is another, or it is cut", () => {
  const sealed = seal.seal("secret", ROW);

  for (const at of sealed.keys()) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(seal.open(changed, ROW)).toBeNull();
    expect(seal.open(sealed.subarray(0, at), ROW)).toBeNull();
  }
});
