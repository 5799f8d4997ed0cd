import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ReplayError } from "../../bench/replay/replay-error.ts";
import { replayReport } from "../../bench/replay/queue-report.ts";
import { swfText } from "../../support/placement/swf.ts";

const COMMAND = new URL("../../bench/replay/queue-replay.ts", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "remotegpu-replay-"));
const log = join(folder, "log.swf");
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(
  log,
  swfText([
    { submit: 0, run: 100, processors: 4 },
    { submit: 0, run: 0, processors: 4 },
    { submit: 0, run: 100, processors: 4 },
    { submit: 0, run: 50, processors: 4 },
    { submit: 0, run: 40, processors: 5 },
  ]),
);

const TWO_STARTS = ["--swf", log, "--starts", "0,1", "--length", "2", "--processors", "4"];

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

test("the command with --json prints one object and nothing else; starts count the jobs that are replayed", () => {
  const { status, stdout, stderr } = run(...TWO_STARTS, "--order", "sjf", "--backfill", "easy", "--json");

  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({
    mean: 1.75,
    starts: [
      { start: 0, slowdown: 1.5 },
      { start: 1, slowdown: 2 },
    ],
  });
});

test("the command ends with 2 and one line where what is requested cannot be done", () => {
  expect(run("--swf", log, "--length", "4", "--processors", "4")).toEqual({
    status: 2,
    stdout: "",
    stderr: "job 5 needs 5 processors, the machine has 4\n",
  });
});

test("without --json it is a table", () => {
  const lines = replayReport(TWO_STARTS).trimEnd().split("\n");

  expect(lines.map((line) => line.trim().split(/\s{2,}/))).toEqual([
    ["start", "mean bounded slowdown"],
    ["0", "1.50"],
    ["1", "2.00"],
    ["all", "1.75"],
  ]);
});

test.each([
  [["--starts", "9", "--length", "1"], /^start 9 .* beyond the log/],
  [["--starts", "0,,1"], /^--starts must be a whole number$/],
  [["--starts", "-1"], /^Option '--starts' argument is ambiguous/],
  [["--starts=-1"], /^--starts must be a whole number$/],
  [["--length", "0"], /^--length must be 1 or more$/],
  [["--processors", "many"], /^--processors must be a whole number$/],
  [["--order", "lifo"], /^--order .*"fcfs"/],
  [["--backfill", "hard"], /^--backfill .*"easy"/],
  [["--speed", "9"], /--speed/],
  [["stray"], /stray/],
  [["--swf", join(folder, "none.swf")], /^cannot read .*none\.swf/],
])("%j is refused in one line", (args, message) => {
  let printed = "";
  try {
    printed = replayReport(["--swf", log, ...args]);
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error;
    printed = `refused: ${error.message}`;
  }

  expect(printed).toMatch(/^refused: .+$/);
  expect(printed.replace("refused: ", "")).toMatch(message);
});

test("a replay without a log is refused", () => {
  expect(() => replayReport([])).toThrow(new ReplayError("--swf is missing: the log to replay"));
});
