import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, afterEach, describe, expect, test } from "vitest";
import { envVarSeal } from "@remotegpu/control-plane/server/link/identity/env-var-seal";
import { passwordSeal } from "@remotegpu/control-plane/server/link/identity/password-seal";
import { webhookSeal } from "@remotegpu/control-plane/server/link/identity/webhook-seal";
import {
  type Operator,
  openOperator,
  writeSealingKeys,
} from "@remotegpu/control-plane/server/link/servers/operator";
import { freshSealingKey } from "@remotegpu/control-plane/server/link/servers/sealing-keys";
import { quietLog } from "../../../../../support/quiet-log.ts";

const ADA = { customerId: 7 };
const VARS = { TOKEN: "s3cret", EMPTY: "", UNI: "ünïcode 🔑\nlines", __proto__x: "x" };

let folder: string;
let file: string;
let operator: Operator;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-env-seal-"));
  file = join(folder, "operator.json");
  operator = await openOperator(file);
});
afterEach(() => rmSync(folder, { recursive: true }));

test("values come back as they were, names stay readable, and no value is seen", () => {
  const seal = envVarSeal(operator);
  const sealed = seal.seal(VARS, ADA);

  expect(Object.keys(sealed)).toEqual(Object.keys(VARS));
  expect(seal.open(sealed, ADA)).toEqual(VARS);
  expect(JSON.stringify(sealed)).not.toMatch(/s3cret|lines/);
  expect(seal.seal(VARS, ADA)).not.toEqual(sealed);
});

test("what is plain is read as it is, whatever it resembles, beside what is sealed", () => {
  const seal = envVarSeal(operator);
  const checks = JSON.stringify({ key: seal.sealedBy, sealed: "AAAA" });

  expect(seal.open({ ...seal.seal(VARS, ADA), PLAIN: checks }, ADA)).toEqual({ ...VARS, PLAIN: checks });
});

describe("a value does not open", () => {
  const tried = (
    change: (sealed: ReturnType<ReturnType<typeof envVarSeal>["seal"]>) => object,
    owner = ADA,
  ) => {
    const seal = envVarSeal(operator);
    return seal.open({ ...seal.seal(VARS, ADA), ...change(seal.seal(VARS, ADA)) }, owner);
  };

  test("under another name, or of another customer", () => {
    expect(tried(({ TOKEN }) => ({ EMPTY: TOKEN }))).toBeNull();
    expect(tried(() => ({}), { customerId: 8 })).toBeNull();
  });

  test("once it is changed, cut, or under a key that is not there", () => {
    expect(tried(({ TOKEN }) => ({ TOKEN: { ...TOKEN, sealed: `A${TOKEN?.sealed.slice(1)}` } }))).toBeNull();
    expect(tried(({ TOKEN }) => ({ TOKEN: { ...TOKEN, sealed: "AAAA" } }))).toBeNull();
    expect(tried(({ TOKEN }) => ({ TOKEN: { ...TOKEN, key: "another" } }))).toBeNull();
  });
});

test("keys that are put into the file are used at once, and those that are gone open nothing", () => {
  const seals = [envVarSeal(operator), webhookSeal(operator), passwordSeal(operator)] as const;
  const [vars, webhooks, passwords] = seals;
  const row = { id: "r", customerId: 7, workspaceId: null, registry: "ghcr.io", username: "ada" };
  const before = [vars.seal(VARS, ADA), webhooks.seal("whsec", ADA), passwords.seal("word", row)] as const;
  const opened = () => [
    vars.open(before[0], ADA),
    webhooks.open(before[1], ADA),
    passwords.open(before[2], row),
  ];
  const { sealsWith: old } = operator.sealingKeys();
  const added = freshSealingKey();

  writeSealingKeys(file, { sealsWith: added, keys: [old, added] });

  expect(seals.map(({ sealedBy }) => sealedBy)).toEqual([added.name, added.name, added.name]);
  expect(passwords.opensKeys).toEqual([old.name, added.name]);
  expect(opened()).toEqual([VARS, "whsec", "word"]);
  expect(statSync(file).mode & 0o777).toBe(0o600);

  writeSealingKeys(file, { sealsWith: added, keys: [added] });

  expect(opened()).toEqual([null, null, null]);
  expect(vars.open(vars.seal(VARS, ADA), ADA)).toEqual(VARS);
});

test("while the file cannot be read, the keys of before hold, and the log reports so once for each such file", async () => {
  const reported: string[] = [];
  const log = { ...quietLog, error: (fields: object) => void reported.push(JSON.stringify(fields)) };
  const text = readFileSync(file, "utf8");
  const seal = envVarSeal(await openOperator(file, log));
  const sealed = seal.seal(VARS, ADA);
  expect(reported).toEqual([]);

  for (const cut of [text.slice(0, 40), `${text.slice(0, 60)}${text.slice(0, 60)}`]) {
    writeFileSync(file, cut);
    expect(seal.open(sealed, ADA)).toEqual(VARS);
    expect(seal.open(sealed, ADA)).toEqual(VARS);
  }
  rmSync(file);
  expect(seal.open(seal.seal(VARS, ADA), ADA)).toEqual(VARS);

  const line = (reason: string) => JSON.stringify({ file, reason });
  expect(reported).toEqual([line("it is not whole"), line("it is not whole"), line("ENOENT")]);
});

test.skipIf(process.getuid?.() !== 0)(
  "root leaves the file to whose it was, and follows no link there",
  () => {
    const { sealsWith } = operator.sealingKeys();
    const added = freshSealingKey();
    const elsewhere = join(folder, "elsewhere");
    writeFileSync(elsewhere, "of root");
    symlinkSync(elsewhere, `${file}.${process.pid}`);
    chownSync(file, 61_184, 61_185);

    writeSealingKeys(file, { sealsWith: added, keys: [sealsWith, added] });

    expect(statSync(file)).toMatchObject({ uid: 61_184, gid: 61_185 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(operator.sealingKeys().sealsWith.name).toBe(added.name);
    expect(readFileSync(elsewhere, "utf8")).toBe("of root");
  },
);

test("another server with the same file has the same identity and keys after a rotation", async () => {
  const added = freshSealingKey();
  writeSealingKeys(file, { sealsWith: added, keys: [operator.sealingKeys().sealsWith, added] });
  const replica = await openOperator(file);

  expect(replica.key.getPublicKey()).toBe(operator.key.getPublicKey());
  expect(envVarSeal(replica).open(envVarSeal(operator).seal(VARS, ADA), ADA)).toEqual(VARS);
});

test("a secret of a webhook that is plain is read as it is", () => {
  const webhooks = webhookSeal(operator);

  expect(webhooks.open("whsec_of-before", ADA)).toBe("whsec_of-before");
  expect(webhooks.seal("whsec_x", ADA)).not.toContain("whsec_x");
  expect(webhooks.open(webhooks.seal("whsec_x", ADA), { customerId: 8 })).toBeNull();
});
