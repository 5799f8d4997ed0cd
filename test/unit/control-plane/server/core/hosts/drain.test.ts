import { expect, test } from "vitest";
import {
  type RequestedDeadline,
  drainDeadline,
  drainOrder,
  drainReason,
  drainWarning,
  MAX_DRAIN_MS,
} from "@remotegpu/control-plane/server/core/hosts/drain";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

const NOW = new Date("2026-03-01T08:00:00Z");
const LAST = new Date(NOW.getTime() + MAX_DRAIN_MS).toISOString();

test.each<[RequestedDeadline, string | null]>([
  [{}, null],
  [{ deadline_seconds: 1 }, "2026-03-01T08:00:01.000Z"],
  [{ deadline: "2026-03-01T10:00:00Z" }, "2026-03-01T10:00:00.000Z"],
  [{ deadline: LAST }, LAST],
])("%j is the deadline %j", (request, expected) => {
  expect(drainDeadline(request, NOW)).toEqual({
    valid: true,
    deadline: expected === null ? null : new Date(expected),
  });
});

test.each<[RequestedDeadline, string]>([
  [{ deadline: "2026-03-01T08:00:00Z" }, "deadline"],
  [{ deadline_seconds: 0 }, "deadline_seconds"],
  [{ deadline_seconds: MAX_DRAIN_MS / 1000 + 1 }, "deadline_seconds"],
  [{ deadline: "2026-03-01T10:00:00Z", deadline_seconds: 7_200 }, "deadline"],
])("%j is refused by its field", (request, field) => {
  expect(drainDeadline(request, NOW)).toMatchObject({ valid: false, field });
});

test("people are notified when and why", () => {
  const deadline = new Date("2026-03-01T10:00:00Z");

  expect(inEnglish(drainWarning("gpu-07", { reason: "new power supply", deadline }))).toBe(
    "It is stopped at 2026-03-01T10:00:00.000Z: Host gpu-07 is taken out of service (new power supply).",
  );
  expect(inEnglish(drainWarning("gpu-07", { reason: null, deadline: null }))).toBe(
    "It is being stopped: Host gpu-07 is taken out of service.",
  );
  expect(inEnglish(drainReason("gpu-07", "a fan."))).toBe("Host gpu-07 is taken out of service (a fan).");
});

test.each<[string | null, Date | null, string | null]>([
  [null, null, null],
  ["a fan", null, "a fan"],
  [null, new Date("2026-03-01T10:00:00Z"), "by 2026-03-01T10:00:00.000Z"],
  ["a fan", new Date("2026-03-01T10:00:00Z"), "a fan, by 2026-03-01T10:00:00.000Z"],
])("the event of a drain for %j by %j has the reason %j", (reason, deadline, expected) => {
  const order = drainOrder({ reason, deadline });

  expect(order === null ? null : inEnglish(order)).toBe(expected);
});
