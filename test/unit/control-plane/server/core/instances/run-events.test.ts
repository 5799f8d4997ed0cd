import { runEnd, runRestarts } from "@remotegpu/control-plane/server/core/instances/run-events";
import { inChinese } from "@remotegpu/control-plane/server/core/reasons/chinese/in-chinese";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { RunId } from "@remotegpu/shared/values/ids";
import { describe, expect, test } from "vitest";

interface End {
  detail: string;
  exitCode: number | null;
}
interface Left {
  outOfMemory: boolean;
  signal: string | null;
  tail: string | null;
}

const RUN = RunId.parse("run-1");

describe("the event of a run's end", () => {
  test.each<[End, Partial<Left>, string]>([
    [{ detail: "It ended.", exitCode: null }, {}, "Run run-1: It ended."],
    [{ detail: "It ended.", exitCode: 0 }, {}, "Run run-1: It ended. (exit code 0)"],
    [
      { detail: "It was killed.", exitCode: 137 },
      { signal: "SIGKILL", outOfMemory: true, tail: "hello\nbye  \n\n" },
      "Run run-1: It was killed. (exit code 137, SIGKILL, out of memory) Last line: bye",
    ],
    [{ detail: "It ended.", exitCode: null }, { tail: "bye" }, "Run run-1: It ended. Last line: bye"],
    [{ detail: "", exitCode: 1 }, {}, "Run run-1:  (exit code 1)"],
    [{ detail: "", exitCode: null }, {}, "Run run-1:"],
  ])("of %j with %j reads as it always has", (seen, remains, expected) => {
    const left: Left = { outOfMemory: false, signal: null, tail: null, ...remains };

    expect(inEnglish(runEnd({ runId: RUN, ...seen, remains: left }))).toBe(expected);
  });

  test("has at most 200 characters of its last line", () => {
    const remains = { outOfMemory: false, signal: null, tail: `${"a".repeat(50)}${"b".repeat(200)}` };

    expect(inEnglish(runEnd({ runId: RUN, detail: "It ended.", exitCode: null, remains }))).toBe(
      `Run run-1: It ended. Last line: ${"b".repeat(200)}`,
    );
  });
});

describe("the event of a restart within a run", () => {
  const killed = { exitCode: 137, signal: "SIGKILL", isOutOfMemory: false };
  const gone = { exitCode: null, signal: null, isOutOfMemory: false };

  test.each([
    [1, gone, "Run run-1: its container was gone; it is started again within the run."],
    [
      1,
      killed,
      "Run run-1: its container ended (exit code 137, SIGKILL); it is started again within the run.",
    ],
    [
      2,
      { ...killed, isOutOfMemory: true },
      "Run run-1: 2 times since this was last told, in the end its container ended (exit code 137, SIGKILL, out of memory); it is started again within the run.",
    ],
  ])("after %i restarts with %j reads as it always has", (times, how, expected) => {
    expect(inEnglish(runRestarts({ runId: RUN, times, how }))).toBe(expected);
  });

  test("has a Chinese text", () => {
    const pieces = inChinese(runRestarts({ runId: RUN, times: 1, how: killed })) ?? [];

    expect(pieces.map(({ text }) => text).join("")).toBe(
      "运行 run-1：其容器已结束（退出码 137、SIGKILL）；在同一次运行中重新启动。",
    );
  });
});
