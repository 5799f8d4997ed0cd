import { describe, expect, test } from "vitest";
import type { InstanceReport } from "@remotegpu/control-plane/server/core/instances/instance-report";
import type { RankState } from "@remotegpu/control-plane/server/core/instances/rank-state";
import { afterReports } from "@remotegpu/control-plane/server/core/training/job-status";
import { anInstanceReport } from "../../../../../support/samples/reports/an-instance-report.ts";
import {
  aRankState,
  goodFindings,
  rankAddress,
  withBad,
} from "../../../../../support/samples/a-rank-state.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";

type Reported = Partial<Omit<InstanceReport, "gang">> & { gang?: Partial<RankState> };

const reports = (...reported: Reported[]) =>
  reported.map(({ gang, ...change }, rank) =>
    anInstanceReport({ rank, ...change, gang: aRankState({ rank, ranks: reported.length }, gang) }),
  );
const HELD: Reported = { state: "starting" };
const RELEASED: Reported = { state: "starting", gang: { heldForMs: null, releasedForMs: 1_000 } };
const RUNS: Reported = { state: "ready", gang: { heldForMs: null, releasedForMs: 60_000 } };
const SILENT = { ...RUNS, gang: { ...RUNS.gang, isHeard: false, isUnreachable: true } };
const STOPPED: Reported = {
  ...RUNS,
  state: "stopped",
  exitCode: 143,
  stopOrderedBy: "control-plane",
  stopReason: asReported("So."),
};

describe("a gang that is held", () => {
  test("is released when its preflight has passed", () => {
    expect(inWords(afterReports("queued", reports(HELD, HELD)))).toEqual({ kind: "releases" });
  });

  test("reports what it waits for", () => {
    const fetching = { ...HELD, gang: { heldForMs: null, isFetching: true } };
    expect(inWords(afterReports("queued", reports(HELD, fetching)))).toEqual({
      kind: "explains",
      reason: "Placed on 2 hosts, free of charge: rank 1 fetches the image.",
    });
  });

  test("that fails its preflight fails of what it stands on", () => {
    const findings = withBad(goodFindings(0, 2), "network", { other: 1, detail: "No answer." });
    const cut = { ...HELD, gang: { findings, heldForMs: 15_000 } };
    expect(
      inWords(afterReports("queued", reports(cut, { ...HELD, gang: { heldForMs: 15_000 } }))),
    ).toMatchObject({
      kind: "fails",
      failure: { by: "infrastructure", ranks: [], preflight: { pairs: [["h0", "h1"]] } },
    });
  });

  test("stops all where one cannot start, like any job", () => {
    const failed: Reported = {
      state: "failed",
      problem: "image-missing",
      detail: asReported("No image."),
      gang: { heldForMs: null },
    };
    expect(inWords(afterReports("queued", reports(HELD, failed)))).toMatchObject({
      kind: "becomes",
      status: "stopping",
      reason: "Rank 1: No image.",
    });
  });
});

