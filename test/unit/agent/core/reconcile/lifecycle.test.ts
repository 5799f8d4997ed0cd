/** What the host says about each run. */
import { describe, expect, test } from "vitest";
import { observedInstances } from "@remotegpu/agent/core/reconcile/lifecycle";
import type { LifecycleInput } from "@remotegpu/agent/core/reconcile/lifecycle";
import type { RunEnd } from "@remotegpu/agent/core/runs/action";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  BOOT,
  HOST,
  LEFT_BEHIND,
  OTHER_BOOT,
  at,
  containerOf,
  exited,
  gpu,
  instanceId,
  key,
  recordOf,
  runId,
} from "../../../../support/samples/run-samples.ts";

const order = (
  changes: Partial<Omit<DesiredInstance, "spec">> = {},
  spec: Partial<DesiredInstance["spec"]> = {},
) => desiredOf("x", spec, { ...key(), ...changes });
const running = containerOf(key());
const dead = containerOf(key(), exited(3));
const end: RunEnd = { phase: "failed", problem: "exited", detail: "It died.", exitCode: 3, orderedBy: null };

function report(changes: Partial<LifecycleInput>) {
  return observedInstances({
    hostId: HOST,
    desired: [],
    observed: [],
    runs: [],
    unserved: [],
    knownEpochs: new Map(),
    startsRefused: null,
    awaitsContact: false,
    closedGpus: new Map(),
    refusedGpus: new Map(),
    unclearGpus: new Map(),
    waits: new Map(),
    notEnding: new Map(),
    disagreements: new Map(),
    now: at(1_000_000),
    ...changes,
  });
}

const one = (changes: Partial<LifecycleInput>) => report(changes)[0];

test.each(["stopped", "removed"] as const)(
  "an order to be %s whose start is in progress is stopping: the start may still make a container",
  (want) => {
    const desired = [order({ want, orderedBy: "customer" })];
    const waits = new Map([[runId("run-1"), "The container is being started."]]);

    expect(one({ desired, waits })).toMatchObject({ phase: "stopping" });
    expect(one({ desired })?.phase ?? "stopped").toBe("stopped");
  },
);

describe("what people have to check while a run goes on", () => {
  const lost = containerOf(key(), LEFT_BEHIND, { gpus: [gpu("a")] });
  const stuck = new Map([[runId("run-1"), "Processes of it cannot be ended: 7 (python)."]]);
  const differs = new Map([[runId("run-1"), "They disagree."]]);

  test("that cannot be ended it is stopping, names what is left and keeps its card", () => {
    const stopped = [order({ want: "stopped", orderedBy: "customer" })];

    expect(
      one({ desired: stopped, observed: [lost], runs: [recordOf(key())], notEnding: stuck }),
    ).toMatchObject({
      phase: "stopping",
      problem: "not-ending",
      detail: `Stopping; ordered by customer. Processes of it cannot be ended: 7 (python). Until they are gone nobody else gets ${gpu("a").uuid}.`,
    });
    expect(
      one({ desired: stopped, observed: [dead], runs: [recordOf(key())], notEnding: stuck }),
    ).toMatchObject({
      problem: null,
    });
  });

  test("that the runtime has lost it is still ready, with the disagreement", () => {
    const wanted = { desired: [order()], observed: [lost], runs: [recordOf(key())] };

    expect(one(wanted)).toMatchObject({ phase: "ready", detail: "It runs.", problem: null });
    expect(one({ ...wanted, disagreements: differs })).toMatchObject({
      phase: "ready",
      detail: "They disagree.",
      problem: "runtime-disagrees",
    });
  });

  test("holds its card against the next", () => {
    const next = desiredOf("y", { gpus: [gpu("a")] }, key({ instance: "env-2", run: "run-2" }));
    const reports = report({ desired: [next], observed: [lost], runs: [recordOf(key())] });

    expect(reports.find(({ runId: id }) => id === "run-2")?.detail).toContain("still holds");
  });
});

