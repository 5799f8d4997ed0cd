/**
 * Recorded output of real cards. The recordings are not part of this repository; where they lie beside the
 * checkout, every one of them must be readable, else these tests are left out and say so.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { afterSample, type Cards } from "@remotegpu/agent/core/gpus/gpu-health";
import { judged } from "@remotegpu/agent/core/gpus/gpu-judgement";
import { parseGpuList } from "@remotegpu/agent/host/gpus/nvidia-smi/gpu-list";
import { parseCsvTable, parseGpuCsv } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-csv";
import { parseTopology } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-topology";
import { parseNvidiaSmiXml } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-xml";
import { GpuReport } from "@remotegpu/shared/messages/host-report";

const folder = new URL("../../../../../../../shared/data/nvidia-smi/", import.meta.url);
const present = existsSync(folder);
const named = (ending: string) =>
  present ? readdirSync(folder).filter((name) => name.endsWith(ending)) : ["(no recordings)"];
const recording = (name: string) => readFileSync(new URL(name, folder), "utf8");

if (!present) console.log(`left out: the recordings of nvidia-smi are not at ${folder.pathname}`);

/** A recording is a file of sections, each with a head of `#` lines that hold the command and then its output. */
function sectionsOf(text: string): { command: string; output: string }[] {
  const section = /^#+\n# .* :: .*\n# \$ (.*)\n#+\n([\s\S]*?)(?=^#{80}$|(?![\s\S]))/gm;
  return [...text.matchAll(section)].map(([, command = "", output = ""]) => ({ command, output }));
}

