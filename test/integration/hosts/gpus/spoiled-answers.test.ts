/**
 * One GPU spoils the answer of nvidia-smi for all: the others are queried singly, and the bad one has a name. Played by
 * an executable that answers from files, one for each GPU, with the exit codes and words of real ones.
 */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NvidiaSmi, type GpuInventory } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi";
import { NvidiaSmiError } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-error";
import { GpuWatch, SAMPLE_EVERY_MS } from "@remotegpu/agent/loop/watch/gpus/gpu-watch";
import { BootId } from "@remotegpu/shared/values/ids";
import { newHostId } from "../../../support/containers/docker.ts";
import { memoryLog } from "../../../support/memory-log.ts";

const BOOT = BootId.parse("11111111-1111-4111-8111-111111111111");
const uuidOf = (index: number) => `GPU-${String(index).padStart(8, "0")}-2222-3333-4444-555555555555`;
/** 00000000:10:00.0 and so on, sixteen apart. */
const busOf = (index: number) => {
  const place = (16 * (index + 1)).toString(16).padStart(10, "0");
  return `${place.slice(0, 8)}:${place.slice(8)}:00.0`;
};
const HEADER =
  "index, uuid, name, pci.bus_id, driver_version, memory.total [MiB], memory.used [MiB], utilization.gpu [%], temperature.gpu, power.draw [W], power.limit [W], compute_cap";
const rowOf = (index: number) =>
  `${index}, ${uuidOf(index)}, Card, ${busOf(index)}, 580.10, 1000 MiB, 10 MiB, 0 %, 40, 50.00 W, 300.00 W, 9.0`;
const csvOf = (indices: number[]) => [HEADER, ...indices.map(rowOf), ""].join("\n");
const xmlOf = (indices: number[]) =>
  `<nvidia_smi_log><driver_version>580.10</driver_version>${indices
    .map(
      (index) =>
        `<gpu id="${busOf(index)}"><uuid>${uuidOf(index)}</uuid><product_name>Card</product_name><minor_number>${index}</minor_number><gpu_recovery_action>None</gpu_recovery_action></gpu>`,
    )
    .join("")}</nvidia_smi_log>`;
const listOf = (indices: number[]) =>
  indices.map((index) => `GPU ${index}: Card (UUID: ${uuidOf(index)})\n`).join("");
const ALL = [0, 1, 2, 3];
const HANDLE = "Unable to determine the device handle for GPU1: 0000:20:00.0:";
const IS_LOST = `${HANDLE} GPU is lost.  Reboot the system to recover this GPU\n`;

let folder: string;
let smi: NvidiaSmi;

/** What the command answers about all or one: to CSV and XML alike, or to each its own. */
async function answer(
  who: "all" | number,
  {
    csv,
    xml = csv,
    exit = 0,
    hangs = false,
    slowSeconds = 0,
  }: { csv: string; xml?: string; exit?: number; hangs?: boolean; slowSeconds?: number },
): Promise<void> {
  const name = who === "all" ? "all" : uuidOf(who);
  for (const [kind, text] of [
    ["csv", csv],
    ["xml", xml],
  ] as const) {
    await writeFile(join(folder, `${name}.${kind}`), text);
    await writeFile(join(folder, `${name}.${kind}.exit`), String(exit));
    await writeFile(join(folder, `${name}.${kind}.slow`), String(slowSeconds));
    const hang = join(folder, `${name}.${kind}.hang`);
    if (hangs) await writeFile(hang, "");
    else await rm(hang, { force: true });
  }
}

async function answerList(indices: number[], exit = 0): Promise<void> {
  await writeFile(join(folder, "all.list"), listOf(indices));
  await writeFile(join(folder, "all.list.exit"), String(exit));
}

async function hangList(): Promise<void> {
  await writeFile(join(folder, "all.list.hang"), "");
}

async function answerWell(indices = ALL): Promise<void> {
  await answer("all", { csv: csvOf(indices), xml: xmlOf(indices) });
  for (const index of indices) await answer(index, { csv: csvOf([index]), xml: xmlOf([index]) });
  await answerList(indices);
}

