/** `remotegpu dataset put|get|ls|show` over a real connection: what goes over, what goes on after a kill, what is told. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FilesUnderTest } from "../../support/agent/files.ts";
import { eventually } from "../../support/eventually.ts";
import type { ApiWorld, Caller } from "../../support/http/api.ts";
import type { CountedLine } from "../../support/http/counted-line.ts";
import { FilesScene } from "../../support/worlds/files-scene.ts";

const MIB = 2 ** 20;
/** `npm run proof:data` has it at 20 GB. */
const TOTAL_MIB = Number(process.env.DATA_MIB ?? 1_024);
const LARGE_FILES = 4;
/** A busy machine may refuse a part for the moment; each of the four streams has one on the way, which then goes again. */
const SENT_AGAIN_BYTES = 4 * 8 * MIB;
const WITHIN_MS = 240_000 + TOTAL_MIB * 200;

let api: ApiWorld;
let files: FilesUnderTest;
let scene: FilesScene;
let line: CountedLine;
let owner: Caller;
let here: string;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.use(await FilesScene.open());
  ({ api, files, line, here } = scene);
  owner = await api.customer("ada");
  await api.request("PUT", `/api/v1/customers/${owner.customerId}/quota`, {
    as: api.admin,
    body: {
      quota_level: "custom",
      cpu_quota: 1,
      memory_quota: 1024,
      gpu_quota: 0,
      storage_quota: 2 ** 40,
      environment_quota: 1,
    },
  });
});
afterAll(() => ending.disposeAsync());

const cli = (...args: string[]) => scene.cli(owner, ...args);
const begin = (...args: string[]) => scene.begin(owner, ...args);

async function dataset(name: string): Promise<number> {
  const { body } = await api.request("POST", "/api/v1/datasets", { as: owner, body: { name } });
  return body.id;
}
const mounted = async (id: number) => {
  const { body } = await api.request("GET", `/api/v1/datasets/${id}`, { as: owner });
  return join(files.pool, body.storage_path);
};

/** Of other bytes in each of its parts. */
function writeLarge(folder: string): void {
  const size = Math.floor((TOTAL_MIB * MIB) / LARGE_FILES);
  const block = randomBytes(16 * MIB + 1);
  mkdirSync(join(here, folder), { recursive: true });
  for (let number = 0; number < LARGE_FILES; number += 1) {
    const path = join(here, folder, `part-${number}.bin`);
    writeFileSync(path, "");
    for (let at = 0; at < size; at += block.length) {
      block.writeUInt32LE(at % 2 ** 32, number);
      writeFileSync(path, block.subarray(0, Math.min(block.length, size - at)), { flag: "a" });
    }
  }
}

describe("a large dataset", () => {
  test(
    "whose put is killed midway goes on with the rest alone, and comes back the same",
    { timeout: WITHIN_MS },
    async () => {
      writeLarge("large");
      const id = await dataset("large");
      const total = LARGE_FILES * Math.floor((TOTAL_MIB * MIB) / LARGE_FILES);
      const first = begin("dataset", "put", "large", "large");
      await line.reached(line.sent + total / 2);
      first.kill("SIGKILL");
      await once(first, "exit");
      line.cut();
      const before = line.sent;

      const again = await cli("dataset", "put", "large", "large", "--json");

      const reported = JSON.parse(again.stdout);
      const over = line.sent - before;
      expect([again.exitCode, reported.version, reported.files, reported.bytes]).toEqual([
        0,
        1,
        LARGE_FILES,
        total,
      ]);
      // What was on the way when it was killed is lost, and nothing else.
      expect(reported.sent).toBeLessThan(0.6 * total);
      expect(over).toBeGreaterThanOrEqual(reported.sent);
      expect(over).toBeLessThan(reported.sent * 1.01 + MIB + SENT_AGAIN_BYTES);
      for (const name of readdirSync(join(here, "large"))) {
        const same = await execa("cmp", [join(here, "large", name), join(await mounted(id), name)], {
          reject: false,
        });
        expect([name, same.exitCode]).toEqual([name, 0]);
      }
      rmSync(join(here, "large"), { recursive: true });
      await api.request("DELETE", `/api/v1/datasets/${id}`, { as: owner });
    },
  );
});