describe("a wanted run", () => {
  const desired = [order()];

  test("is starting until its container runs and its gate is open, then ready", () => {
    expect(one({ desired })).toEqual({
      ...key(),
      phase: "starting",
      detail: "The container is being started.",
      reason: { code: "run-starting", params: {} },
      problem: null,
      containerId: null,
      exitCode: null,
      gateOpenedMs: null,
      bootId: BOOT,
    });
    expect(one({ desired, observed: [running], runs: [recordOf(key(), { gate: null })] })).toMatchObject({
      phase: "starting",
    });
    expect(one({ desired, observed: [running], runs: [recordOf(key())] })).toMatchObject({
      phase: "ready",
      detail: "It runs.",
      problem: null,
      containerId: running.containerId,
      gateOpenedMs: 100,
      bootId: BOOT,
    });
  });

  test("reports its gate on the clock of the boot in which it opened", () => {
    const runs = [recordOf(key(), { gate: at(77, OTHER_BOOT) })];

    expect(one({ desired, observed: [running], runs })).toMatchObject({
      gateOpenedMs: 77,
      bootId: OTHER_BOOT,
    });
  });

  test("reports what its start waits for", () => {
    expect(one({ desired, waits: new Map([[runId("run-1"), "Image x is being pulled."]]) })).toMatchObject({
      phase: "starting",
      detail: "Image x is being pulled.",
      problem: null,
    });
    expect(one({ desired, startsRefused: "full." })).toMatchObject({
      phase: "starting",
      problem: "start-refused",
    });
    const holder = containerOf(key({ instance: "env-2", run: "run-2" }), undefined, { gpus: [gpu("a")] });
    const [waiting] = report({ desired: [order({}, { gpus: [gpu("a")] })], observed: [holder] });
    expect(waiting?.detail).toContain(gpu("a").uuid);
  });

  test("waits for a card that is not clear with that sentence, and nothing is wrong with it", () => {
    const stranger = { pid: 812, name: "Xorg", memoryMib: 60 };
    const unclearGpus = new Map([[gpu("a").uuid, { kind: "gpu-stranger" as const, stranger }]]);

    expect(one({ desired: [order({}, { gpus: [gpu("a")] })], unclearGpus })).toMatchObject({
      phase: "starting",
      detail: `It waits for GPU ${gpu("a").uuid}, which process 812 (Xorg) uses; it is none of this host's runs.`,
      problem: null,
    });
  });

  test("that died and starts again is starting, with what happened and no problem yet", () => {
    const runs = [recordOf(key(), { lastStart: at(999_900) })];

    expect(one({ desired, observed: [dead], runs })).toMatchObject({
      phase: "starting",
      detail: "The container ended by itself with exit code 3. Start 2 of 6 follows.",
      problem: null,
    });
  });

  test("does not blame a start that is in progress", () => {
    const runs = [recordOf(key(), { containerId: null, gate: null, lastStart: at(999_900) })];
    const created = containerOf(key(), { state: "created" });

    expect(one({ desired, runs })).toMatchObject({ detail: "The container is being started." });
    expect(
      one({ desired, observed: [created], runs: [recordOf(key(), { lastStart: at(999_900) })] }),
    ).toMatchObject({
      detail: "The container is being started.",
    });
  });

  test("reports the same at any moment of its wait, so that its digest stands still", () => {
    const runs = [recordOf(key(), { starts: 4, lastStart: at(990_000) })];

    expect(one({ desired, observed: [dead], runs, now: at(1_000_000) })).toEqual(
      one({ desired, observed: [dead], runs, now: at(1_020_000) }),
    );
  });

  test("that has ended is reported so until it is removed", () => {
    const runs = [recordOf(key(), { end })];

    expect(one({ desired, observed: [dead], runs })).toMatchObject({
      phase: "failed",
      problem: "exited",
      detail: "It died.",
      exitCode: 3,
    });
    expect(one({ runs })).toMatchObject({ phase: "failed", problem: "exited" });
    expect(one({ desired, observed: [running], runs })).toMatchObject({
      phase: "stopping",
      detail: "It died.",
    });
  });

  test("that a limit stops is stopping", () => {
    const stop = { cause: "storage-exceeded", orderedBy: "limit", detail: "Too much." } as const;

    // Also in the moment between its container's end and the record of it: an end by itself would be told for good.
    for (const seen of [running, dead])
      expect(
        one({
          desired: [order({}, { kind: "training", restarts: "never" })],
          observed: [seen],
          runs: [recordOf(key(), { stop })],
        }),
      ).toMatchObject({ phase: "stopping", detail: "Too much.", problem: null });
    expect(one({ desired, observed: [running], runs: [recordOf(key(), { stop })] })).toMatchObject({
      phase: "stopping",
      detail: "Too much.",
    });
  });

  test("of an epoch lower than known is failed as refused", () => {
    expect(one({ desired, knownEpochs: new Map([[instanceId("env-1"), 2]]) })).toMatchObject({
      phase: "failed",
      problem: "start-refused",
      detail: "Placement epoch 1 is older than 2, which this host has known.",
      knownEpoch: 2,
    });
  });
});

