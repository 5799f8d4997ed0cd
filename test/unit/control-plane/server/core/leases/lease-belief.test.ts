/** Which of a host's words on its leases count: no number is ever two leases', whatever a host says. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  believeLeases,
  type OpenLease,
  PortNumbers,
} from "@remotegpu/control-plane/server/core/leases/lease-belief";
import { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { ObservedLease } from "@remotegpu/shared/instance/lease";

/** Leases a, b, c … are of the environments env-a, env-b, env-c … */
const lease = (name: string, port: number | null, change: Partial<ObservedLease> = {}): ObservedLease => ({
  leaseId: LeaseId.parse(name),
  workloadId: WorkloadId.parse(`env-${name}`),
  state: "held",
  externalPort: port,
  detail: "",
  lastAccessedAt: null,
  releaseDueAt: null,
  releasedBecause: null,
  ...change,
});
const open = (...names: string[]): Map<string, OpenLease> =>
  new Map(names.map((name) => [name, { environmentId: `env-${name}`, workloadId: `env-${name}` }]));
const numbers = (held: Record<string, number>): PortNumbers => {
  const known = new PortNumbers();
  for (const [name, port] of Object.entries(held))
    known.take(port, { leaseId: name, environmentId: `env-${name}` });
  return known;
};

describe("a report", () => {
  test.each([
    ["of a bound lease", {}, [lease("a", 1)], ["a"]],
    ["of a lease that waits for a number", {}, [lease("a", null, { state: "waiting" })], ["a"]],
    ["of one that was never bound and is released", {}, [lease("a", null, { state: "released" })], ["a"]],
    ["of a lease that is not open here", {}, [lease("z", 1)], []],
    ["of the number that it has", { a: 1 }, [lease("a", 1)], ["a"]],
    [
      "of a number that another one gives up in it",
      { a: 1 },
      [lease("b", 1), lease("a", 1, { state: "released" })],
      ["a", "b"],
    ],
    ["of a number that another one leaves in it", { a: 1 }, [lease("b", 1), lease("a", 2)], ["a", "b"]],
    [
      "of a number that a lease of no interest has given up",
      {},
      [lease("z", 1, { state: "released" }), lease("a", 1)],
      ["a"],
    ],
  ])("%s is believed", (_what, held, leases, believed) => {
    const outcome = believeLeases(open("a", "b", "c"), leases, numbers(held));

    expect(outcome.believed.map(({ seen }) => seen.leaseId)).toEqual(believed);
    expect(outcome.disbelieved).toEqual([]);
  });

  test.each([
    ["of another environment", {}, [lease("a", 1, { workloadId: WorkloadId.parse("env-b") })], [/env-b/]],
    ["that is held on no number", {}, [lease("a", null)], [/held without a number/]],
    [
      "whose number a stranger has, without the number",
      {},
      [lease("a", null, { state: "conflict" })],
      [/conflict without a number/],
    ],
    ["of another's number", { b: 1 }, [lease("a", 1)], [/port 1, which is held by env-b/]],
    [
      "of one number for two",
      {},
      [lease("a", 1), lease("b", 1)],
      [/lease a is told twice/, /lease b is told twice/],
    ],
    ["of one lease twice", {}, [lease("a", 1), lease("a", 2)], [/lease a/, /lease a/]],
    ["of a number that a lease of no interest has too", {}, [lease("z", 1), lease("a", 1)], [/lease a/]],
  ])("%s is not believed", (_what, held, leases, disbelieved) => {
    const outcome = believeLeases(open("a", "b"), leases, numbers(held));

    expect(outcome.believed).toEqual([]);
    expect(outcome.disbelieved).toEqual(disbelieved.map((sentence) => expect.stringMatching(sentence)));
  });

  test("of another number than it had reports that it has moved", () => {
    const { believed } = believeLeases(open("a", "b"), [lease("a", 2), lease("b", 3)], numbers({ a: 1 }));

    expect(believed.map(({ hasMoved }) => hasMoved)).toEqual([true, false]);
  });

  test("of a port that the old system gave away is not believed", () => {
    const known = new PortNumbers();
    known.take(1, { leaseId: null, environmentId: "env-old" });

    const { disbelieved } = believeLeases(open("a"), [lease("a", 1)], known);

    expect(disbelieved).toEqual(["lease a is told with port 1, which is held by env-old"]);
  });
});

test("whatever a host reports, one after the other, no number is two leases' and every belief is stored", () => {
  const names = ["a", "b", "c", "d"];
  const anyLease = fc
    .record({
      name: fc.constantFrom(...names, "z"),
      port: fc.option(fc.integer({ min: 1, max: 5 })),
      state: fc.constantFrom("waiting", "held", "conflict", "exhausted", "released"),
      workload: fc.constantFrom("own", "own", "own", "env-a"),
    })
    .map(({ name, port, state, workload }) =>
      lease(name, port, { state, ...(workload !== "own" && { workloadId: WorkloadId.parse(workload) }) }),
    );

  fc.assert(
    fc.property(fc.array(fc.array(anyLease, { maxLength: 6 }), { maxLength: 8 }), (reports) => {
      const known = new PortNumbers();
      const truth = new Map<string, number>();
      for (const report of reports) {
        for (const { seen } of believeLeases(open(...names), report, known).believed) {
          if (seen.state === "released") truth.delete(seen.leaseId);
          // Written one after the other, each keeps the rule at its moment.
          if (seen.state === "held" && seen.externalPort !== null) truth.set(seen.leaseId, seen.externalPort);
          expect(new Set(truth.values()).size).toBe(truth.size);
        }
        expect(names.map((name) => known.of(name))).toEqual(names.map((name) => truth.get(name) ?? null));
      }
    }),
  );
});
