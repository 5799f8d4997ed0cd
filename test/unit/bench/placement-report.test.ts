import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { placementReport } from "../../bench/replay/placement-report.ts";
import { ReplayError } from "../../bench/replay/replay-error.ts";
import { hostsCsv, tasksCsv } from "../../support/placement/recorded-cluster.ts";

const COMMAND = new URL("../../bench/replay/placement-replay.ts", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "remotegpu-replay-"));
afterAll(() => rmSync(folder, { recursive: true }));

function listOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

// Two cards, and slices of which each card takes one: 60 %. With random, two halves may be on one card or on two.
const hosts = listOf(
  "hosts.csv",
  hostsCsv([
    { name: "a", gpu: 1 },
    { name: "b", gpu: 1 },
    { name: "c", gpu: 0 },
  ]),
);
const tasks = listOf(
  "tasks.csv",
  tasksCsv([
    { name: "1", share: 600 },
    { name: "2", share: 600 },
  ]),
);
const halves = listOf(
  "halves.csv",
  tasksCsv([{ name: "1", share: 500 }, { name: "2", share: 500 }, { name: "3" }]),
);
const LISTS = ["--hosts", hosts, "--tasks", tasks];

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

test("the command with --json prints one object and nothing else", () => {
  const { status, stdout, stderr } = run(...LISTS, "--policies", "fgd,best-fit", "--seeds", "1-3", "--json");

  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({
    results: [
      { policy: "fgd", mean100: 60, mean130: 60, sd130: 0 },
      { policy: "best-fit", mean100: 60, mean130: 60, sd130: 0 },
    ],
  });
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
});

test("the command ends with 2 and one line where what is requested cannot be done", () => {
  expect(run("--hosts", hosts)).toEqual({
    status: 2,
    stdout: "",
    stderr: "--tasks is missing: the list of tasks\n",
  });
});

test("what is left out are the five policies and the seeds 42 to 51", () => {
  const reported = JSON.parse(placementReport([...LISTS, "--json"])) as unknown;

  const policies = "random,best-fit,packing,fgd,default";
  expect(reported).toEqual(
    JSON.parse(placementReport([...LISTS, "--json", "--policies", policies, "--seeds", "42-51"])),
  );
  expect(reported).toMatchObject({ results: policies.split(",").map((policy) => ({ policy })) });
});

test("means and deviation are over the seeds, which may be numbers and ranges", () => {
  const of = (seeds: string) => {
    const args = ["--hosts", hosts, "--tasks", halves, "--policies", "spread", "--seeds", seeds, "--json"];
    const { results } = JSON.parse(placementReport(args)) as { results: Record<string, number>[] };
    return { mean: results[0]?.mean130 ?? 0, deviation: results[0]?.sd130 ?? 0 };
  };
  const single = [3, 4, 5, 9].map((seed) => of(String(seed)).mean);
  const mean = single.reduce((sum, value) => sum + value, 0) / 4;
  const squares = single.reduce((sum, value) => sum + (value - mean) ** 2, 0);

  const all = of("3-5,9");

  expect(new Set(single).size).toBeGreaterThan(1);
  expect(all.mean).toBeCloseTo(mean, 9);
  expect(all.deviation).toBeCloseTo(Math.sqrt(squares / 3), 9);
  expect(of("3").deviation).toBe(0);
});

test("without --json it is a table", () => {
  const lines = placementReport([...LISTS, "--policies", "default,spread", "--seeds", "1"])
    .trimEnd()
    .split("\n");

  expect(lines.map((line) => line.trim().split(/\s{2,}/))).toEqual([
    ["policy", "at 100 %", "at 130 %", "deviation"],
    ["default", "60.00", "60.00", "0.00"],
    ["spread", "60.00", "60.00", "0.00"],
  ]);
});

test("with --departures it is for two loads how much is allocated and how long work waits", () => {
  const args = [...LISTS, "--policies", "fgd", "--seeds", "1,2", "--departures"];
  const { departures } = JSON.parse(placementReport([...args, "--json"])) as {
    departures: Record<"policy" | "load" | "allocated" | "meanWait" | "p95Wait", number>[];
  };

  expect(departures.map(({ policy, load }) => [policy, load])).toEqual([
    ["fgd", 100],
    ["fgd", 130],
  ]);
  for (const figures of departures) {
    expect(Object.keys(figures)).toEqual(["policy", "load", "allocated", "meanWait", "p95Wait"]);
    expect(figures.allocated).toBeLessThanOrEqual(60);
    expect(figures.p95Wait).toBeGreaterThan(figures.meanWait);
  }
  expect(
    placementReport(args)
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(0, 10).trim()),
  ).toEqual(["at 100 %", "fgd", "", "at 130 %", "fgd"]);
});

const badTasks = listOf("bad.csv", `${tasksCsv([{ name: "1" }])}2,1,1,1,0,\n`);
const noGpu = listOf("no-gpu.csv", tasksCsv([{ name: "1", gpus: 0 }]));
const noCards = listOf("no-cards.csv", hostsCsv([{ name: "c", gpu: 0 }]));

test.each([
  [["--tasks", tasks], /^--hosts is missing: the list of hosts$/],
  [["--hosts", hosts], /^--tasks is missing: the list of tasks$/],
  [["--hosts", join(folder, "none.csv"), "--tasks", tasks], /^cannot read .*none\.csv/],
  [["--hosts", hosts, "--tasks", badTasks], /bad\.csv, line 3: gpu_milli must be 1 to 1000/],
  [["--hosts", hosts, "--tasks", noGpu], /no-gpu\.csv: no task asks for a GPU$/],
  [["--hosts", noCards, "--tasks", tasks], /no-cards\.csv: no host has a GPU$/],
  [[...LISTS, "--policies", "best"], /^--policies must be some of default, fgd, best-fit/],
  [[...LISTS, "--policies", ""], /^--policies must be some of/],
  [[...LISTS, "--seeds", "a"], /^--seeds must be numbers and ranges/],
  [[...LISTS, "--seeds", ""], /^--seeds must be numbers and ranges/],
  [[...LISTS, "--seeds", "5-3"], /^--seeds must be numbers and ranges/],
  [[...LISTS, "--seeds", "1-1000000"], /^--seeds must be numbers and ranges/],
  [[...LISTS, "--seeds=-1"], /^--seeds must be numbers and ranges/],
  [[...LISTS, "--seeds", "1.5"], /^--seeds must be numbers and ranges/],
  [[...LISTS, "--speed", "9"], /--speed/],
  [[...LISTS, "stray"], /stray/],
])("%j is refused in one line", (args, message) => {
  let printed = "";
  try {
    printed = placementReport(args);
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    printed = `refused: ${error.message}`;
  }

  expect(printed).toMatch(/^refused: .+$/);
  expect(printed.replace("refused: ", "")).toMatch(message);
});
