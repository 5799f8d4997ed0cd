import { beforeEach, expect, test } from "vitest";
import { ReportAssembly } from "@remotegpu/control-plane/server/link/hosts/report-assembly";
import { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import { MAX_OBSERVED_INSTANCES, type ObservedReport } from "@remotegpu/shared/messages/protocol";
import { aHost, anObservedInstance } from "../../../../../support/samples/protocol-samples.ts";

const host = aHost("host-1");
let assembly: ReportAssembly;

beforeEach(() => {
  assembly = new ReportAssembly();
});

const page = (number: number, over: Partial<ObservedReport> = {}): ObservedReport => ({
  kind: "observed",
  digest: "a".repeat(64),
  page: number,
  pages: 3,
  machine: null,
  gpus: number === 0 ? [] : null,
  instances: [anObservedInstance(`env-${number}`)],
  ...over,
});

test("three pages in order are one report", () => {
  expect(assembly.take(host, page(0), 0)).toEqual({ state: "partial" });
  expect(assembly.take(host, page(1), 1)).toEqual({ state: "partial" });

  expect(assembly.take(host, page(2), 2)).toEqual({
    state: "whole",
    report: {
      digest: "a".repeat(64),
      machine: null,
      gpus: [],
      instances: ["env-0", "env-1", "env-2"].map((id) => anObservedInstance(id)),
      notUnderstood: [],
      leases: null,
      pulls: null,
      access: null,
      kernelNotes: null,
    },
  });
});

test("pulls come with the first page and count for the whole report", () => {
  const pull = {
    image: "lab:1",
    fetchId: null,
    state: "waiting",
    layersDone: null,
    layers: null,
    bytesDone: null,
    bytes: null,
    problem: null,
    operatorDetail: null,
  } as const;
  assembly.take(host, page(0, { pages: 2, pulls: [pull] }), 0);

  expect(assembly.take(host, page(1, { pages: 2, pulls: [] }), 1)).toMatchObject({
    state: "whole",
    report: { pulls: [pull] },
  });
});

test("who is in comes with the first page and counts for the whole report", () => {
  const assembly = new ReportAssembly();
  const book = { sessions: [], attempts: [], isWhole: true };

  assembly.take(host, page(0, { pages: 2, access: book }), 0);

  expect(assembly.take(host, page(1, { pages: 2 }), 1)).toMatchObject({
    state: "whole",
    report: { access: book },
  });
});

test("leases come with the first page and count for the whole report", () => {
  const lease = {
    leaseId: LeaseId.parse("lease-1"),
    workloadId: WorkloadId.parse("env-1"),
    state: "held",
    externalPort: 20_000,
    detail: "",
    lastAccessedAt: null,
    releaseDueAt: null,
    releasedBecause: null,
  } as const;
  assembly.take(host, page(0, { pages: 2, leases: [lease] }), 0);

  expect(assembly.take(host, page(1, { pages: 2, leases: [] }), 1)).toMatchObject({
    state: "whole",
    report: { leases: [lease] },
  });
});

test.each([
  ["a page is skipped", page(2)],
  ["a page comes twice", page(0, { page: 0, pages: 3, digest: "b".repeat(64) })],
  ["the digest changes", page(1, { digest: "b".repeat(64) })],
  ["the number of pages changes", page(1, { pages: 2 })],
])("when %s, nothing is ever mixed", (_, odd) => {
  assembly.take(host, page(0), 0);

  const taken = assembly.take(host, odd, 1);

  expect(taken.state).not.toBe("whole");
  expect(assembly.take(host, page(1), 2).state).toBe("refused");
});

test("hosts do not get into each other's reports", () => {
  assembly.take(host, page(0), 0);

  expect(assembly.take(aHost("host-2"), page(1), 1).state).toBe("refused");
  expect(assembly.take(host, page(1), 2).state).toBe("partial");
});

test("an abandoned report is forgotten", () => {
  assembly.take(host, page(0), 0);

  expect(assembly.take(host, page(1), 30_001).state).toBe("refused");
});

test("a host that claims too many pages is not believed", () => {
  expect(assembly.take(host, page(0, { pages: 17 }), 0).state).toBe("refused");
});

test("a host that claims too many instances over its pages is not believed", () => {
  const half = Array.from({ length: MAX_OBSERVED_INSTANCES / 2 }, (_, n) => anObservedInstance(`env-${n}`));

  expect(assembly.take(host, page(0, { instances: half }), 0).state).toBe("partial");
  expect(assembly.take(host, page(1, { instances: half }), 0).state).toBe("partial");
  expect(assembly.take(host, page(2), 0).state).toBe("refused");
});

test("unfinished reports of many hosts are bounded", () => {
  for (let number = 0; number < 64; number += 1) assembly.take(aHost(`h${number}`), page(0), 0);

  expect(assembly.take(host, page(0), 0).state).toBe("refused");
  expect(assembly.take(host, page(0, { pages: 1 }), 0).state).toBe("whole");
});
