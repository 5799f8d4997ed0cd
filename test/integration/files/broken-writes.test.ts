/** Files whose writing ends before its end: the process is killed, or the disk is full. Nothing half is left of them. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FilesUnderTest } from "../../support/agent/files.ts";
import { eventually } from "../../support/eventually.ts";

const MIB = 2 ** 20;
const SMALL = "small";

let files: FilesUnderTest;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  files = ending.adopt(await FilesUnderTest.begin(), (one) => one.end());
  const small = join(files.pool, SMALL);
  mkdirSync(small);
  await execa("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
  ending.defer(async () => void (await execa("umount", ["-l", small])));
});
afterAll(() => ending.disposeAsync());

test("what a killed process was writing is gone once it runs again, and what was there stays", async () => {
  writeFileSync(files.at("kept"), "before");
  mkdirSync(files.at("deep"), { recursive: true });
  const sending = ["kept", "deep/new"].map((path) => {
    const sent = files.send({ method: "PUT", path });
    sent.on("error", () => undefined);
    sent.write(randomBytes(MIB));
    return sent;
  });
  const left = () =>
    readdirSync(files.at("."), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith(".remotegpu-part"));
  await eventually(() => left().length === 2, { what: "both being written" });
  await files.program.kill();
  for (const sent of sending) sent.destroy();
  const amid = left().length;

  await files.start();

  expect([amid, left()]).toEqual([2, []]);
  expect((await files.request({ path: "kept" })).body.toString()).toBe("before");
  expect(readdirSync(files.at("deep"))).toEqual([]);
  expect(readdirSync(join(files.state, "files/written"))).toEqual([]);
});

test("a disk that becomes full amid a file is reported, and has its room back", async () => {
  // Without a length nobody can see beforehand that it is too long.
  const sent = files.send({
    method: "PUT",
    folder: SMALL,
    path: "large",
    headers: { "transfer-encoding": "chunked" },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.on("response", resolve).on("error", reject);
  });
  for (let mib = 0; mib < 4; mib += 1) sent.write(Buffer.alloc(MIB, 1));
  sent.write(Buffer.alloc(64 * 1024, 1));

  const response = await answered;
  response.resume();
  sent.on("error", () => undefined).destroy();

  expect(response.statusCode).toBe(507);
  expect(readdirSync(join(files.pool, SMALL))).toEqual([]);
  expect(
    (await files.request({ method: "PUT", folder: SMALL, path: "fits", body: Buffer.alloc(2 * MIB) })).status,
  ).toBe(204);
});