const within = (deadlineMs: number) =>
  new NvidiaSmi({ path: join(folder, "nvidia-smi"), simulated: false, deadlineMs });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-spoiled-"));
  await answerWell();
  const script = `#!/bin/sh
echo "$*" >>${folder}/calls
who=all kind=csv
for each in "$@"; do
  case $each in --id=*) who=\${each#--id=} ;; -x) kind=xml ;; -L) kind=list ;; esac
done
if [ -e "${folder}/$who.$kind.hang" ]; then exec sleep 60; fi
if [ -e "${folder}/$who.$kind.slow" ]; then sleep "$(cat "${folder}/$who.$kind.slow")"; fi
cat "${folder}/$who.$kind"
read -r code <"${folder}/$who.$kind.exit"
exit "$code"
`;
  await writeFile(join(folder, "nvidia-smi"), script);
  await chmod(join(folder, "nvidia-smi"), 0o755);
  smi = within(3_000);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Index → its sign; null for one that is well. */
function signsIn({ gpus, conditions }: GpuInventory): Record<number, string | null> {
  return Object.fromEntries(
    gpus.map(({ uuid, index }) => {
      const sign = conditions.get(uuid)?.sign ?? null;
      return [index, sign && `${sign.code} ${sign.weight}`];
    }),
  );
}
const WELL = { 0: null, 1: null, 2: null, 3: null };
const calls = async () => (await readFile(join(folder, "calls"), "utf8")).trim().split("\n");

test("while all is well no GPU is queried singly", async () => {
  const inventory = await smi.inventory();

  expect(signsIn(inventory)).toEqual(WELL);
  expect(inventory).toMatchObject({ unread: new Set(), isOfSingles: false });
  expect(await calls()).toHaveLength(2);
});

describe("an answer that one GPU spoils", () => {
  test.each([
    ["exit 15 with its name", IS_LOST, 15, "gpu-lost proof"],
    ["exit 255 with its name", IS_LOST, 255, "gpu-lost open"],
    ["exit 255 with an unknown error", `${HANDLE} Unknown Error\n`, 255, "unknown-error open"],
    ["half a table and its name", `${csvOf([0])}${IS_LOST}`, 15, "gpu-lost proof"],
  ])("%s: the others are well, and it is not queried", async (_what, csv, exit, sign) => {
    await smi.inventory();
    await answer("all", { csv, exit });

    expect(signsIn(await smi.inventory())).toEqual({ ...WELL, 1: sign });
    expect((await calls()).filter((call) => call.includes(`--id=${uuidOf(1)}`))).toEqual([]);
  });

  test.each([
    ["exit 15 of its own", { csv: "", exit: 15 }, "gpu-lost proof"],
    ["exit 8 of its own", { csv: "", exit: 8 }, "no-power open"],
    ["exit 10 of its own", { csv: "", exit: 10 }, "no-interrupts open"],
    ["exit 255 of its own", { csv: "", exit: 255 }, "no-answer open"],
    ["exit 255 and words", { csv: `${HANDLE} GPU requires reset\n`, exit: 255 }, "requires-reset open"],
    ["garbage", { csv: "\u0001\u0002 NVML <<<", exit: 0 }, "no-answer open"],
    ["no device where the list has it", { csv: "No devices were found\n", exit: 6 }, "gpu-lost open"],
    [
      "a line without its name",
      {
        csv: `${HEADER}\n1, [GPU is lost], [GPU is lost], ${busOf(1)}${", [GPU is lost]".repeat(8)}\n`,
        xml: xmlOf([]),
      },
      "gpu-lost open",
    ],
  ])("without a name: %s names it", async (_what, single, sign) => {
    await smi.inventory();
    await answer("all", { csv: "\u0001 garbage", exit: 255 });
    await answer(1, single);

    const inventory = await smi.inventory();

    expect(signsIn(inventory)).toEqual({ ...WELL, 1: sign });
    expect(inventory.gpus[1]).toMatchObject({
      name: "Card",
      minorNumber: 1,
      temperatureC: null,
      powerW: null,
    });
    expect(inventory.gpus[2]).toMatchObject({ temperatureC: 40, computeCapability: "9.0" });
  });

  test("one whose own query hangs is silent, and holds up no other", async () => {
    await smi.inventory();
    await answer("all", { csv: "", exit: 255 });
    await answer(1, { csv: "", hangs: true });

    expect(signsIn(await smi.inventory())).toEqual({ ...WELL, 1: "no-answer silence" });
  });

  test("one that is neither found nor listed is gone", async () => {
    await smi.inventory();
    await answer("all", { csv: "", exit: 255 });
    await answer(1, { csv: "No devices were found\n", exit: 6 });
    await answerList([0, 2, 3]);

    expect(signsIn(await smi.inventory())).toEqual({ 0: null, 2: null, 3: null });
  });

  test("one that is not found while the list ends with an error is lost, and not gone", async () => {
    await smi.inventory();
    await answer("all", { csv: "", exit: 255 });
    await answer(1, { csv: "No devices were found\n", exit: 6 });
    await answerList([0], 255);

    expect(signsIn(await smi.inventory())).toEqual({ ...WELL, 1: "gpu-lost open" });
  });

  test("a query of all and a list that use up their time leave the others their own", async () => {
    const brief = within(1_500);
    await brief.inventory();
    await answer("all", { csv: IS_LOST, exit: 15, slowSeconds: 1 });
    await hangList();

    const inventory = await brief.inventory();

    expect(signsIn(inventory)).toEqual({ ...WELL, 1: "gpu-lost proof" });
    expect(inventory.unread).toEqual(new Set());
  });

  test("one whose turn comes when the time is over is unread: it stays as it was known", async () => {
    const brief = within(1_500);
    const many = Array.from({ length: 18 }, (_, index) => index);
    await answerWell(many);
    await brief.inventory();
    await answer("all", { csv: IS_LOST, exit: 255 });
    // Sixteen are asked at once, and each keeps its place to the end.
    for (const index of many.slice(0, 17)) await answer(index, { csv: "", hangs: true });

    const inventory = await brief.inventory();

    const silent = Object.fromEntries(many.map((index) => [index, "no-answer silence"]));
    expect(signsIn(inventory)).toEqual({ ...silent, 1: "gpu-lost open", 17: null });
    expect(inventory.unread).toEqual(new Set([uuidOf(17)]));
    expect(inventory.gpus[17]).toMatchObject({ temperatureC: 40, powerW: 50 });
  });

  test("of a first sample the list names whom to query, also one that ends with an error", async () => {
    await answer("all", { csv: IS_LOST, exit: 15 });
    await answerList(ALL, 15);

    expect(signsIn(await smi.inventory())).toEqual({ ...WELL, 1: "gpu-lost proof" });
  });

  test("each sample queries again, and once all is well no GPU is queried singly any more", async () => {
    await answer("all", { csv: IS_LOST, exit: 255 });
    await smi.inventory();
    expect(signsIn(await smi.inventory())).toEqual({ ...WELL, 1: "gpu-lost open" });
    await answerWell();
    const before = (await calls()).length;

    expect(signsIn(await smi.inventory())).toEqual(WELL);
    expect(await calls()).toHaveLength(before + 2);
  });
});

