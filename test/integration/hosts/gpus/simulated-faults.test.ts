/**
 * What the simulated nvidia-smi prints of a card that is not well, held against what real ones printed (the words of the
 * records in shared/data/nvidia-smi), and the command that makes a card sick and well again.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { simulateFault } from "@remotegpu/agent/commands/simulate-fault";
import { setSimulatedFaults } from "@remotegpu/agent/host/gpus/simulated/simulated-faults";
import { prepareSimulatedGpus, simulatedGpuUuid } from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";

const HOST = "host-1";
const [first, second] = [simulatedGpuUuid(HOST, 0), simulatedGpuUuid(HOST, 1)];
const FIELDS =
  "uuid,memory.used,utilization.gpu,temperature.gpu,power.draw,gpu_recovery_action,fabric.state,mig.mode.current";
const QUERY = [`--query-gpu=${FIELDS}`, "--format=csv,noheader"];

let folder: string;
let nvidiaSmi: string;
let kernelLog: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-faults-"));
  const files = await prepareSimulatedGpus({ stateDir: folder, hostId: HOST, count: 2, nowMs: 0 });
  nvidiaSmi = files.hostExecutable;
  kernelLog = files.kernelLog;
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const play = async (...words: string[]) => await setSimulatedFaults(folder, [{ uuid: first, words }]);
const request = async (...args: string[]) => {
  const { stdout, exitCode } = await execa(nvidiaSmi, args, { reject: false });
  return { lines: stdout.split("\n"), text: stdout, exitCode };
};
/** The first card's cells, without its UUID. */
const cells = async () => (await request(...QUERY)).lines[0]?.split(", ").slice(1);
const xml = async () => (await request("-q", "-x")).text.split("<gpu id=")[1] ?? "";
const well = (line: string | undefined) => line?.startsWith(`${second}, 0 MiB, 0 %, `) === true;

/** Every reading of such a card; whether MIG is on is none. */
const lost = (word: string) => ({ 0: word, 1: word, 2: word, 3: word, 4: "[N/A]", 5: word });

