/** Who waits for turns at a gateway, and in which order they are taken. */
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { FairScheduler } from "@remotegpu/control-plane/gateway/proxy/fair-scheduler";
import type { InstanceId } from "@remotegpu/shared/values/ids";
import { KIB, MIB } from "@remotegpu/shared/values/units";

const [ONE, OTHER, THIRD] = ["ins-1", "ins-2", "ins-3"] as InstanceId[] as [
  InstanceId,
  InstanceId,
  InstanceId,
];
const PIECE = 64 * KIB;
const MUCH = (8 * MIB) / PIECE;

let turns: FairScheduler;
let nowMs: number;

beforeEach(() => {
  turns = new FairScheduler();
  nowMs = 10_000;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  onTestFinished(() => clock.mockRestore());
});

/** Of so many pieces, those after which it waits. */
function waits(instanceId: InstanceId, pieces: number, bytes = PIECE): number {
  return Array.from({ length: pieces }, () => turns.isToWait(instanceId, bytes)).filter(Boolean).length;
}

describe("whoever sends much", () => {
  test("waits beyond four mebibytes while somebody else has requests", () => {
    turns.enter(ONE);
    turns.enter(OTHER);

    expect(waits(ONE, MUCH)).toBe(MUCH / 2);
    expect(waits(OTHER, 1)).toBe(0);
  });

  test("does not wait while it is alone, however many requests it has itself", () => {
    for (let nth = 0; nth < 3; nth += 1) turns.enter(ONE);
    turns.enter(ONE)();

    expect(waits(ONE, MUCH)).toBe(0);
  });

  test("has company for a second after somebody else had a request, whatever requests it had itself meanwhile", () => {
    turns.enter(OTHER)();
    turns.enter(ONE)();
    nowMs += 999;
    turns.enter(ONE)();

    expect(waits(ONE, MUCH)).toBeGreaterThan(0);
    nowMs += 1;
    expect(waits(ONE, MUCH)).toBe(0);
  });

  test("does not wait in small pieces, nor in four mebibytes a second", () => {
    turns.enter(OTHER);

    expect(waits(ONE, 64 * MUCH, KIB)).toBe(0);
    for (let second = 0; second < 10; second += 1) {
      expect(waits(ONE, MUCH / 2)).toBe(0);
      nowMs += 1_000;
    }
  });
});

describe("turns", () => {
  const stays = () => false;

  /** As many as were taken by the time that all have been, in their order. */
  async function taken(
    waiting: readonly (readonly [instanceId: InstanceId, name: string, isGone?: boolean])[],
  ): Promise<string[]> {
    const order: string[] = [];
    await Promise.all(
      waiting.map(
        ([instanceId, name, isGone = false]) =>
          new Promise<void>((resolve) => {
            const take = () => {
              order.push(name);
              resolve();
            };
            turns.wait(instanceId, { take, isGone: () => isGone });
          }),
      ),
    );
    return order;
  }

  test("are of each instance alike, and of one in the order in which they came", async () => {
    const order = await taken([
      [ONE, "a"],
      [ONE, "b"],
      [ONE, "c"],
      [OTHER, "d"],
      [THIRD, "e"],
      [OTHER, "f"],
    ]);

    expect(order).toEqual(["a", "d", "e", "b", "f", "c"]);
  });

  test("are not spent on what is gone", async () => {
    const order = await taken([
      [ONE, "gone", true],
      [ONE, "gone, too", true],
      [ONE, "a"],
      [ONE, "b"],
      [OTHER, "gone there", true],
      [THIRD, "c"],
    ]);

    expect(order).toEqual(["gone", "gone, too", "a", "gone there", "c", "b"]);
  });

  test("come again after none was left", async () => {
    for (let nth = 0; nth < 3; nth += 1) expect(await taken([[ONE, "a"]])).toEqual(["a"]);
  });

  test("are waited for by WebSockets beyond sixteen at once, while somebody else has requests", async () => {
    turns.enter(OTHER);
    let opened = 0;
    const all = Array.from({ length: 20 }, async () => {
      await turns.opening(ONE, stays);
      opened += 1;
    });

    await Promise.resolve();
    expect(opened).toBe(16);
    await Promise.all(all);
    expect(opened).toBe(20);
  });
});
