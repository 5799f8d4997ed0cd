/** What is found of a rank that is held. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { expect, test } from "vitest";
import { clockFinding, diskFinding, networkFinding, shmFinding } from "@remotegpu/agent/core/gangs/findings";
import { MIB } from "@remotegpu/shared/values/units";

const RANK = { name: "rank-1", address: "10.224.0.129" };
const all = new Set([RANK.address]);
const none = new Set<string>();

test.each([
  [all, none, true, "rank-1 (10.224.0.129) answers packets of 1450 bytes."],
  [none, none, false, "rank-1 (10.224.0.129) does not answer packets of 1450 bytes."],
  [
    none,
    all,
    false,
    "rank-1 (10.224.0.129) answers small packets and none of 1450 bytes: something on the way takes no such packets.",
  ],
])("another rank, %#", (full, small, isPassed, detail) => {
  const finding = networkFinding(RANK, { packetBytes: 1450, full, small });

  expect(finding).toMatchObject({ check: "network", isPassed, detail, address: RANK.address });
  expect(finding.reason && textOf(finding.reason)).toBe(detail);
});

test.each([
  [0, 0, true],
  [1_000, 0, true],
  [1_001, 0, false],
  [-1_001, 0, false],
  // Half of it may have gone by on the way.
  [1_500, 1_000, true],
  [1_501, 1_000, false],
])("a clock that is %i ms ahead, by an answer that took %i ms: %s", (aheadMs, roundTripMs, isPassed) => {
  expect(clockFinding({ aheadMs, roundTripMs }).isPassed).toBe(isPassed);
});

test("a clock reports in which direction it is off, and the same for every small offset", () => {
  const output = (aheadMs: number) => clockFinding({ aheadMs, roundTripMs: 10 }).detail;

  expect(output(3_200)).toBe("The host's clock is 3.2 s ahead of the control plane's.");
  expect(output(-3_200)).toBe("The host's clock is 3.2 s behind the control plane's.");
  expect(output(3)).toBe(output(-40));
});

test("a disk that is nearly full is found", () => {
  expect(diskFinding({ isNearlyFull: false })).toMatchObject({ check: "disk", isPassed: true });
  expect(diskFinding({ isNearlyFull: true })).toMatchObject({ check: "disk", isPassed: false });
});

test.each([
  [64 * MIB, true, "Its shared memory has 64 MiB."],
  [64 * MIB - 1, false, "Its shared memory has 63 MiB, and 64 MiB were ordered."],
  [null, false, "Its shared memory has none, and 64 MiB were ordered."],
])("shared memory of %j bytes where 64 MiB were ordered", (found, isPassed, detail) => {
  const finding = shmFinding(64 * MIB, found);

  expect(finding).toMatchObject({ check: "shm", isPassed, detail });
  expect(finding.reason && textOf(finding.reason)).toBe(detail);
});