describe("a put", () => {
  test(
    "waits for a files process and a server that were killed amid it, and loses nothing",
    { timeout: 240_000 },
    async () => {
      mkdirSync(join(here, "steady/deep"), { recursive: true });
      const bytes = randomBytes(96 * MIB);
      writeFileSync(join(here, "steady/deep/a.bin"), bytes);
      const id = await dataset("steady");
      const putting = begin("dataset", "put", "steady", "steady", "--streams", "2");
      const ended = once(putting, "exit");

      await line.reached(line.sent + 24 * MIB);
      await files.program.kill();
      await files.start();
      await line.reached(line.sent + 16 * MIB);
      await scene.serverAnew();

      expect((await ended)[0]).toBe(0);
      expect(readFileSync(join(await mounted(id), "deep/a.bin")).equals(bytes)).toBe(true);
    },
  );

  test("of a file, of empty ones and of what may be run is what is listed, printed and fetched", async () => {
    mkdirSync(join(here, "tree/sub"), { recursive: true });
    writeFileSync(join(here, "tree/run.sh"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(join(here, "tree/sub.txt"), "");
    writeFileSync(Buffer.concat([Buffer.from(join(here, "tree/sub/")), Buffer.from([0xff, 0x0a])]), "odd");
    const id = await dataset("tree");

    const put = await cli("dataset", "put", "tree", "tree");
    const same = await cli("dataset", "put", "tree", "tree");
    const listed = await cli("dataset", "ls", "tree", "--json");
    const visible = await cli("dataset", "show", "tree");
    const got = await cli("dataset", "get", "tree", ".", "copy");
    const one = await cli("dataset", "get", "tree", "run.sh");

    expect([put.exitCode, put.stdout, put.stderr]).toEqual([
      0,
      "Version 1 is ready in storage pool pool-a: 3 files, 13 bytes.",
      "",
    ]);
    expect(same.stdout).toBe(
      "All of it is there already: version 1 in storage pool pool-a (3 files, 13 bytes).",
    );
    expect(
      JSON.parse(listed.stdout).items.map(({ name, type }: Record<string, string>) => [name, type]),
    ).toEqual([
      ["run.sh", "file"],
      ["sub", "folder"],
      ["sub.txt", "file"],
    ]);
    expect(visible.stdout).toMatch(/storage_pools +pool-a/);
    expect(visible.stdout).toMatch(/^1 +pool-a +ready, mounted +13 bytes +3/m);
    expect([got.exitCode, got.stderr, one.exitCode]).toEqual([0, "", 0]);
    const inFolder = async (folder: string) =>
      await execa("sh", ["-c", "find . -type f -exec sha256sum {} + | LC_ALL=C sort"], {
        cwd: join(here, folder),
      });
    expect((await inFolder("copy")).stdout).toBe((await inFolder("tree")).stdout);
    expect(statSync(join(await mounted(id), "run.sh")).mode & 0o777).toBe(0o755);
    const file = await cli("dataset", "put", "tree", "tree/run.sh");
    expect(file.stdout).toContain("Version 2 is ready");
    expect(readdirSync(await mounted(id))).toEqual(["run.sh"]);
  });

  test("refuses links and what is no file before anything is sent, and stores what links lead to where requested", async () => {
    mkdirSync(join(here, "linked"), { recursive: true });
    writeFileSync(join(here, "blob"), "what it leads to");
    symlinkSync("../blob", join(here, "linked/model.bin"));
    symlinkSync("/etc", join(here, "linked/etc"));
    const id = await dataset("linked");

    const refused = await cli("dataset", "put", "linked", "linked");
    rmSync(join(here, "linked/etc"));
    const followed = await cli("dataset", "put", "linked", "linked", "--follow-links");
    symlinkSync(".", join(here, "linked/round"));
    const round = await cli("dataset", "put", "linked", "linked", "--follow-links");

    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      "remotegpu: linked/etc is a link, and so are 1 more; with --follow-links what it leads to is stored in its place.",
    ]);
    expect([followed.exitCode, readFileSync(join(await mounted(id), "model.bin"), "utf8")]).toEqual([
      0,
      "what it leads to",
    ]);
    expect([round.exitCode, round.stderr]).toEqual([
      2,
      "remotegpu: linked/round is a link to a folder that it lies in.",
    ]);
  });

  test("reports a file that changes under it", { timeout: 120_000 }, async () => {
    const path = join(here, "changing.bin");
    writeFileSync(path, randomBytes(64 * MIB));
    await dataset("changing");
    const putting = cli("dataset", "put", "changing", "changing.bin", "--streams", "1");
    await line.reached(line.sent + 2 * MIB);
    writeFileSync(path, randomBytes(64 * MIB));

    const { exitCode, stderr } = await putting;

    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("changing.bin changed while it was read; put it again."),
    ]);
  });

  test("that another one takes over ends with a sentence", { timeout: 120_000 }, async () => {
    writeFileSync(join(here, "slow.bin"), randomBytes(64 * MIB));
    const id = await dataset("shared");
    const putting = begin("dataset", "put", "shared", "slow.bin", "--streams", "1");
    let output = "";
    putting.stderr?.on("data", (bytes) => (output += String(bytes)));
    const ended = once(putting, "exit");
    await eventually(
      async () =>
        (await api.request("GET", `/api/v1/datasets/${id}/versions`, { as: owner })).body.items.length === 1,
      { what: "the beginning of the first one" },
    );
    await line.reached(line.sent + 4 * MIB);
    line.hold();
    writeFileSync(join(here, "other.bin"), "other");

    const other = await cli("dataset", "put", "shared", "other.bin");
    line.letGo();

    expect([other.stderr, other.exitCode, (await ended)[0]]).toEqual(["", 0, 1]);
    expect(output).toContain(
      "Another upload has begun since, or this one is over; begin anew to go on. (409)",
    );
    expect(readdirSync(await mounted(id))).toEqual(["other.bin"]);
  });

  test("is refused in a sentence where the quota does not reach, or nothing is there to put", async () => {
    writeFileSync(join(here, "small"), "small");
    await dataset("bounded");
    await api.request("PUT", `/api/v1/customers/${owner.customerId}/quota`, {
      as: api.admin,
      body: {
        quota_level: "custom",
        cpu_quota: 1,
        memory_quota: 1024,
        gpu_quota: 0,
        storage_quota: 1,
        environment_quota: 1,
      },
    });
    const before = line.sent;

    const beyond = await cli("dataset", "put", "bounded", "small");
    const nothing = await cli("dataset", "put", "bounded", "nowhere");

    expect([beyond.exitCode, beyond.stderr]).toEqual([
      1,
      expect.stringMatching(/^remotegpu: storage_quota of the customer is 1 bytes: .* \(409\)$/),
    ]);
    expect(line.sent - before).toBeLessThan(16_384);
    expect([nothing.exitCode, nothing.stderr]).toEqual([2, "remotegpu: There is no nowhere here."]);
  });
});