describe("a run that is to end", () => {
  test.each(["stopped", "removed"] as const)("want %s: stopping while anything is left", (want) => {
    const desired = [order({ want, orderedBy: "customer" })];

    for (const changes of [{ observed: [running] }, { observed: [dead] }, { runs: [recordOf(key())] }])
      expect(one({ desired, ...changes })).toMatchObject({
        phase: "stopping",
        detail: expect.stringContaining("ordered by customer"),
      });
  });

  test("nothing there: stopped where a stop is wanted, not mentioned where removal is", () => {
    expect(one({ desired: [order({ want: "stopped" })] })).toMatchObject({ phase: "stopped", problem: null });
    expect(report({ desired: [order({ want: "removed" })] })).toEqual([]);
  });

  test("a stop that overtook the restart before it is not done while the earlier run goes on", () => {
    const desired = [order({ ...key({ run: "run-2" }), want: "stopped" })];

    const reports = report({ desired, observed: [running], runs: [recordOf(key())] });

    expect(reports.map(({ runId: id, phase }) => [id, phase])).toEqual([
      ["run-2", "stopping"],
      ["run-1", "stopping"],
    ]);
    expect(one({ desired, observed: [dead], runs: [] })).toMatchObject({ runId: "run-2", phase: "stopped" });
  });

  test("that a newer run replaces is stopping, while the newer one starts", () => {
    const desired = [order(key({ run: "run-2" }))];

    expect(report({ desired, observed: [running], runs: [recordOf(key())] })).toMatchObject([
      {
        runId: "run-2",
        phase: "starting",
        detail: "It waits for its earlier run run-1 to stop on this host.",
      },
      { runId: "run-1", phase: "stopping", detail: "It gives way to run run-2." },
    ]);
  });
});

describe("an orphan", () => {
  test("is reported as it is, and as unknown to the desired set", () => {
    expect(one({ observed: [running], runs: [recordOf(key())] })).toMatchObject({
      phase: "ready",
      detail: "It runs, but the desired set does not name it.",
    });
    expect(one({ observed: [dead] })).toMatchObject({ phase: "stopping" });
  });

  test("another host's container is not reported at all", () => {
    expect(report({ observed: [{ ...running, owner: null }] })).toEqual([]);
  });
});

describe("while the runtime is silent", () => {
  test.each([
    [{ desired: [order()], runs: [recordOf(key())] }, "ready"],
    [{ desired: [order()] }, "starting"],
    [{ desired: [order({ want: "stopped" })], runs: [recordOf(key())] }, "stopping"],
    [{ desired: [order({ want: "removed" })], runs: [recordOf(key())] }, "stopping"],
    [{ runs: [recordOf(key())] }, "ready"],
  ])("%# the last known phase stands, with that problem", (changes, phase) => {
    expect(one({ ...changes, observed: null })).toMatchObject({ phase, problem: "runtime-down" });
  });

  test("an ended run stays ended", () => {
    expect(one({ observed: null, runs: [recordOf(key(), { end })] })).toMatchObject({
      phase: "failed",
      problem: "exited",
    });
  });
});

