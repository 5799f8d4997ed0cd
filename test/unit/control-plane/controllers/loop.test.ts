import { expect, test } from "vitest";
import { startLoop } from "@remotegpu/control-plane/controllers/loop";
import { eventually } from "../../../support/eventually.ts";
import { quietLog } from "../../../support/quiet-log.ts";

const NEVER_MS = 1_000_000;

test("a wake begins a pass at once, and one during a pass is not lost", async () => {
  let passes = 0;
  let endPass: () => void = () => undefined;
  const loop = startLoop({
    name: "test",
    everyMs: NEVER_MS,
    log: quietLog,
    pass: async () => {
      passes += 1;
      await new Promise<void>((resolve) => {
        endPass = resolve;
      });
    },
  });
  await eventually(() => passes === 1);

  loop.wake();
  loop.wake();
  endPass();
  await eventually(() => passes === 2);
  endPass();
  loop.wake();
  await eventually(() => passes === 3);

  const stopped = loop.stop();
  endPass();
  await stopped;
  loop.wake();
  expect(passes).toBe(3);
});

test("a pass that fails is logged and tried again", async () => {
  let passes = 0;
  const failures: object[] = [];
  const loop = startLoop({
    name: "test",
    everyMs: NEVER_MS,
    log: { ...quietLog, error: (fields) => void failures.push(fields) },
    pass: async () => {
      passes += 1;
      if (passes === 1) throw new Error("the world failed");
      await Promise.resolve();
    },
  });

  await eventually(() => passes === 2, { withinMs: 5_000 });

  expect(failures).toEqual([{ error: new Error("the world failed"), loop: "test", failures: 1 }]);
  await loop.stop();
});