describe("a card that is not well", () => {
  test.each([
    [["requires-reset"], { 0: "0 MiB", 1: "[GPU requires reset]", 2: "[GPU requires reset]" }],
    [["lost-listed"], lost("[GPU is lost]")],
    [["lost-listed", "Unknown", "Error"], lost("[Unknown Error]")],
    [["lost-listed", "ERR!"], lost("ERR!")],
    [["recovery", "Reset"], { 4: "Reset" }],
    [["recovery", "Drain", "P2P"], { 4: "Drain P2P" }],
    [["fabric", "In", "Progress"], { 5: "In Progress" }],
    [["mig"], { 1: "[N/A]", 6: "Enabled" }],
    [["lie"], { 4: "None" }],
  ] as const)("%j: its line of the CSV reports it, its neighbour's does not", async (words, reported) => {
    const healthy = await cells();
    await play(...words);

    expect(await cells()).toEqual(Object.assign([...(healthy ?? [])], reported));
    expect(well((await request(...QUERY)).lines[1])).toBe(true);
  });

  test.each([
    [["requires-reset"], ["<gpu_temp>GPU requires reset<", "<gpu_util>GPU requires reset<", "<used>0 MiB<"]],
    [
      ["lost-listed"],
      ["<used>GPU is lost<", "<remapped_rows>GPU is lost<", "<state>GPU is lost<", "_action>N/A<"],
    ],
    [["lie"], ["<used>GPU is lost<"]],
    [["recovery", "Reboot"], ["<gpu_recovery_action>Reboot<"]],
    [["fabric", "In", "Progress"], ["<state>In Progress<"]],
    [
      ["fabric", "Unhealthy"],
      ["<state>Completed<", "<summary>Unhealthy<"],
    ],
    [["mig"], ["<current_mig>Enabled<", "<gpu_instance_id>2<", "<gpu_util>N/A<"]],
  ] as const)("%j: so does the XML", async (words, reported) => {
    await play(...words);

    const output = await xml();

    for (const one of reported) expect(output).toContain(one);
    expect((await request("-q", "-x")).text.split("<gpu id=")[2]).toContain("<gpu_util>0 %<");
  });

  test("is listed although it is lost, unless it has fallen off the bus, which the kernel logs as well", async () => {
    await play("lost-listed");
    expect((await request("-L")).lines[0]).toContain(first);

    await play("fall");

    expect((await request("-L")).lines).toEqual([expect.stringContaining(second)]);
    expect(await readFile(kernelLog, "utf8")).toMatch(
      /^4,1,\d+,-;NVRM: GPU ffff:01:00\.0: GPU has fallen off the bus\.\n$/,
    );
  });

  test.each([
    ["15", /^Unable to determine the device handle for GPU0: FFFF:01:00\.0: GPU is lost\./],
    ["255", /^Unable to determine the device handle for GPU FFFF:01:00\.0: Unknown Error$/],
  ])(
    "spoils the whole answer with exit %s; its neighbour answers when queried singly",
    async (code, output) => {
      await play("exit", code);

      for (const args of [QUERY, ["-q", "-x"], [`--id=${first}`, ...QUERY]]) {
        const answer = await request(...args);
        expect(answer).toMatchObject({ exitCode: Number(code), text: expect.stringMatching(output) });
      }
      for (const id of [second, "0000FFFF:02:00.0", "FFFF:02:00.0"])
        expect(await request(`--id=${id}`, ...QUERY)).toMatchObject({
          exitCode: 0,
          lines: [expect.stringContaining(second)],
        });
      expect((await request("-L")).lines).toHaveLength(2);
    },
  );

  test("that hangs lets nobody wait who queries its neighbour", async () => {
    await play("hang");

    const whole = await execa(nvidiaSmi, QUERY, { reject: false, timeout: 300 });

    expect(whole.timedOut).toBe(true);
    expect((await request(`--id=${second}`, ...QUERY)).exitCode).toBe(0);
  });

  test("that flaps is sick in every other sample, in all that is queried within it", async () => {
    await play("flap", "lost-listed");

    const seen: string[] = [];
    for (let sample = 0; sample < 4; sample += 1) {
      const csv = (await cells())?.[0] === "[GPU is lost]";
      const inXml = (await xml()).includes("GPU is lost");
      seen.push(csv && inXml ? "sick" : csv || inXml ? "both" : "well");
    }

    expect(seen).toEqual(["sick", "well", "sick", "well"]);
  });

  test("is well again once all is taken back", async () => {
    await play("requires-reset");
    await setSimulatedFaults(folder, []);

    expect((await request(...QUERY)).text).not.toContain("reset");
  });
});

test.each([
  ["9", /couldn't communicate with the NVIDIA driver/],
  ["12", /libnvidia-ml\.so/],
])("the whole command fails with exit %s", async (code, output) => {
  await setSimulatedFaults(folder, [{ uuid: null, words: ["exit", code] }]);

  expect(await request("-L")).toMatchObject({ exitCode: Number(code), text: expect.stringMatching(output) });
});

describe("simulate-fault", () => {
  const output: string[] = [];
  const simulate = async (card: string, ...fault: string[]) =>
    await simulateFault({ stateDir: folder }, { card, fault }, (text) => void output.push(text));

  test("makes cards sick beside each other, by index or UUID, and each well again", async () => {
    await simulate("0", "recovery", "Reset");
    await simulate(second, "fabric", "In", "Progress");
    await simulate("0", "mig");
    expect((await request(...QUERY)).lines.map((line) => line.split(", ").slice(5))).toEqual([
      ["Reset", "N/A", "Enabled"],
      ["None", "In Progress", "Disabled"],
    ]);

    await simulate("0", "well");

    expect((await request(...QUERY)).lines.map((line) => line.split(", ").slice(5))).toEqual([
      ["None", "N/A", "Disabled"],
      ["None", "In Progress", "Disabled"],
    ]);
    expect(output).toContain(`${first}: recovery Reset`);
  });

  test("refuses a card or a fault that there is not, and a host without simulated cards", async () => {
    await expect(simulate("7", "mig")).rejects.toThrow("There is no simulated card 7");
    await expect(simulate("0", "rust")).rejects.toThrow('There is no fault "rust"');
    await expect(
      simulateFault({ stateDir: join(folder, "other") }, { card: "0", fault: ["mig"] }, () => undefined),
    ).rejects.toThrow("has no simulated cards");
  });
});
