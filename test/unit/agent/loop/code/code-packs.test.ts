/** The code of jobs on a host: believed by its checksum, fetched once, and gone when nothing names it. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CODE_PART_BYTES } from "@remotegpu/shared/instance/code";
import { RequestRefusedError } from "@remotegpu/agent/link/control-plane-client";
import { CodePacks } from "@remotegpu/agent/loop/code/code-packs";

const CONTENT = randomBytes(CODE_PART_BYTES + 1_000);
const SHA256 = createHash("sha256").update(CONTENT).digest("hex");
const code = { sha256: SHA256, bytes: CONTENT.length };

let folder: string;
let wanted: Set<string>;
let requested: number[];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "rg-code-")), "code");
  wanted = new Set([SHA256]);
  requested = [];
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

const partOf = (content: Buffer, part: number) =>
  content.subarray(part * CODE_PART_BYTES, (part + 1) * CODE_PART_BYTES);

function packs(answer: (part: number) => Uint8Array = (part) => partOf(CONTENT, part)): CodePacks {
  const codePart = ({ part }: { part: number }) => {
    requested.push(part);
    return Promise.resolve().then(() => answer(part));
  };
  return new CodePacks({ folder, client: { codePart }, wanted: () => wanted, againMs: 1 });
}

test("it is fetched once for all that want it, and is read by any user", async () => {
  const some = packs();

  const [first, second] = await Promise.all([some.ensure(code), some.ensure(code)]);
  const later = await packs().ensure(code);

  const here = { isHere: true, path: join(folder, SHA256) };
  expect([first, second, later]).toEqual([here, here, here]);
  expect(requested).toEqual([0, 1]);
  expect(readFileSync(join(folder, SHA256)).equals(CONTENT)).toBe(true);
  expect(statSync(join(folder, SHA256)).mode & 0o777).toBe(0o644);
});

test("what is spoilt here is fetched anew", async () => {
  await packs().ensure(code);
  writeFileSync(join(folder, SHA256), Buffer.alloc(CONTENT.length));

  expect(await packs().ensure(code)).toMatchObject({ isHere: true });

  expect(readFileSync(join(folder, SHA256)).equals(CONTENT)).toBe(true);
});

test("what does not match its checksum is not taken", async () => {
  const reported = await packs((part) => partOf(Buffer.alloc(CONTENT.length, 1), part)).ensure(code);

  expect(reported).toEqual({
    isHere: false,
    why: { code: "code-differs", params: {} },
  });
  expect(existsSync(join(folder, SHA256))).toBe(false);
});

test("a control plane that is busy for a moment gets the request again; one that refuses is believed in the end", async () => {
  let isBusy = true;
  const busy = () => {
    isBusy = false;
    throw new RequestRefusedError("too many requests at once");
  };
  expect(await packs((part) => (isBusy ? busy() : partOf(CONTENT, part))).ensure(code)).toMatchObject({
    isHere: true,
  });
  rmSync(folder, { recursive: true });

  const never = await packs(() => {
    throw new RequestRefusedError("no job with that code is placed on this host");
  }).ensure(code);

  expect(never).toEqual({
    isHere: false,
    why: { code: "code-not-fetched", params: { why: "no job with that code is placed on this host" } },
  });
});

test("what nothing names any more is removed, and what is named stays", async () => {
  const some = packs();
  await some.ensure(code);
  await some.sweep();
  expect(readdirSync(folder)).toEqual([SHA256]);

  wanted.clear();
  await some.sweep();

  expect(readdirSync(folder)).toEqual([]);
});