describe("a failure that is of no GPU", () => {
  const failure = () => smi.inventory().then(signsIn, (error: unknown) => error);

  test.each([2, 4, 9, 12, 13])("exit %i is the host's, and no GPU is queried singly", async (exit) => {
    await smi.inventory();
    await answer("all", { csv: "NVIDIA-SMI has failed", exit });

    expect(await failure()).toMatchObject({ kind: "garbage" });
    expect((await calls()).filter((call) => call.includes("--id="))).toEqual([]);
  });

  test("garbage from all, each by itself too, is the host's: no GPU is called bad by it", async () => {
    await smi.inventory();
    for (const who of ["all", ...ALL] as const) await answer(who, { csv: "garbage" });

    expect(await failure()).toBeInstanceOf(NvidiaSmiError);
  });

  test("with one GPU named and no other heard, the others are silent", async () => {
    await smi.inventory();
    await answer("all", { csv: IS_LOST, exit: 255 });
    for (const who of ALL) await answer(who, { csv: "garbage" });

    expect(signsIn(await smi.inventory())).toEqual({
      0: "no-answer silence",
      1: "gpu-lost open",
      2: "no-answer silence",
      3: "no-answer silence",
    });
  });

  test("a first one that hangs is a hang, and no GPU is queried singly", async () => {
    const brief = within(300);
    await answer("all", { csv: "", hangs: true });

    await expect(brief.inventory()).rejects.toMatchObject({ kind: "hung" });
    expect(await calls()).toHaveLength(1);
  });

  test("a hang of all, each by itself too, is the host's: no GPU is called bad by it", async () => {
    const brief = within(600);
    await brief.inventory();
    for (const who of ["all", ...ALL] as const) await answer(who, { csv: "", hangs: true });

    for (let n = 0; n < 2; n += 1) await expect(brief.inventory()).rejects.toMatchObject({ kind: "hung" });
    expect((await calls()).filter((call) => call.includes("--id="))).toHaveLength(ALL.length);
  });
});