describe("a gang that is released", () => {
  test("waits for its last rank, and runs with it", () => {
    expect(inWords(afterReports("queued", reports(RUNS, RELEASED)))).toEqual({
      kind: "explains",
      reason: "The preflight has passed; rank 1 is about to begin.",
    });
    expect(inWords(afterReports("queued", reports(RUNS, RUNS)))).toEqual({
      kind: "becomes",
      status: "running",
      reason: null,
    });
  });

  test("of which the database has forgotten it is released again", () => {
    const ran = { state: "ready" as const, gang: { heldForMs: null } };
    expect(inWords(afterReports("queued", reports(ran, HELD)))).toEqual({ kind: "releases" });
    expect(inWords(afterReports("running", reports(ran, ran)))).toEqual({ kind: "releases" });
  });

  test("is given up where a rank does not begin in two minutes", () => {
    const late = { ...RELEASED, gang: { ...RELEASED.gang, releasedForMs: 120_000 } };
    expect(inWords(afterReports("queued", reports(RUNS, late)))).toEqual({
      kind: "loses",
      status: "stopping",
      reason: "Rank 1: it did not begin on host host-1 within 2 minutes of its release.",
      ranks: [1],
      since: "released",
    });
  });

  test("is kept where a host that lost its journal adopts ranks that have begun long ago", () => {
    const adopted = { ...RELEASED, gang: { ...RELEASED.gang, releasedForMs: 3_600_000 } };

    expect(afterReports("running", reports(adopted, adopted))).toEqual({ kind: "explains", reason: null });
  });

  test("is given up where a host is silent for good and another is not", () => {
    expect(inWords(afterReports("running", reports(RUNS, SILENT, RUNS)))).toEqual({
      kind: "loses",
      status: "stopping",
      reason: "Rank 1: host host-1 is not heard any more.",
      ranks: [1],
      since: "last-heard",
    });
  });

  test.each([
    [90_000, true, "loses"],
    [89_999, true, "explains"],
    [90_000, false, "explains"],
  ])(
    "whose host is silent for %d ms and cut off from the others (%s) %s it, after a silence of ours",
    (ms, isCut, kind) => {
      const silent = { ...RUNS, gang: { ...RUNS.gang, isHeard: false, silentForMs: ms } };
      const other = { ...RUNS, gang: { ...RUNS.gang, cutOff: isCut ? [rankAddress(1)] : [] } };
      expect(inWords(afterReports("running", reports(other, silent)))).toMatchObject({ kind });
    },
  );

  test("runs on where nobody at all is heard: the silence may be ours", () => {
    expect(inWords(afterReports("running", reports(SILENT, SILENT)))).toMatchObject({ kind: "explains" });
  });

  test("needs no host any more whose rank has ended well", () => {
    const done: Reported = { ...SILENT, state: "stopped", exitCode: 0 };
    expect(inWords(afterReports("running", reports(done, RUNS)))).toMatchObject({ kind: "explains" });
  });

  test("names which ranks do not hear each other", () => {
    const deaf = { ...RUNS, gang: { ...RUNS.gang, cutOff: [rankAddress(2)] } };
    expect(inWords(afterReports("running", reports(deaf, RUNS, RUNS)))).toEqual({
      kind: "explains",
      reason: "The network between its ranks is broken: rank 0 hears nothing from rank 2 on host host-2.",
    });
  });
});

describe("the end of a gang", () => {
  test("waits for the host that was silent", () => {
    const silent = { ...SILENT, gang: { ...SILENT.gang, isLost: true } };
    expect(inWords(afterReports("stopping", reports(STOPPED, silent)))).toEqual({ kind: "stays" });
  });

  test("is the fault of the host that was silent, and of no other", () => {
    const lost = { ...STOPPED, stopReason: asReported("Rank 1: host host-1 is not heard any more.") };
    expect(
      inWords(afterReports("stopping", reports(STOPPED, { ...lost, gang: { ...lost.gang, isLost: true } }))),
    ).toEqual({
      kind: "fails",
      failure: { by: "infrastructure", reason: "Rank 1: host host-1 is not heard any more.", ranks: [1] },
    });
  });

  test("is the fault of what broke beneath one, whatever the programs of the others made of it", () => {
    const crashed: Reported = { ...RUNS, state: "failed", exitCode: 1, problem: "exited" };
    const broken: Reported = {
      ...RUNS,
      state: "failed",
      problem: "gpu-failed",
      detail: asReported("GPU 0 fell off the bus."),
    };
    const gone: Reported = { ...broken, problem: "container-lost", stopOrderedBy: "control-plane" };

    for (const beneath of [broken, gone])
      expect(inWords(afterReports("stopping", reports(crashed, beneath)))).toMatchObject({
        kind: "fails",
        failure: { by: "infrastructure", ranks: [1] },
      });
  });

  test("is the fault of the host that is emptied, and not of those that were stopped after it", () => {
    const emptied: Reported = {
      ...STOPPED,
      stopOrderedBy: "admin",
      stopReason: asReported("Host h1 is emptied."),
    };
    expect(inWords(afterReports("stopping", reports(STOPPED, emptied)))).toEqual({
      kind: "fails",
      failure: { by: "infrastructure", reason: "Host h1 is emptied.", ranks: [1] },
    });
  });

  test("that its people ordered is a cancellation, whatever broke", () => {
    const cancelled: Reported = { ...STOPPED, stopOrderedBy: "customer", stopReason: null };
    expect(inWords(afterReports("stopping", reports(cancelled, cancelled)))).toMatchObject({
      status: "cancelled",
    });
  });
});
