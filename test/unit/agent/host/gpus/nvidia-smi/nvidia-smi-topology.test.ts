/** The matrix of `nvidia-smi topo -m`, as drivers of several generations print it, and what is no matrix. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { nvlinkIslands } from "@remotegpu/agent/core/gpus/nvlink-islands";
import { NvidiaSmiError } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-error";
import { parseTopology } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-topology";
import { GpuUuid } from "@remotegpu/shared/values/ids";

const fixture = (name: string) =>
  readFileSync(new URL(`../../../../../fixtures/nvidia-smi/topology-${name}.txt`, import.meta.url), "utf8");

function islandsIn(output: string): (number | undefined)[] {
  const map = parseTopology(output);
  const cards = map.cards.map((index) => ({
    uuid: GpuUuid.parse(`GPU-0000000${index}`),
    index,
    migEnabled: null,
  }));
  const islands = nvlinkIslands(cards, map);
  return cards.map(({ uuid }) => islands?.get(uuid));
}

test.each([
  ["eight-a100", "eight cards behind switches, an older driver", [0, 0, 0, 0, 0, 0, 0, 0]],
  ["eight-h100", "eight cards behind switches, an underlined header and NICs", [0, 0, 0, 0, 0, 0, 0, 0]],
  ["cube-mesh", "cards that reach some others only across third ones", [0, 0, 0, 0, 0, 0, 0, 0]],
  ["two-pairs", "two bridged pairs", [0, 0, 2, 2]],
  ["four-4090", "cards without NVLink", [0, 1, 2, 3]],
  ["one-card", "one card", [0]],
])("%s: %s", (name, _which, islands) => {
  expect(islandsIn(fixture(name))).toEqual(islands);
});

test.each([
  ["eight-a100", [0, 1, 2, 3, 4, 5, 6, 7]],
  ["eight-h100", [0, 1, 2, 3, 4, 5, 6, 7]],
  ["cube-mesh", []],
  ["two-pairs", []],
  ["four-4090", []],
  ["one-card", []],
])("%s: the cards behind switches are %j", (name, switched) => {
  expect(parseTopology(fixture(name)).switched).toEqual(switched);
});

test("each link is listed once, and the numbers of links do not matter", () => {
  const { cards, links } = parseTopology(fixture("two-pairs"));

  expect(cards).toEqual([0, 1, 2, 3]);
  expect(links).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

test("a card that is left out leaves the others their indices", () => {
  const output = "\tGPU0\tGPU2\tCPU Affinity\nGPU0\t X \tNV4\t0-7\nGPU2\tNV4\t X \t0-7\n";

  expect(parseTopology(output)).toEqual({ cards: [0, 2], links: [[0, 2]], switched: [] });
});

test.each([
  ["nothing", ""],
  ["words", "hello\n"],
  ["a refusal", "Failed to run topology matrix\n"],
  ["a header alone", "\tGPU0\tGPU1\tCPU Affinity\n"],
  ["a row too few", "\tGPU0\tGPU1\nGPU0\t X \tSYS\n"],
  ["a row too many", "\tGPU0\nGPU0\t X \nGPU1\t X \n"],
  ["rows in another order", "\tGPU0\tGPU1\nGPU1\t X \tSYS\nGPU0\tSYS\t X \n"],
  ["a cell too few", "\tGPU0\tGPU1\nGPU0\t X \tSYS\nGPU1\tSYS\n"],
  ["a card that is far from itself", "\tGPU0\tGPU1\nGPU0\tSYS\tSYS\nGPU1\tSYS\t X \n"],
  ["a word that nobody knows", "\tGPU0\tGPU1\nGPU0\t X \tC2C\nGPU1\tC2C\t X \n"],
  ["no links at all called NVLink", "\tGPU0\tGPU1\nGPU0\t X \tNV0\nGPU1\tNV0\t X \n"],
  ["two routes between two cards", "\tGPU0\tGPU1\nGPU0\t X \tNV4\nGPU1\tSYS\t X \n"],
  ["bytes", "\u0001\u0002 NVML: nothing that anybody could read <<<\n"],
])("%s cannot be read", (_which, output) => {
  expect(() => parseTopology(output)).toThrow(NvidiaSmiError);
});

test("more cards than a report holds are no answer", () => {
  const names = Array.from({ length: 65 }, (_, index) => `GPU${index}`);
  const rows = names.map((name) => [name, ...names.map((other) => (other === name ? "X" : "SYS"))]);
  const matrixOf = (count: number) =>
    [
      `\t${names.slice(0, count).join("\t")}`,
      ...rows.slice(0, count).map((row) => row.slice(0, count + 1).join("\t")),
    ].join("\n");

  expect(parseTopology(matrixOf(64)).cards).toHaveLength(64);
  expect(() => parseTopology(matrixOf(65))).toThrow(/64/);
});

test("with one word replaced a matrix is read the same or refused", () => {
  const original = fixture("two-pairs");
  const words = [...original.matchAll(/\S+/g)];
  const others = fc.constantFrom("GPU0", "GPU3", "GPU9", "X", "NV4", "NV1", "SYS", "N/A", "", "\n", "\u0000");
  const read = (output: string) => {
    try {
      return parseTopology(output);
    } catch (error) {
      return error instanceof NvidiaSmiError ? "refused" : error;
    }
  };
  fc.assert(
    fc.property(fc.constantFrom(...words), others, ({ index, 0: word }, other) => {
      const damaged = original.slice(0, index) + other + original.slice(index + word.length);

      expect([parseTopology(original), "refused"]).toContainEqual(read(damaged));
    }),
    { numRuns: 500 },
  );
});