describe("a GPU that makes the query of all hang", () => {
  const hang = async () => {
    for (const who of ["all", 1] as const) await answer(who, { csv: "", hangs: true });
  };

  test("is named by the second sample in a row, and the others answer", async () => {
    const brief = within(3_000);
    await brief.inventory();
    await hang();
    await expect(brief.inventory()).rejects.toMatchObject({ kind: "hung" });

    const inventory = await brief.inventory();

    expect(signsIn(inventory)).toEqual({ ...WELL, 1: "no-answer silence" });
    expect(inventory.isOfSingles).toBe(true);
  });

  test("is not searched for by a hang that is over before", async () => {
    const brief = within(5_000);
    for (let n = 0; n < 2; n += 1) {
      await hang();
      await expect(brief.inventory()).rejects.toMatchObject({ kind: "hung" });
      await answer("all", { csv: csvOf(ALL), xml: xmlOf(ALL) });
      expect(signsIn(await brief.inventory())).toEqual(WELL);
    }
    expect((await calls()).filter((call) => call.includes("--id="))).toEqual([]);
  });
});

test("a corrupted infoROM ends with 14 and spoils nothing", async () => {
  const csv = `${csvOf(ALL)}WARNING: infoROM is corrupted at gpu 0000:20:00.0\n`;
  await answer("all", { csv, xml: xmlOf(ALL), exit: 14 });

  const inventory = await smi.inventory();

  expect(signsIn(inventory)).toEqual(WELL);
  expect([...inventory.conditions.values()].map(({ warnings }) => warnings)).toEqual([
    [],
    [{ code: "gpu-inforom-corrupted", params: {} }],
    [],
    [],
  ]);
});

test("a whole answer that names a GPU beside its table, or no longer by its name, shows the sign", async () => {
  await smi.inventory();
  await answer("all", { csv: `${csvOf([0, 2, 3])}${HANDLE} Unknown Error\n`, xml: xmlOf([0, 2, 3]) });
  expect(signsIn(await smi.inventory())).toEqual({ ...WELL, 1: "unknown-error open" });

  const lost = `${csvOf([0])}1, [GPU is lost], [GPU is lost], ${busOf(1)}${", [GPU is lost]".repeat(8)}\n`;
  await answer("all", { csv: lost, xml: xmlOf([0]) });
  expect(signsIn(await smi.inventory())).toEqual({ 0: null, 1: "gpu-lost open" });
});

describe("a card whose description cannot be read", () => {
  const garbled = (indices: number[]) => csvOf(indices).replace(/^1, /m, "[Garbled], ");

  test("has a sign, and spoils nothing of the others", async () => {
    await smi.inventory();
    await answer("all", { csv: garbled(ALL), xml: xmlOf(ALL) });

    const inventory = await smi.inventory();

    expect(signsIn(inventory)).toEqual({ ...WELL, 1: "unknown-error open" });
    expect(inventory.gpus[1]).toMatchObject({ name: "Card", minorNumber: 1, temperatureC: null });
    expect(inventory.gpus[2]).toMatchObject({ temperatureC: 40 });
    expect(inventory.conditions.get(inventory.gpus[1]!.uuid)?.unknownWords).toEqual([
      `nvidia-smi describes card ${uuidOf(1)} in no readable way`,
    ]);
  });

  test("has one as well where each is queried by itself", async () => {
    await smi.inventory();
    await answer("all", { csv: "", exit: 255 });
    await answer(1, { csv: garbled([1]), xml: xmlOf([1]) });

    expect(signsIn(await smi.inventory())).toEqual({ ...WELL, 1: "unknown-error open" });
  });

  test("that nobody knew before is not listed, and is not gone", async () => {
    await answer("all", { csv: garbled(ALL), xml: xmlOf(ALL) });

    const inventory = await smi.inventory();

    expect(signsIn(inventory)).toEqual({ 0: null, 2: null, 3: null });
    expect(inventory.unread).toEqual(new Set([uuidOf(1)]));
  });

  test("is silent where another is named and none is readable", async () => {
    await answerWell([1, 2]);
    await smi.inventory();
    const lost = HANDLE.replace("GPU1: 0000:20", "GPU2: 0000:30");
    await answer("all", { csv: `${lost} GPU is lost\n`, exit: 15 });
    await answer(1, { csv: garbled([1]), xml: xmlOf([1]) });

    expect(signsIn(await smi.inventory())).toEqual({ 1: "unknown-error silence", 2: "gpu-lost proof" });
  });

  test("is the host's failure where there is no other", async () => {
    await answerWell([1]);
    await smi.inventory();
    for (const who of ["all", 1] as const) await answer(who, { csv: garbled([1]), xml: xmlOf([1]) });

    await expect(smi.inventory()).rejects.toMatchObject({ kind: "garbage" });
  });
});