describe.skipIf(!present)("recordings", () => {
  test.each(named(".txt"))("%s: every card and process table is read", (name) => {
    const sections = sectionsOf(recording(name));
    const listed = sections.find(({ command }) => command === "nvidia-smi -L")?.output.match(/^GPU \d+:/gm);
    const cardTables = sections.filter(({ command }) => command.includes("--query-gpu="));
    const otherTables = sections.filter(({ command }) => /--query-(compute|accounted|retired)/.test(command));

    expect(cardTables).toHaveLength(2);
    for (const { output } of cardTables) {
      const { gpus: cards } = parseGpuCsv(output);
      expect(cards).toHaveLength(listed?.length ?? 0);
      for (const card of cards) {
        expect(card.memoryTotalMib).toBeGreaterThan(8_000);
        expect(card.memoryUsedMib).toBeGreaterThanOrEqual(0);
        expect(card.temperatureC).toBeGreaterThan(20);
        expect(card.powerW).toBeGreaterThan(5);
        expect(card.computeCapability).toMatch(/^\d+\.\d$/);
        expect(card.driverVersion).toMatch(/^\d+\.\d+/);
        expect(card.condition).toMatchObject({ sign: null, drain: null, warnings: [], unknownWords: [] });
        // With MIG the driver tells no use of the whole card.
        expect(card.utilizationPercent === null).toBe(name.includes("mig"));
      }
    }
    expect(otherTables).toHaveLength(6);
    for (const { output } of otherTables) parseCsvTable(output);
  });

  test.each(named(".txt"))("%s: the topology is of its cards", (name) => {
    const sections = sectionsOf(recording(name));
    const [table] = sections.filter(({ command }) => command.includes("--query-gpu="));
    const topology = sections.find(({ command }) => command === "nvidia-smi topo -m");

    const { cards } = parseTopology(topology?.output ?? "");

    expect(cards).toEqual(parseGpuCsv(table?.output ?? "").gpus.map(({ index }) => index));
  });

  test("the processes of a busy card are all in the table", () => {
    const [busy] = sectionsOf(recording("linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01.txt"))
      .filter(({ command }) => command.includes("--query-compute-apps="))
      .slice(-1);

    const pids = parseCsvTable(busy?.output ?? "").map((row) => row.get("pid"));

    expect(pids).toHaveLength(3);
  });

  test.each(named(".csv"))("%s: two cards", (name) => {
    expect(parseGpuCsv(recording(name)).gpus).toMatchObject([
      { name: "NVIDIA GeForce RTX 2080 SUPER", memoryUsedMib: 575, computeCapability: "7.5" },
      { name: "Some Other GPU", memoryUsedMib: 1234, computeCapability: "8.6" },
    ]);
  });

  test.each(named(".xml"))("%s: its card is read", (name) => {
    const { gpus } = parseNvidiaSmiXml(recording(name));

    expect(gpus).toHaveLength(1);
    expect(gpus[0]?.memoryTotalMib).toBeGreaterThan(1_000);
    expect(gpus[0]?.temperatureC).toBeGreaterThan(10);
    expect(gpus[0]?.pciBusId).toMatch(/^[0-9A-F]{8}:/);
  });

  test("what only some versions of the XML report", () => {
    const card = (name: string) => parseNvidiaSmiXml(recording(name)).gpus[0];

    expect(card("a100-sxm4-v12.xml")).toMatchObject({
      migEnabled: true,
      eccUncorrected: 0,
      temperatureLimitC: 89,
      utilizationPercent: null,
      powerW: 67.03,
    });
    expect(card("rtx-4000-sff-ada-v13.xml")).toMatchObject({ temperatureLimitC: null, powerW: 8.81 });
    expect(card("quadro-p400.xml")).toMatchObject({ architecture: null, powerW: null, eccUncorrected: null });
    expect(card("tesla-t4.xml")).toMatchObject({ powerLimitW: 70, eccUncorrected: 0 });
  });

  describe("what is reported beyond values", () => {
    /** Two samples of the same answer, and what became of each card. */
    const verdicts = (name: string) => {
      const { gpus } = parseNvidiaSmiXml(recording(name));
      const conditions = new Map(gpus.map(({ uuid, condition }) => [uuid, condition]));
      const reports = gpus.map((gpu, index) =>
        GpuReport.parse({ ...gpu, index, simulated: false, health: "unknown" }),
      );
      let cards: Cards = new Map();
      return [10_000, 20_000].map((nowMs) => {
        cards = afterSample(cards, { gpus: reports, conditions, held: new Set(), nowMs });
        return reports.map((gpu) => {
          const { health, cordon, reasonCode } = judged(gpu, cards.get(gpu.uuid));
          return cordon === null ? health : `${cordon?.kind}: ${reasonCode}`;
        });
      });
    };
    const inFolder = (folderName: string) =>
      present
        ? readdirSync(new URL(folderName, folder)).map((name) => `${folderName}${name}`)
        : ["(no recordings)"];
    const healthy = [
      ...named(".xml"),
      ...inFolder("hardware/"),
      ...inFolder("faults/").filter((name) => name.includes("healthy")),
    ];

    test.each(healthy)("%s: no card of it is closed but for MIG, and no word is unknown", (name) => {
      const { gpus } = parseNvidiaSmiXml(recording(name));
      const [first, second] = verdicts(name);

      expect(gpus.length).toBeGreaterThan(0);
      for (const { condition } of gpus)
        expect(condition).toMatchObject({ sign: null, drain: null, unknownWords: [] });
      for (const { minorNumber } of gpus) expect(minorNumber).toBeGreaterThanOrEqual(0);
      expect(first).toEqual(second);
      const inMig = gpus.map(({ migEnabled }) => migEnabled === true);
      expect(first?.map((verdict) => verdict === "drain: mig-enabled")).toEqual(inMig);
      const open = first?.filter((_, index) => inMig[index] === false) ?? [];
      expect(open.filter((verdict) => !["healthy", "degraded"].includes(verdict))).toEqual([]);
    });

    test.each([
      // Its first card has a row that could not be replaced, as below.
      [
        "faults/qx-gb200-lost.xml",
        ["drain: repair-failed", "drain: gpu-lost"],
        ["drain: repair-failed", "fatal: gpu-lost"],
      ],
      [
        "faults/qx-gb200-fabric-degraded.xml",
        ["healthy", "drain: fabric-unhealthy"],
        ["healthy", "fatal: fabric-unhealthy"],
      ],
      // A row that could not be replaced: nothing new starts there, and what runs goes on.
      [
        "faults/qx-gb200-ecc-injected.xml",
        ["drain: repair-failed", "healthy"],
        ["drain: repair-failed", "healthy"],
      ],
      // Counters of the past say nothing of now.
      ["faults/qx-gb200-throttle-counters.xml", ["healthy", "healthy"], ["healthy", "healthy"]],
    ])("%s: %j, then %j", (name, first, second) => {
      expect(verdicts(name)).toEqual([first, second]);
    });

    test("cards that are part of a fabric report it, others do not", () => {
      const fabrics = (name: string) =>
        parseNvidiaSmiXml(recording(name)).gpus.map(({ condition }) => condition.hasFabric);

      expect(fabrics("hardware/qx-h100.xml")).toEqual(Array.from({ length: 8 }, () => true));
      expect(fabrics("hardware/qx-t4.xml")).toEqual([false]);
    });

    test.each(named(".txt"))("%s: the list names its cards", (name) => {
      const sections = sectionsOf(recording(name));
      const list = sections.find(({ command }) => command === "nvidia-smi -L")?.output ?? "";

      expect(parseGpuList(list)).toHaveLength(list.match(/^GPU \d+:/gm)?.length ?? 0);
    });
  });
});
