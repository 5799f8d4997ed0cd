/** The CSV of nvidia-smi, in every form in which it has been seen, and whatever else may come. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCsvTable, parseGpuCsv } from "@remotegpu/agent/host/gpus/nvidia-smi-csv";
import { NvidiaSmiError } from "@remotegpu/agent/host/gpus/nvidia-smi-error";

const twoCards = readFileSync(
  new URL("../../../../fixtures/nvidia-smi/two-cards.csv", import.meta.url),
  "utf8",
);
const UUID = "GPU-11111111-2222-3333-4444-555555555555";

describe("cards", () => {
  test("every column of a card is read and the rest is unknown", () => {
    const [first] = parseGpuCsv(twoCards);

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
    });
  });

  test("bracketed cells are unknown, not zero", () => {
    const [, second] = parseGpuCsv(twoCards);

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
    const [card] = parseGpuCsv(`uuid, name, ${column}\n${UUID}, Card, ${cell}\n`);

    expect(card).toMatchObject({ memoryUsedMib: null, utilizationPercent: null, powerW: null });
  });

  test("a line whose card has no UUID any more names no card", () => {
    expect(parseGpuCsv(`uuid, name\n[GPU is lost], [GPU is lost]\n${UUID}, Card\n`)).toHaveLength(1);
  });

  test("remarks of the driver between the lines are passed over", () => {
    const output = `uuid, name\r\n${UUID}, Card\r\nWARNING: infoROM is corrupted at gpu 0000:3B:00.0\r\n`;

    expect(parseGpuCsv(output)).toHaveLength(1);
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
      expect(isNamedErrorOrCards(() => parseGpuCsv(parts.join("\n")))).toBe(true);
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
