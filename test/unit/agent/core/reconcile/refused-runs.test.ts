/** What is done and said of a run whose container is kept from its cards by the device rules of its host. */
import { describe, expect, test } from "vitest";
import type { CardNode } from "@remotegpu/agent/core/container/card-nodes";
import { newAccess, type DeviceAccess, type Refusal } from "@remotegpu/agent/core/container/device-access";
import { observedInstances } from "@remotegpu/agent/core/reconcile/lifecycle";
import { reconcile } from "@remotegpu/agent/core/reconcile/reconcile";
import { MAX_STARTS } from "@remotegpu/agent/core/runs/restart-policy";
import { recordAfter, type RunRecord } from "@remotegpu/agent/core/runs/run-record";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  at,
  BOOT,
  containerOf,
  exited,
  gpu,
  key,
  OTHER_BOOT,
  reconcileInput,
  recordOf,
  RUNNING,
  runId,
} from "../../../../support/samples/run-samples.ts";

const gpus = [gpu("a")];
const { uuid } = gpu("a");
const order = (changes: Partial<InstanceSpec> = {}) => desiredOf("x", { gpus, ...changes }, key());
const environment = order({ kind: "environment" });
const replica = order({ kind: "inference", restarts: "within-run" });
const rank = order({ kind: "training", restarts: "never" });

const node: CardNode = { node: "/dev/nvidia0", inside: "/dev/nvidia0", gpus: [uuid] };
const access = (refusals: number, passedMs: number | null = 900_000): DeviceAccess => ({
  ...newAccess(800_000),
  passedMs,
  refusals,
  refusedNodes: refusals > 0 ? [node] : [],
});
const detail = `Its container lost access to GPU ${uuid}: the device rules of its host refuse it.`;
const refusal: Refusal = {
  bootId: BOOT,
  passedMs: 900_000,
  isConfirmed: true,
  againMs: null,
  gpus: [uuid],
  detail,
};
const refused = recordOf(key(), { refusal, holding: undefined });

function decide(
  desired: ReturnType<typeof order>,
  record: RunRecord,
  {
    known,
    status = RUNNING,
    closed = "no",
    nowMs = 1_000_000,
  }: {
    known?: DeviceAccess;
    status?: typeof RUNNING;
    closed?: "no" | "for it alone" | "otherwise";
    nowMs?: number;
  } = {},
) {
  const holding = { containerId: "container-of-run-1", network: "ws-1", gpus, group: null };
  const flags = {
    access: new Map(known === undefined ? [] : [[runId("run-1"), known]]),
    ...(closed !== "no" && { closedGpus: new Map([[uuid, "Closed."]]) }),
    ...(closed === "for it alone" && { refusedGpus: new Map([[uuid, new Set([key().instanceId])]]) }),
  };
  const observed = [containerOf(key(), status, { gpus })];
  return reconcile(
    reconcileInput({ desired: [desired], observed, runs: [{ ...record, holding }], flags, now: at(nowMs) }),
  );
}

describe.each([
  ["an environment", environment],
  ["a replica", replica],
  ["a rank", rank],
])("%s", (_kind, desired) => {
  test("that passes is left alone", () => {
    expect(decide(desired, recordOf(key()), { known: access(0) })).toEqual([]);
  });

  test("that was refused once is written down and goes on", () => {
    expect(decide(desired, recordOf(key()), { known: access(1) })).toMatchObject([
      { kind: "note-refusal", refusal: { isConfirmed: false, passedMs: 900_000 } },
    ]);
  });

  test("that has its cards again is written down", () => {
    const first = recordOf(key(), { refusal: { ...refusal, isConfirmed: false } });

    expect(decide(desired, first, { known: access(0, 950_000) })).toMatchObject([
      { kind: "note-refusal", refusal: null },
    ]);
  });
});

describe("refused twice", () => {
  test("an environment goes on, and only that is written down, once", () => {
    const [note, ...others] = decide(environment, recordOf(key()), { known: access(2) });

    expect(note).toMatchObject({ kind: "note-refusal", refusal });
    expect(others).toEqual([]);
    const noted = note && recordAfter(recordOf(key()), note, at(0));
    expect(noted && decide(environment, noted, { known: access(3) })).toEqual([]);
  });

  test("an environment that has its cards again counts from then on", () => {
    expect(decide(environment, refused, { known: access(0, 950_000) })).toMatchObject([
      { kind: "note-refusal", refusal: { ...refusal, againMs: 950_000 } },
    ]);
  });

  test("a replica's container is ended, to be started again within its run", () => {
    expect(decide(replica, recordOf(key()), { known: access(2) })).toMatchObject([
      { kind: "note-refusal", refusal },
      { kind: "end-unwell", unwell: { detail, problem: "gpu-failed", hasServed: true } },
    ]);
  });

  test("a replica's is ended also by the next life of the agent, before that has probed", () => {
    expect(decide(replica, refused)).toMatchObject([{ kind: "end-unwell" }]);
  });

  test("a replica's is not ended to wait for a card that is closed for another reason: its run is", () => {
    const closed = "otherwise";
    expect(decide(replica, recordOf(key()), { known: access(2), closed })).toMatchObject([
      { kind: "note-refusal", refusal },
    ]);
    expect(decide(replica, refused, { known: access(3), closed })).toMatchObject([
      { kind: "stop", cause: "gpu-failed", orderedBy: "limit", detail },
    ]);
  });

  test("a replica's that has its cards runs on, whatever closes them", () => {
    expect(decide(replica, recordOf(key()), { known: access(0), closed: "otherwise" })).toEqual([]);
  });

  test("an environment goes on, whatever closes its card", () => {
    expect(decide(environment, refused, { known: access(3), closed: "otherwise" })).toEqual([]);
  });

  test("a rank is stopped once that is written down, and its run fails for its card", () => {
    expect(decide(rank, recordOf(key()), { known: access(2) })).toMatchObject([{ kind: "note-refusal" }]);
    expect(decide(rank, refused, { known: access(2) })).toMatchObject([
      { kind: "stop", cause: "gpu-failed", orderedBy: "limit", detail },
    ]);
    const stop = { cause: "gpu-failed", orderedBy: "limit", detail } as const;
    const ended = decide(rank, { ...refused, stop }, { status: exited(137) });
    expect(ended).toMatchObject([
      { kind: "close-run", end: { phase: "failed", problem: "gpu-failed", detail } },
      { kind: "keep-remains" },
    ]);
  });
});

