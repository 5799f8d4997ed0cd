import { describe, expect, test } from "vitest";
import { recordedHosts, recordedTasks } from "../../bench/replay/cluster-lists.ts";
import { ReplayError } from "../../bench/replay/replay-error.ts";

const HOSTS = "sn,cpu_milli,memory_mib,gpu,model";
const TASKS = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec";

describe("hosts", () => {
  test("are read by the names of their columns, in whatever order; others are no matter", () => {
    expect(recordedHosts("gpu,rack,model,sn,memory_mib,cpu_milli\n8,r1,G2,host-1,1024,96000\n")).toEqual([
      { sn: "host-1", cpu_milli: 96_000, memory_mib: 1_024, gpu: 8, model: "G2" },
    ]);
  });

  test("without GPU have no model", () => {
    expect(recordedHosts(`${HOSTS}\nhost-1,32000,1024,0,`)).toMatchObject([{ gpu: 0, model: "" }]);
  });

  test("line ends of all sorts are no matter", () => {
    const lines = [HOSTS, "a,1,1,1,M", "b,1,1,1,M"];

    expect(recordedHosts(lines.join("\r\n"))).toEqual(recordedHosts(`${lines.join("\n")}\n\n`));
  });

  test("a list may be empty", () => {
    expect(recordedHosts(`${HOSTS}\n`)).toEqual([]);
  });
});

describe("tasks", () => {
  test.each([
    ["a,12000,16384,1,460,", { gpuCount: 1, shareThousandths: 460, models: null }],
    [
      "a,12000,16384,1,1000,V100M16|V100M32",
      { gpuCount: 1, shareThousandths: 1_000, models: ["V100M16", "V100M32"] },
    ],
    ["a,12000,16384,8,1000,G3", { gpuCount: 8, shareThousandths: 1_000, models: ["G3"] }],
    // Without GPU whatever the share says.
    ["a,12000,16384,0,1000,", { gpuCount: 0, shareThousandths: 0, models: null }],
    ["a,12000,16384,0,0,", { gpuCount: 0, shareThousandths: 0, models: null }],
  ])("%s", (line, expected) => {
    expect(recordedTasks(`${TASKS}\n${line}\n`)).toEqual([
      { name: "a", cpuMilli: 12_000, memoryMib: 16_384, ...expected },
    ]);
  });

  test("where the list names no models, any does", () => {
    const list = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,1,1,1000";

    expect(recordedTasks(list)).toMatchObject([{ models: null }]);
  });
});

test.each([
  ["a,1,1,1", "line 3: 4 fields where the header has 6"],
  ["a,1,1,1,1000,,", "line 3: 7 fields where the header has 6"],
  ["", "line 3: 1 fields where the header has 6"],
  [",1,1,1,1000,", /^line 3: name /],
  ["a,one,1,1,1000,", "line 3: cpu_milli must be a whole number"],
  ["a,-1,1,1,1000,", "line 3: cpu_milli must be a whole number"],
  ["a,1.5,1,1,1000,", "line 3: cpu_milli must be a whole number"],
  ["a,1,9999999999,1,1000,", "line 3: memory_mib must be a whole number"],
  ["a,1,1,1,0,", "line 3: gpu_milli must be 1 to 1000, and 1000 for several GPUs"],
  ["a,1,1,1,1001,", "line 3: gpu_milli must be 1 to 1000, and 1000 for several GPUs"],
  ["a,1,1,2,500,", "line 3: gpu_milli must be 1 to 1000, and 1000 for several GPUs"],
])("a bad line is refused by its number: %j", (line, message) => {
  const list = `${TASKS}\nfirst,1,1,1,1000,\n${line}\nlast,1,1,1,1000,\n`;

  expect(() => recordedTasks(list)).toThrow(ReplayError);
  expect(() => recordedTasks(list)).toThrow(message);
});

test("a column that is missing is named", () => {
  expect(() => recordedHosts("sn,cpu_milli,memory_mib,model\na,1,1,M")).toThrow(/^line 2: gpu /);
});