test("a field that the driver no longer has is left out, the others are queried on", async () => {
  const script = await readFile(join(folder, "nvidia-smi"), "utf8");
  const refusal = `case "$*" in *driver_version*) echo 'Field "driver_version" is not a valid field to query.'; exit 2 ;; esac\n`;
  await writeFile(join(folder, "nvidia-smi"), script.replace("who=all", `${refusal}who=all`));

  expect(signsIn(await smi.inventory())).toEqual(WELL);
  expect(await calls()).toHaveLength(3);
  expect(signsIn(await smi.inventory())).toEqual(WELL);
  expect(await calls()).toHaveLength(5);
});

describe("a watch", () => {
  let nowMs = 0;
  const surroundings = () => ({
    nowMs,
    runtime: null,
    containers: [],
    liveContainers: () => new Map(),
  });

  async function watch(checkWithinMs = 3_000): Promise<GpuWatch> {
    const watched = new GpuWatch({
      hostId: newHostId(),
      bootId: BOOT,
      stateDir: folder,
      nvidiaSmiPath: join(folder, "nvidia-smi"),
      simulatedCount: 0,
      kernelLogPath: join(folder, "kmsg"),
      checkWithinMs,
      log: memoryLog(),
    });
    await writeFile(join(folder, "kmsg"), "");
    await watched.prepare((nowMs += SAMPLE_EVERY_MS), 0, null);
    return watched;
  }
  async function check(watched: GpuWatch): Promise<boolean> {
    nowMs += SAMPLE_EVERY_MS;
    let isReported = false;
    await watched.checkWhenDue(surroundings(), () => (isReported = true));
    return isReported;
  }
  const visible = (watched: GpuWatch) =>
    watched.gpus.map(({ health, reasonCode, hasSign, cordon }) => [
      health,
      cordon?.kind,
      reasonCode,
      hasSign,
    ]);
  const FINE = ["healthy", undefined, null, false];

  test("closes the bad card within one sample, fails it with the second, and is blind to none", async () => {
    const watched = await watch();
    const goodMs = nowMs;
    await answer("all", { csv: IS_LOST, exit: 255 });

    expect(await check(watched)).toBe(true);
    expect(visible(watched)).toEqual([FINE, ["unhealthy", "drain", "gpu-lost", true], FINE, FINE]);
    expect([...watched.closed.keys()]).toEqual([uuidOf(1)]);
    expect(watched.health.lost.size).toBe(0);
    const [card] = watched.gpus.slice(1);
    expect(watched.health.proofOf([card!.uuid], nowMs)).toEqual({ kind: "suspect", lastGoodMs: goodMs });

    expect(await check(watched)).toBe(true);
    expect(visible(watched)).toEqual([FINE, ["unhealthy", "fatal", "gpu-lost", true], FINE, FINE]);
    expect([...watched.health.lost.values()]).toMatchObject([{ cause: "gpu-failed" }]);
    expect(watched.health.proofOf([card!.uuid], nowMs)).toEqual({ kind: "lost", lastGoodMs: goodMs });
    expect(watched.degraded).toEqual([]);
    await watched.close();
  });

  test("closes a GPU that makes all hang, fails it never, and settles the time of the others", async () => {
    const watched = await watch(2_000);
    const goodMs = nowMs;
    for (const who of ["all", 1] as const) await answer(who, { csv: "", hangs: true });

    await check(watched);
    expect(watched.degraded).toEqual(["nvidia-smi-hung"]);
    await check(watched);
    await check(watched);

    expect(watched.degraded).toEqual([]);
    expect(visible(watched)).toEqual([FINE, ["unhealthy", "drain", "no-answer", true], FINE, FINE]);
    const [first, hung] = watched.gpus;
    expect(watched.health.proofOf([first!.uuid], nowMs)).toEqual({ kind: "good", settledMs: nowMs });
    expect(watched.health.proofOf([hung!.uuid], nowMs)).toEqual({ kind: "suspect", lastGoodMs: goodMs });
    expect(watched.health.lost.size).toBe(0);
    await watched.close();
  });

  test("keeps an open sign over its restart, and the next life's first sample confirms it", async () => {
    const watched = await watch();
    const goodMs = nowMs;
    await answer("all", { csv: IS_LOST, exit: 255 });
    await check(watched);
    await watched.close();

    const next = await watch();

    expect([...next.health.lost.keys()]).toEqual([uuidOf(1)]);
    expect(next.health.proofOf([next.gpus[1]!.uuid], nowMs)).toEqual({ kind: "lost", lastGoodMs: goodMs });
    await next.close();
  });
});
