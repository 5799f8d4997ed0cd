import {
  SSH_WAKE_DELAY_MS,
  type Knock,
  wakeVerdict,
} from "@remotegpu/control-plane/server/core/gateway/waking";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/values/workload";
import { describe, expect, it } from "vitest";

const STOPPED_AT = new Date("2026-05-01T12:00:00Z");
const asleep = { status: "stopped", wakes: true, stoppedAt: STOPPED_AT } as const;
const after = (ms: number) => new Date(STOPPED_AT.getTime() + ms);

describe("whoever comes to an environment that does not run", () => {
  it.each<[Knock, number, boolean]>([
    ["page", 0, true],
    ["program", 0, true],
    ["background", 0, false],
    ["background", SSH_WAKE_DELAY_MS * 10, false],
    ["ssh", 0, false],
    ["ssh", SSH_WAKE_DELAY_MS - 1, false],
    ["ssh", SSH_WAKE_DELAY_MS, true],
  ])("%s, %i ms after it stopped: %s", (knock, ms, wakes) => {
    expect(wakeVerdict(asleep, { by: "person", knock, now: after(ms) }).wakes).toBe(wakes);
  });

  it("is notified from when on a connection of SSH wakes it", () => {
    expect(wakeVerdict(asleep, { by: "person", knock: "ssh", now: after(1) })).toEqual({
      wakes: false,
      reason: { code: "ssh-wakes-from", params: { from: "2026-05-01T12:10:00.000Z" } },
    });
  });

  it("wakes nothing by a shared link", () => {
    for (const knock of ["page", "program", "ssh"] as const)
      expect(wakeVerdict(asleep, { by: "share", knock, now: after(SSH_WAKE_DELAY_MS) }).wakes).toBe(false);
  });

  it("wakes nothing whose order does not allow it", () => {
    const order = { by: "person", knock: "page", now: after(0) } as const;
    expect(wakeVerdict({ ...asleep, wakes: false }, order).wakes).toBe(false);
  });

  it.each(ENVIRONMENT_STATUSES.filter((status) => status !== "stopped"))(
    "wakes nothing that is %s",
    (status) => {
      const order = { by: "person", knock: "page", now: after(0) } as const;
      expect(wakeVerdict({ ...asleep, status }, order)).toEqual({ wakes: false, reason: null });
    },
  );

  it("may be woken by SSH at once where it never ran", () => {
    expect(
      wakeVerdict({ ...asleep, stoppedAt: null }, { by: "person", knock: "ssh", now: after(0) }).wakes,
    ).toBe(true);
  });
});
