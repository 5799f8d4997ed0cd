/** What people should hear of a lease. */
import { describe, expect, test } from "vitest";
import { type KnownLease, leaseEvents } from "@remotegpu/control-plane/server/core/leases/lease-report";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { ObservedLease } from "@remotegpu/shared/instance/lease";

const HOST = { id: "h1", name: "Rack 3" };

const seen = (change: Partial<ObservedLease> = {}): ObservedLease => ({
  leaseId: LeaseId.parse("lease-1"),
  workloadId: WorkloadId.parse("env-1"),
  state: "held",
  externalPort: 20_000,
  detail: "",
  lastAccessedAt: null,
  releaseDueAt: null,
  releasedBecause: null,
  ...change,
});

const known = (change: Partial<KnownLease> = {}): KnownLease => ({
  service: "ssh",
  internalPort: 22,
  autoReleaseHours: 48,
  want: "held",
  state: "held",
  externalPort: 20_000,
  warning: null,
  releasedBy: null,
  releaseReason: null,
  ...change,
});

describe("events", () => {
  const reported = (before: Partial<KnownLease>, now: Partial<ObservedLease>) =>
    leaseEvents(known(before), seen(now), HOST).map(({ kind, actor, old, new: to, reason }) => [
      kind,
      actor,
      old,
      to,
      inEnglish(reason),
    ]);

  test.each([
    ["none while nothing changes", {}, {}, []],
    ["none for an access", {}, { lastAccessedAt: "2026-01-01T00:00:00Z" }, []],
    [
      "the bind",
      { state: "waiting", externalPort: null },
      {},
      [["lease", "host h1", "waiting", "held", "Port 20000 of host Rack 3 leads to ssh (port 22 inside)."]],
    ],
    [
      "another number",
      {},
      { externalPort: 20_001 },
      [["lease", "host h1", "held", "held", "Port 20001 of host Rack 3 leads to ssh (port 22 inside)."]],
    ],
    [
      "a stranger on it",
      {},
      { state: "conflict", detail: "nginx." },
      [
        [
          "lease",
          "host h1",
          "held",
          "conflict",
          "Port 20000 of host Rack 3, which led to ssh, is taken by something else there; it is tried again. nginx.",
        ],
      ],
    ],
    [
      "no number left",
      { state: "waiting", externalPort: null },
      { state: "exhausted", externalPort: null },
      [
        [
          "lease",
          "host h1",
          "waiting",
          "exhausted",
          "Host Rack 3 has no free port for ssh; it is tried again.",
        ],
      ],
    ],
    [
      "a try that begins again",
      { state: "exhausted", externalPort: null },
      { state: "waiting", externalPort: null },
      [["lease", "host h1", "exhausted", "waiting", "Host Rack 3 is to bind a port for ssh."]],
    ],
    [
      "a release that was ordered, as who ordered it",
      { want: "released", releasedBy: "customer 3", releaseReason: asReported("Closed by customer 3.") },
      { state: "released", releasedBecause: "ordered" },
      [["lease", "customer 3", "held", "released", "Closed by customer 3."]],
    ],
    [
      "idleness, though a release was ordered meanwhile",
      { want: "released", releasedBy: "customer 3", releaseReason: asReported("Closed by customer 3.") },
      { state: "released", releasedBecause: "idle" },
      [["lease", "host h1", "held", "released", "Nobody connected to ssh for 48 hours."]],
    ],
    [
      "a release that nobody here ordered",
      {},
      { state: "released", releasedBecause: "ordered" },
      [["lease", "host h1", "held", "released", "Its host has released it."]],
    ],
    [
      "the warning",
      {},
      { releaseDueAt: "2026-01-03T00:00:00Z" },
      [
        [
          "lease-release-due",
          "host h1",
          null,
          "2026-01-03T00:00:00Z",
          "Port 20000 of host Rack 3 (ssh) is released at 2026-01-03T00:00:00Z unless somebody connects.",
        ],
      ],
    ],
    [
      "the first of two warnings",
      {},
      { releaseDueAt: "2026-01-03T00:00:00Z", releaseWarning: "first" },
      [["lease-release-due", "host h1", null, "2026-01-03T00:00:00Z", expect.stringContaining("unless")]],
    ],
    [
      "the last of two warnings",
      { warning: "first" },
      { releaseDueAt: "2026-01-03T00:00:00Z", releaseWarning: "last" },
      [["lease-release-due", "host h1", null, "2026-01-03T00:00:00Z", expect.stringContaining("unless")]],
    ],
    ...(["first", "last"] as const).map(
      (warning) =>
        [
          `the ${warning} warning once`,
          { warning },
          { releaseDueAt: "2026-01-03T00:00:01Z", releaseWarning: warning },
          [],
        ] as [string, Partial<KnownLease>, Partial<ObservedLease>, unknown[]],
    ),
    [
      "no first warning after the last one, as of a clock that was set back",
      { warning: "last" },
      { releaseDueAt: "2026-01-03T00:00:01Z", releaseWarning: "first" },
      [],
    ],
    [
      "the warning of an agent of before once",
      { warning: "last" },
      { releaseDueAt: "2026-01-03T00:00:00Z" },
      [],
    ],
    [
      "no warning with the release itself",
      { warning: "last" },
      { state: "released", releasedBecause: "idle", releaseDueAt: "2026-01-03T00:00:00Z" },
      [["lease", "host h1", "held", "released", "Nobody connected to ssh for 48 hours."]],
    ],
  ] as [string, Partial<KnownLease>, Partial<ObservedLease>, unknown[]][])(
    "%s",
    (_what, before, now, events) => {
      expect(reported(before, now)).toEqual(events);
    },
  );
});
