import { expect, test } from "vitest";
import { withProgress } from "@remotegpu/control-plane/server/store/upgrade/progress";

test("a step that takes longer than the bound is reported while it goes on and when it is done", async () => {
  const lines: string[] = [];
  let isReported: () => void = () => undefined;
  const untilReported = new Promise<void>((resolve) => (isReported = resolve));
  const print = (line: string) => {
    lines.push(line);
    isReported();
  };

  const value = await withProgress(
    print,
    "types of hosts",
    async () => {
      await untilReported;
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

test("a quick step reports nothing, and one that fails leaves no line to come", async () => {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);

  await withProgress(print, "quick", () => Promise.resolve(), 60_000);
  const failed = withProgress(print, "failing", () => Promise.reject(new Error("no")), 60_000);

  await expect(failed).rejects.toThrow("no");
  expect(lines).toEqual([]);
});
