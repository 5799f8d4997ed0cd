/** Output on the disk of a host: what is kept comes back as it was, the newest stays, and nothing outgrows its room. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RETENTION_MS, MAX_RUN_BYTES } from "@remotegpu/agent/core/storage/output-limits";
import { OutputKeeper } from "@remotegpu/agent/loop/output/output-keeper";
import { StoredOutput } from "@remotegpu/agent/journal/output/stored-output";
import type { OutputRecord } from "@remotegpu/agent/journal/output/output-records";
import { RuntimeError } from "@remotegpu/agent/runtime/docker/runtime-error";
import type { Runtime } from "@remotegpu/agent/runtime/runtime";
import { memoryLog } from "../../support/memory-log.ts";
import { runId } from "../../support/samples/run-samples.ts";

let folder: string;
let nowMs = 0;
let stored: StoredOutput;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "rg-output-"));
  nowMs = 1_000_000;
  stored = await opened();
});
afterEach(() => {
  for (const at of mounted.splice(0)) execFileSync("umount", ["-l", at]);
  rmSync(folder, { recursive: true, force: true });
});
const mounted: string[] = [];

async function opened(): Promise<StoredOutput> {
  const output = new StoredOutput({ folder: join(folder, "output"), wallMs: () => nowMs });
  await output.open();
  return output;
}

const RUN = { runId: runId("run-1"), containerId: "c1" };
const ALL = { tailLines: null, after: null };

async function* from(records: Iterable<OutputRecord>): AsyncGenerator<OutputRecord> {
  yield* records;
}

const time = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, "0")}.000000000Z`;
const line = (text: string, second = 0, output: OutputRecord["output"] = "stdout"): OutputRecord => ({
  output,
  time: time(second),
  bytes: Buffer.from(text),
});

async function read(
  query: Parameters<StoredOutput["read"]>[1] = ALL,
  from_ = stored,
): Promise<OutputRecord[]> {
  const records: OutputRecord[] = [];
  for await (const record of from_.read(RUN.runId, query)) records.push(record);
  return records;
}

const text = (records: OutputRecord[]) => Buffer.concat(records.map(({ bytes }) => bytes)).toString();

test("what is stored comes back as it was: output, time and bytes, whatever they are", async () => {
  const records = [
    line("one\n", 1),
    { ...line("", 2, "stderr"), bytes: Buffer.from([0, 255, 10, 13, 0xe2, 0x82]) },
    line("out 2026-01-01T00:00:00Z 5\nfalse\n", 3),
    line("without an end", 4),
  ];

  expect(await stored.keep(RUN, from(records))).toMatchObject({ stored: true });

  expect(await read()).toEqual(records);
  expect(await read(ALL, await opened())).toEqual(records);
  expect(await stored.has(RUN.runId, "c1")).toBe(true);
  expect(await stored.has(RUN.runId, "c2")).toBe(false);
  expect(await stored.knows(runId("run-2"))).toBe(false);
});

test("nothing written is stored as nothing", async () => {
  await stored.keep(RUN, from([]));

  expect(await stored.knows(RUN.runId)).toBe(true);
  expect(await read()).toEqual([]);
});

test.each([
  [0, ""],
  [1, "e"],
  [2, "cd\ne"],
  [3, "b\ncd\ne"],
  [9, "a\nb\ncd\ne"],
])("the last %i lines are %j", async (tailLines, expected) => {
  // The runtime cuts long lines, and the last one may not be finished.
  await stored.keep(RUN, from(["a\n", "b\n", "c", "d\n", "e"].map((part) => line(part))));

  expect(text(await read({ tailLines, after: null }))).toBe(expected);
});

test("reading goes on after a moment", async () => {
  await stored.keep(RUN, from([line("a\n", 1), line("b\n", 2), line("c\n", 3)]));

  expect(text(await read({ tailLines: null, after: time(1) }))).toBe("b\nc\n");
});

test("of too much the newest is stored, in order and without a hole", async () => {
  const block = Buffer.alloc(16_384, "x");
  const count = Math.ceil((MAX_RUN_BYTES * 1.5) / block.length);
  function* blocks() {
    for (let n = 0; n < count; n += 1)
      yield { ...line(""), bytes: Buffer.concat([Buffer.from(`${n} `), block, Buffer.from("\n")]) };
  }

  await stored.keep(RUN, from(blocks()));

  const numbers = (await read()).map(({ bytes }) => Number.parseInt(bytes.toString("latin1", 0, 10), 10));
  const first = numbers[0] ?? 0;
  expect(numbers).toEqual(Array.from({ length: count - first }, (_, n) => first + n));
  const [{ bytes } = { bytes: 0 }] = await stored.list();
  expect(bytes).toBeLessThanOrEqual(MAX_RUN_BYTES);
  expect(bytes).toBeGreaterThan(MAX_RUN_BYTES * 0.7);
});

test("it outlives its container by days, and then goes", async () => {
  await stored.keep(RUN, from([line("words\n")]));

  nowMs += RETENTION_MS - 1;
  expect(await (await opened()).prune()).toEqual([]);
  expect(text(await read())).toBe("words\n");

  nowMs += 1;
  expect(await stored.prune()).toEqual(["run-1"]);
  expect(await read()).toEqual([]);
  expect(readdirSync(join(folder, "output"))).toEqual([]);
});

test("a source that breaks off leaves what came before, and fails", async () => {
  async function* breaking() {
    yield line("before\n");
    await Promise.resolve();
    throw new Error("the runtime went away");
  }

  await expect(stored.keep(RUN, breaking())).rejects.toThrow("went away");

  expect(text(await read())).toBe("before\n");
});

test("a crash in the middle leaves nothing half, and keeping begins anew", async () => {
  let release = () => undefined as void;
  const held = new Promise<void>((resolve) => (release = resolve));
  async function* endless() {
    yield line("half\n");
    await held;
  }
  const crashed = stored.keep(RUN, endless());
  await expect.poll(() => readdirSync(join(folder, "output"))).toEqual(["run-1.unfinished"]);

  const after = await opened();

  expect(readdirSync(join(folder, "output"))).toEqual([]);
  expect(await after.knows(RUN.runId)).toBe(false);
  release();
  await crashed.catch(() => undefined);
  await after.keep(RUN, from([line("whole\n")]));
  expect(text(await read(ALL, after))).toBe("whole\n");
});

test("a torn or damaged record ends the reading of its file, and no more", async () => {
  await stored.keep(RUN, from([line("one\n"), line("two\n")]));
  const file = join(folder, "output/run-1/000001.log");
  appendFileSync(file, "out 2026-01-01T00:00:00Z 9999\ntorn");
  expect(text(await read())).toBe("one\ntwo\n");

  truncateSync(file, statSync(file).size - 60);
  expect(text(await read())).toBe("one\n");

  appendFileSync(file, "\n\u0000garbage\n".repeat(20_000));
  expect(text(await read())).toBe("one\n");
});

describe.skipIf(process.getuid?.() !== 0)("on a disk that fills up", () => {
  /** What the journal needs is left alone; this is more than that by so much. */
  function disk(spareMib: number): string {
    const at = join(folder, "disk");
    mkdirSync(at);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${128 + spareMib}m`, "tmpfs", at]);
    mounted.push(at);
    return at;
  }

  test("nothing is stored where the journal needs the room", async () => {
    const small = new StoredOutput({ folder: join(disk(2), "output"), wallMs: () => nowMs });
    await small.open();

    expect(await small.keep(RUN, from([line("words\n")]))).toMatchObject({ stored: false });
    expect(await small.knows(RUN.runId)).toBe(false);
  });

  test("older output makes room for newer", async () => {
    const small = new StoredOutput({ folder: join(disk(10), "output"), wallMs: () => nowMs });
    await small.open();
    const much = Array.from({ length: 400 }, () => line(`${"x".repeat(16_000)}\n`));
    await small.keep({ runId: runId("run-0"), containerId: "c0" }, from(much));
    nowMs += 1;

    expect(await small.keep(RUN, from(much))).toMatchObject({ stored: true });
    expect((await small.list()).map((one) => one.runId)).toEqual(["run-1"]);
  });

  test("what fitted before it was full is stored, and is not taken for all of it", async () => {
    const at = disk(10);
    const small = new StoredOutput({ folder: join(at, "output"), wallMs: () => nowMs });
    await small.open();
    function* whileOthersWrite() {
      for (let n = 0; n < 40; n += 1) {
        // The first ones are on the disk by now.
        if (n === 20) execFileSync("sh", ["-c", `cat /dev/zero > ${at}/others 2>/dev/null || true`]);
        if (n === 30) rmSync(`${at}/others`);
        yield line(`${n} ${"x".repeat(16_000)}\n`);
      }
    }

    await expect(small.keep(RUN, from(whileOthersWrite()))).rejects.toThrow("could not be written whole");

    expect(await small.has(RUN.runId, RUN.containerId)).toBe(false);
    const first: string[] = [];
    for await (const record of small.read(RUN.runId, ALL)) first.push(record.bytes.toString("latin1", 0, 3));
    expect(first.slice(0, 4)).toEqual(["0 x", "1 x", "2 x", "3 x"]);
    expect(first.length).toBeLessThan(40);
  });
});

test("others cannot read it", async () => {
  await stored.keep(RUN, from([line("secret\n")]));

  expect(statSync(join(folder, "output")).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, "output/run-1/000001.log")).mode & 0o777).toBe(0o600);
});

describe("a runtime that does not report", () => {
  const exit = { ...RUN, exitCode: 137, outOfMemory: true };
  const keeperOn = (logs: Runtime["logs"]) =>
    new OutputKeeper({
      runtime: { logs },
      stored,
      poolRoot: folder,
      log: memoryLog(),
      bounds: { keepWithinMs: 20, tailWithinMs: 20 },
    });

  test.each<[string, Runtime["logs"]]>([
    [
      "and refuses",
      async function* refuses() {
        yield line("one\n");
        await Promise.resolve();
        throw new RuntimeError("no such log");
      },
    ],
    [
      "and hangs",
      async function* hangs({ signal }) {
        yield line("one\n");
        signal.throwIfAborted();
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
      },
    ],
  ])("%s holds up neither the record nor the removal; what came is stored", async (_how, logs) => {
    const keeper = keeperOn(logs);

    expect(await keeper.remainsOf(exit)).toEqual({
      exitCode: 137,
      outOfMemory: true,
      signal: "SIGKILL",
      tail: null,
    });
    await keeper.keep(RUN);

    expect(text(await read())).toBe("one\n");
    expect(await stored.has(RUN.runId, RUN.containerId)).toBe(false);
  });
});