describe("an environment that nobody starts again", () => {
  const longMs = 910_000 + 24 * 3_600_000;
  const stored = { ...refused, refusal: { ...refusal, confirmedMs: 910_000 } };

  test("goes on for a day, and is then started again by its host", () => {
    expect(decide(environment, stored, { nowMs: longMs - 1 })).toEqual([]);
    expect(decide(environment, stored, { nowMs: longMs, closed: "for it alone" })).toMatchObject([
      { kind: "end-unwell", unwell: { detail, problem: "gpu-failed", hasServed: true } },
    ]);
  });

  test("is left alone where its card is closed for another reason, or its clock was another boot's", () => {
    const ofBefore = { ...stored, refusal: { ...stored.refusal, bootId: OTHER_BOOT } };

    expect(decide(environment, stored, { nowMs: longMs, closed: "otherwise" })).toEqual([]);
    expect(decide(environment, ofBefore, { nowMs: longMs })).toEqual([]);
  });

  test("fails for its card where that is closed for another reason by the time it has ended", () => {
    const unwell = { hasServed: true, detail, problem: "gpu-failed" } as const;
    const over = { status: exited(137), nowMs: longMs, closed: "otherwise" } as const;

    expect(decide(environment, { ...stored, unwell }, over)).toMatchObject([
      { kind: "close-run", end: { phase: "failed", problem: "gpu-failed", detail } },
      { kind: "keep-remains" },
    ]);
  });
});

describe("the container that follows", () => {
  const unwell = { hasServed: true, detail, problem: "gpu-failed" } as const;
  const ended = { ...refused, unwell, starts: 1, lastStart: at(990_000) };

  test("is started on the card that is closed to everybody else, and begins with nothing known", () => {
    const [restart] = decide(replica, ended, { status: exited(137), closed: "for it alone" });

    expect(restart).toMatchObject({ kind: "restart" });
    const begun = restart && recordAfter(ended, restart, at(1_000_000));
    expect(begun).not.toHaveProperty("refusal");
    expect(begun).not.toHaveProperty("unwell");
  });

  test("is not waited for on a card that is closed for another reason: the run fails, and may go elsewhere", () => {
    const end = { phase: "failed", problem: "gpu-failed", detail } as const;

    expect(decide(replica, ended, { status: exited(137), closed: "otherwise" })).toMatchObject([
      { kind: "close-run", end },
      { kind: "keep-remains" },
    ]);
  });

  test("is not made for ever: at last the run fails for its card", () => {
    const record = { ...ended, starts: MAX_STARTS };

    expect(decide(replica, record, { status: exited(137) })).toMatchObject([
      { kind: "close-run", end: { phase: "failed", problem: "gpu-failed" } },
      { kind: "keep-remains" },
    ]);
  });
});

describe("what is reported", () => {
  function output(desired: ReturnType<typeof order>, record: RunRecord) {
    const { flags, ...known } = reconcileInput({
      desired: [desired],
      observed: [containerOf(key(), RUNNING, { gpus })],
      runs: [record],
    });
    const none = { waits: new Map(), notEnding: new Map(), disagreements: new Map() };
    return observedInstances({ ...known, ...flags, ...none })[0];
  }

  test("of an environment names the card, and how to get it back", () => {
    expect(output(environment, refused)).toMatchObject({
      phase: "ready",
      problem: "gpu-failed",
      detail: `${detail} Restart it to get it back; after 24 hours its host does. Time without it is not charged.`,
    });
  });

  test.each([
    ["a replica", replica],
    ["a rank", rank],
  ])("of %s reports nothing of a restart, which is not its customer's", (_kind, desired) => {
    expect(output(desired, refused)).toMatchObject({ phase: "ready", problem: null });
  });

  test.each([
    ["one refusal", { ...refusal, isConfirmed: false }],
    ["cards that are back", { ...refusal, againMs: 950_000 }],
  ])("of an environment is nothing with %s", (_what, given) => {
    expect(output(environment, { ...refused, refusal: given })).toMatchObject({
      phase: "ready",
      problem: null,
      detail: "It runs.",
    });
  });
});
