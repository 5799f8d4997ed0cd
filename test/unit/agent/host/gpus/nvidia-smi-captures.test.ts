/**
 * Recorded output of real cards. The recordings are not part of this repository; where they lie beside the
 * checkout, every one of them must be readable, else these tests are left out and say so.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseCsvTable, parseGpuCsv } from "@remotegpu/agent/host/gpus/nvidia-smi-csv";
import { parseTopology } from "@remotegpu/agent/host/gpus/nvidia-smi-topology";
import { parseNvidiaSmiXml } from "@remotegpu/agent/host/gpus/nvidia-smi-xml";

const folder = new URL("../../../../../../shared/data/nvidia-smi/", import.meta.url);
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
      const cards = parseGpuCsv(output);
      expect(cards).toHaveLength(listed?.length ?? 0);
      for (const card of cards) {
        expect(card.memoryTotalMib).toBeGreaterThan(8_000);
        expect(card.memoryUsedMib).toBeGreaterThanOrEqual(0);
        expect(card.temperatureC).toBeGreaterThan(20);
        expect(card.powerW).toBeGreaterThan(5);
        expect(card.computeCapability).toMatch(/^\d+\.\d$/);
        expect(card.driverVersion).toMatch(/^\d+\.\d+/);
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

    expect(cards).toEqual(parseGpuCsv(table?.output ?? "").map(({ index }) => index));
  });

  test("the processes of a busy card are all in the table", () => {
    const [busy] = sectionsOf(recording("linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01.txt"))
      .filter(({ command }) => command.includes("--query-compute-apps="))
      .slice(-1);

    const pids = parseCsvTable(busy?.output ?? "").map((row) => row.get("pid"));

    expect(pids).toHaveLength(3);
  });

  test.each(named(".csv"))("%s: two cards", (name) => {
    expect(parseGpuCsv(recording(name))).toMatchObject([
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

  test("what only some versions of the XML tell", () => {
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
});
