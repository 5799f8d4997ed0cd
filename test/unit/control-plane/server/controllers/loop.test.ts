import { expect, test } from "vitest";
import { startLoop, startLoops } from "@remotegpu/control-plane/server/controllers/loop";
import { eventually } from "../../../../support/eventually.ts";
import { quietLog } from "../../../../support/quiet-log.ts";

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

test("a pass that answers true wakes the loops it names, and no others", async () => {
  const passes = new Map<string, number>();
  const count = (name: string) => passes.set(name, (passes.get(name) ?? 0) + 1);
  const loops = startLoops(
    [
      { name: "woken", everyMs: NEVER_MS, pass: async () => void count("woken") },
      { name: "other", everyMs: NEVER_MS, pass: async () => void count("other") },
      {
        name: "waking",
        everyMs: NEVER_MS,
        wakes: ["woken"],
        // At its first pass it has found nothing.
        pass: async () => (count("waking").get("waking") ?? 0) > 1,
      },
    ],
    quietLog,
  );
  await eventually(() => passes.get("waking") === 1);

  loops.wake(["waking"]);
  await eventually(() => passes.get("woken") === 2);

  expect(Object.fromEntries(passes)).toEqual({ woken: 2, other: 1, waking: 2 });
  expect(() => loops.wake(["nobody"])).toThrow("there is no loop nobody to be woken");
  await loops.stop();
});

test("loops stop one after the other, the last of the table first", async () => {
  const ended: string[] = [];
  const gates = new Map<string, () => void>();
  const loopOf = (name: string) => ({
    name,
    everyMs: NEVER_MS,
    async pass() {
      await new Promise<void>((resolve) => gates.set(name, resolve));
      ended.push(name);
    },
  });
  const loops = startLoops(["first", "last"].map(loopOf), quietLog);

  const stopped = loops.stop();
  gates.get("last")?.();
  await eventually(() => ended.length === 1);
  gates.get("first")?.();
  await stopped;

  expect(ended).toEqual(["last", "first"]);
});