test("a sentence beyond the protocol's bound is cut", () => {
  const runs = [recordOf(key(), { end: { ...end, detail: "x".repeat(5_000) } })];

  expect(one({ runs })?.detail).toHaveLength(2_000);
});

test("restarts are reported from the record, while it runs and while the runtime is silent", () => {
  const ended = { exitCode: 137, outOfMemory: false, signal: "SIGKILL" };
  const last = { ...ended, finishedAt: "2026-01-01T00:01:00Z" };
  const runs = [recordOf(key(), { restarts: { count: 2, last } })];
  const reported = { restarts: { count: 2, ...ended } };

  expect(one({ desired: [order()], observed: [running], runs })?.restarts).toEqual(reported.restarts);
  expect(one({ desired: [order()], runs, observed: null })).toMatchObject(reported);
  expect(one({ desired: [order()], observed: [running], runs: [recordOf(key())] })).not.toHaveProperty(
    "restarts",
  );
});

describe("what a run left", () => {
  const desired = [order()];
  const remains = { exitCode: 3, outOfMemory: false, signal: null, tail: "last words\n" };
  const left = { outOfMemory: false, signal: null, tail: "last words\n" };

  test("is reported with its end, once it was read", () => {
    expect(one({ desired, observed: [dead], runs: [recordOf(key(), { end })] })).not.toHaveProperty(
      "remains",
    );
    expect(one({ desired, observed: [dead], runs: [recordOf(key(), { end, remains })] })).toMatchObject({
      phase: "failed",
      exitCode: 3,
      remains: left,
    });
  });

  test("is reported also when its container is gone, and while the runtime is silent", () => {
    const runs = [recordOf(key(), { end, remains })];

    expect(one({ desired, runs })).toMatchObject({ remains: left });
    expect(one({ desired, runs, observed: null })).toMatchObject({ remains: left });
  });

  test("is nothing where there is no container to read it from; a silent runtime may still have one", () => {
    const runs = [recordOf(key(), { end })];

    expect(one({ desired, runs })).toMatchObject({ remains: { ...left, tail: null } });
    expect(one({ desired, runs, observed: null })).not.toHaveProperty("remains");
  });

  test("is not reported of a run that lives, or whose container runs on", () => {
    expect(one({ desired, observed: [running], runs: [recordOf(key())] })).not.toHaveProperty("remains");
    expect(
      one({ desired, observed: [running], runs: [recordOf(key(), { end, remains })] }),
    ).not.toHaveProperty("remains");
  });

  test("fills in the exit code of an end that knew none", () => {
    const stopped = { ...end, phase: "stopped", exitCode: null } as const;
    const runs = [recordOf(key(), { end: stopped, remains: { ...remains, exitCode: 143 } })];

    expect(one({ desired, observed: [dead], runs })).toMatchObject({ exitCode: 143 });
  });
});

test.each([
  ["U+0000", "It said \u0000nothing.", "It said nothing."],
  ["half a character", "It said \ud83d.", "It said \ufffd."],
  ["a character at its limit cut in half", `${"x".repeat(1_999)}\u{1f600}`, `${"x".repeat(1_999)}\ufffd`],
])("what a tool printed can be stored: %s", (_, output, reported) => {
  const runs = [recordOf(key(), { end: { ...end, detail: output } })];

  expect(one({ desired: [order()], runs })?.detail).toBe(reported);
});

test("a gang's rank starts until it is let go, and is ready then", () => {
  const rank = { desired: [order({}, { gate: "released" })], observed: [running] };

  expect(one({ ...rank, runs: [recordOf(key(), { gate: null })] })).toMatchObject({
    phase: "starting",
    gateOpenedMs: null,
    detail: "Its container runs; its command is held back until all of its gang may go.",
  });
  expect(one({ ...rank, runs: [recordOf(key())] })).toMatchObject({ phase: "ready", gateOpenedMs: 100 });
});
