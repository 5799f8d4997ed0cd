import { expect, test } from "vitest";
import { withProgress } from "@remotegpu/control-plane/store/upgrade/progress";

test("a step that takes longer than the bound is told of while it goes on and when it is done", async () => {
  const lines: string[] = [];
  let isTold: () => void = () => undefined;
  const untilTold = new Promise<void>((resolve) => (isTold = resolve));
  const say = (line: string) => {
    lines.push(line);
    isTold();
  };

  const value = await withProgress(
    say,
    "types of hosts",
    async () => {
      await untilTold;
      return 7;
    },
    1,
  );

  expect(value).toBe(7);
  expect(lines).toEqual([
    expect.stringMatching(/^types of hosts: \d+\.\d s …$/),
    expect.stringMatching(/^types of hosts: done in \d+\.\d s$/),
  ]);
});

test("a quick step says nothing, and one that fails leaves no line to come", async () => {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);

  await withProgress(say, "quick", () => Promise.resolve(), 60_000);
  const failed = withProgress(say, "failing", () => Promise.reject(new Error("no")), 60_000);

  await expect(failed).rejects.toThrow("no");
  expect(lines).toEqual([]);
});
