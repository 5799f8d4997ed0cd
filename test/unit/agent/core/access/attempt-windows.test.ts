/** Connections that came to nothing, counted. */
import { expect, test } from "vitest";
import type { LeaseId } from "@remotegpu/shared/values/ids";
import {
  AttemptWindows,
  MAX_WINDOWS_APART,
  OTHERS,
  type Attempts,
} from "@remotegpu/agent/core/access/attempt-windows";

const one = (changes: Partial<Attempts> = {}): Attempts => ({
  leaseId: "lease-1" as LeaseId,
  from: "203.0.113.7",
  outcome: "no-login",
  count: 1,
  firstMs: 10,
  lastMs: 10,
  ...changes,
});

test("those of one address, lease and outcome are one, from the first to the last of them", () => {
  const windows = new AttemptWindows();
  windows.add(one({ firstMs: 30, lastMs: 40, count: 2 }));
  windows.add(one());
  windows.add(one({ outcome: "silent" }));
  windows.add(one({ leaseId: "lease-2" as LeaseId }));

  expect(windows.close()).toEqual([
    one({ firstMs: 10, lastMs: 40, count: 3 }),
    one({ outcome: "silent" }),
    one({ leaseId: "lease-2" as LeaseId }),
  ]);
  expect(windows.close()).toEqual([]);
});

test("of more addresses than are counted apart the rest is one, and those that are counted apart go on by themselves", () => {
  const windows = new AttemptWindows();
  for (let client = 0; client < MAX_WINDOWS_APART + 500; client += 1)
    windows.add(one({ from: `10.0.0.${client}` }));
  windows.add(one({ from: "10.0.0.0" }));

  const closed = windows.close();

  expect(closed).toHaveLength(MAX_WINDOWS_APART + 1);
  expect(closed[0]).toMatchObject({ from: "10.0.0.0", count: 2 });
  expect(closed.at(-1)).toMatchObject({ from: OTHERS, count: 500 });
});
