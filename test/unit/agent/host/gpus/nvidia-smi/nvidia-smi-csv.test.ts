/** The CSV of nvidia-smi, in every form in which it has been seen, and whatever else may come. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCsvTable, parseGpuCsv } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-csv";
import { NO_FINDINGS } from "@remotegpu/agent/core/gpus/gpu-condition";
import { NvidiaSmiError } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-error";

const twoCards = readFileSync(
  new URL("../../../../../fixtures/nvidia-smi/two-cards.csv", import.meta.url),
  "utf8",
);
const UUID = "GPU-11111111-2222-3333-4444-555555555555";

describe("cards", () => {
  test("every column of a card is read and the rest is unknown", () => {
    const [first] = parseGpuCsv(twoCards).gpus;

    expect(first).toEqual({
      uuid: UUID,
      index: 0,
      name: "Example Accelerator 24G",
      brand: null,
      architecture: null,
      pciBusId: "00000000:3B:00.0",
      driverVersion: "600.10",
      computeCapability: "8.6",
      memoryTotalMib: 24576,
      memoryUsedMib: 1024,
      utilizationPercent: 37,
      temperatureC: 51,
      temperatureLimitC: null,
      powerW: 88.25,
      powerLimitW: 250,
      migEnabled: null,
      eccUncorrected: null,
      condition: { ...NO_FINDINGS, reported: ["power", "utilization"] },
    });
  });

  test("bracketed cells are unknown, not zero", () => {
    const [, second] = parseGpuCsv(twoCards).gpus;

    expect(second).toMatchObject({
      memoryUsedMib: 0,
      utilizationPercent: null,
      temperatureC: null,
      powerW: null,
    });
  });

  test("output without units reads the same", () => {
    const nounits = twoCards.replaceAll(/(\d) (MiB|%|W)/g, "$1");

    expect(parseGpuCsv(nounits)).toEqual(parseGpuCsv(twoCards));
  });

  test.each([
    ["a foreign unit", "memory.used [MiB]", "3 GiB"],
    ["a negative amount", "memory.used [MiB]", "-3 MiB"],
    ["words", "memory.used [MiB]", "some"],
    ["a share above the whole", "utilization.gpu [%]", "101 %"],
    ["a negative power", "power.draw [W]", "-1.00 W"],
    ["an empty cell", "memory.used [MiB]", ""],
  ])("%s is unknown", (_what, column, cell) => {
    const [card] = parseGpuCsv(`uuid, name, ${column}\n${UUID}, Card, ${cell}\n`).gpus;

    expect(card).toMatchObject({ memoryUsedMib: null, utilizationPercent: null, powerW: null });
  });

  test("a line whose card has no UUID any more names no card", () => {
    const output = `pci.bus_id, uuid, name\n00000000:3B:00.0, [GPU is lost], [GPU is lost]\n00000000:AF:00.0, ${UUID}, Card\n`;

    const { gpus, unidentified } = parseGpuCsv(output);

    expect(gpus).toHaveLength(1);
    expect(unidentified).toMatchObject([
      { pciBusId: "00000000:3B:00.0", condition: { sign: { code: "gpu-lost" } } },
    ]);
  });

  test.each([
    ["temperature.gpu", "[GPU requires reset]", "requires-reset"],
    ["memory.used [MiB]", "[GPU is lost]", "gpu-lost"],
    ["memory.used [MiB]", "[Unknown Error]", "unknown-error"],
    ["temperature.gpu", "ERR!", "err"],
    ["power.draw [W]", "[GPU is lost]", "gpu-lost"],
    ["power.draw [W]", "[Insufficient Permissions]", undefined],
    ["temperature.gpu", "[N/A]", undefined],
  ])("%s: %s is the sign %s, and no value", (column, cell, code) => {
    const [card] = parseGpuCsv(`uuid, name, ${column}\n${UUID}, Card, ${cell}\n`).gpus;

    expect(card?.condition.sign?.code).toBe(code);
    expect(card).toMatchObject({
      memoryUsedMib: null,
      utilizationPercent: null,
      temperatureC: null,
      powerW: null,
    });
  });

  test.each([
    ["utilization.gpu [%]", "[Unknown Error]", { reading: "utilization", code: "unknown-error" }],
    ["power.draw [W]", "ERR!", { reading: "power", code: "err" }],
  ])("%s: %s by itself is a doubt, and no value", (column, cell, doubt) => {
    const [card] = parseGpuCsv(`uuid, name, ${column}\n${UUID}, Card, ${cell}\n`).gpus;

    expect(card?.condition).toMatchObject({ sign: null, doubts: [doubt], reported: [] });
    expect(card).toMatchObject({ utilizationPercent: null, powerW: null });
  });

  test.each([
    ["driver_version", "driver_version\n", "580.10", "580.10"],
    ["kmd_version beside it", "driver_version, kmd_version\n", "610.1, 610.2", "610.2"],
    ["kmd_version in its place", "kmd_version\n", "610.2", "610.2"],
    ["a deprecated name", "driver_version\n", 'Deprecated - see "kmd_version"', null],
  ])("the driver's version comes from %s", (_what, columns, cells, version) => {
    const [card] = parseGpuCsv(`uuid, name, ${columns}${UUID}, Card, ${cells}\n`).gpus;

    expect(card?.driverVersion).toBe(version);
  });

  test("remarks of the driver between the lines are passed over", () => {
    const output = `uuid, name\r\n${UUID}, Card\r\nWARNING: infoROM is corrupted at gpu 0000:3B:00.0\r\n`;

    expect(parseGpuCsv(output).gpus).toHaveLength(1);
  });
});

describe("tables", () => {
  test.each([
    ["a quoted comma", 'uuid, name, index\nA, "Card, the big one", 3', "Card, the big one"],
    ["a quoted quote", 'uuid, name, index\nA, "Card ""X""", 3', 'Card "X"'],
    ["a stray quote", 'uuid, name, index\nA, "Card, 3', '"Card'],
    ["a bare comma", "uuid, name, index\nA, Card, the big one, 3", "Card, the big one"],
  ])("a name keeps %s", (_what, output, name) => {
    const [row] = parseCsvTable(output);

    expect(row?.get("name")).toBe(name);
    expect(row?.get("index")).toBe("3");
  });

  test("a header alone is a table without rows", () => {
    expect(parseCsvTable("pid, gpu_uuid, used_gpu_memory [MiB]\n")).toEqual([]);
  });

  test.each([
    ["nothing", ""],
    ["too few cells", "uuid, name\nA"],
    ["too many cells and no free text among them", "uuid, index\nA, 1, 2"],
    ["a column named twice", "uuid, uuid\nA, B"],
    ["more lines than any host has cards", `uuid\n${"A\n".repeat(2000)}`],
  ])("%s is garbage", (_what, output) => {
    expect(() => parseCsvTable(output)).toThrow(NvidiaSmiError);
  });

  test("cards cannot be read without their identity", () => {
    expect(() => parseGpuCsv("index\n0")).toThrow(/no column uuid/);
  });
});

test("garbage leads to the named error or to readable cards, never elsewhere", () => {
  const lines = fc.array(
    fc.oneof(fc.string(), fc.constantFrom("uuid, name", `${UUID}, Card`, '"', ",", "[N/A]")),
  );
  fc.assert(
    fc.property(lines, (parts) => {
      expect(isNamedErrorOrCards(() => parseGpuCsv(parts.join("\n")).gpus)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

function isNamedErrorOrCards(read: () => { uuid: string }[]): boolean {
  try {
    return read().every((card) => /^(GPU|MIG)-/.test(card.uuid));
  } catch (error) {
    return error instanceof NvidiaSmiError;
  }
}
