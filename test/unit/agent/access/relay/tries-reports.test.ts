import { expect, test } from "vitest";
import { MAX_LEASES_OF_REPORT, TriesReports } from "@remotegpu/agent/access/relay/tries-reports";
import type { PasswordTries } from "@remotegpu/agent/core/access/password-limiter";
import type { LeaseId } from "@remotegpu/shared/values/ids";

const TRIES: PasswordTries = { strangers: { left: 1, atMs: 0 }, addresses: [] };

class Port {
  hasNewTries = true;
  takeTries(): PasswordTries | null {
    if (!this.hasNewTries) return null;
    this.hasNewTries = false;
    return TRIES;
  }
}

const portsOf = (count: number) =>
  new Map(
    Array.from({ length: count }, (_, nth): [LeaseId, Port] => [`lease-${nth}` as LeaseId, new Port()]),
  );

test("a report has a bounded number of leases, and each gets its turn while all of them go on changing", () => {
  const ports = portsOf(2 * MAX_LEASES_OF_REPORT + 1);
  const reports = new TriesReports();

  const reported = [1, 2, 3].map(() => {
    const report = reports.next(ports);
    for (const port of ports.values()) port.hasNewTries = true;
    return report.map(({ leaseId }) => leaseId);
  });

  expect(reported.map(({ length }) => length)).toEqual(Array(3).fill(MAX_LEASES_OF_REPORT));
  expect(new Set(reported.flat())).toEqual(new Set(ports.keys()));
});

test("what has not changed is not reported, nor what was closed while it waited", () => {
  const ports = portsOf(MAX_LEASES_OF_REPORT + 2);
  const reports = new TriesReports();
  const [closed, left] = [...ports.keys()].slice(-2);
  reports.next(ports);
  if (closed !== undefined) ports.delete(closed);

  expect(reports.next(ports)).toEqual([{ leaseId: left, tries: TRIES }]);
  expect(reports.next(ports)).toEqual([]);
});
