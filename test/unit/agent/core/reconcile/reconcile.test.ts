/** The agent's one decision, case by case. What holds over whole histories is in reconcile-histories.test.ts. */
import { describe, expect, test } from "vitest";
import { FREE_STOPS, reconcile } from "@remotegpu/agent/core/reconcile/reconcile";
import type { Action, RunEnd } from "@remotegpu/agent/core/runs/action";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { HostId } from "@remotegpu/shared/values/ids";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  HASH,
  OTHER_BOOT,
  RUNNING,
  at,
  containerOf,
  exited,
  gpu,
  instanceId,
  key,
  LEFT_BEHIND,
  reconcileInput,
  recordOf,
  runId,
} from "../../../../support/samples/run-samples.ts";

function order(
  changes: Partial<Omit<DesiredInstance, "spec">> = {},
  spec: Partial<DesiredInstance["spec"]> = {},
): DesiredInstance {
  return desiredOf("x", spec, { ...key(), ...changes });
}

const container = containerOf(key());
const deadContainer = containerOf(key(), exited(1));
const record = recordOf(key());
const ended: RunEnd = {
  phase: "failed",
  problem: "exited",
  detail: "It died.",
  exitCode: 1,
  orderedBy: null,
};

const remains = { exitCode: 143, outOfMemory: false, signal: "SIGTERM", tail: "" };

const kinds = (actions: Action[]) => actions.map((action) => action.kind);
const decide = (input: Parameters<typeof reconcileInput>[0]) => reconcile(reconcileInput(input));

describe("a gang's rank", () => {
  const desired = [order({}, { gate: "released", restarts: "never" })];
  const held = [recordOf(key(), { gate: null })];
  const letGo = new Set([runId("run-1")]);

  test("that runs is held: its gate stays shut", () => {
    expect(decide({ desired, observed: [container], runs: held })).toEqual([]);
  });

  test("opens its gate once its first process has let go, and no other's", () => {
    const seen = { desired, observed: [container], runs: held };

    expect(kinds(decide({ ...seen, flags: { letGo } }))).toEqual(["open-gate"]);
    expect(decide({ ...seen, flags: { letGo: new Set([runId("run-2")]) } })).toEqual([]);
    expect(decide({ ...seen, runs: [record], flags: { letGo } })).toEqual([]);
  });

  test("that was let go and has ended since is reported to have gone before its end is", () => {
    const seen = { desired, observed: [deadContainer], flags: { letGo } };

    expect(kinds(decide({ ...seen, runs: held }))).toEqual(["open-gate"]);
    expect(kinds(decide({ ...seen, runs: [record] }))).toContain("close-run");
  });

  test("that ends while it is held was never open", () => {
    const actions = kinds(decide({ desired, observed: [deadContainer], runs: held }));

    expect(actions).not.toContain("open-gate");
    expect(actions).toContain("close-run");
  });
});

describe("wanted", () => {
  test("and nothing there: it is started", () => {
    const desired = order();

    expect(decide({ desired: [desired] })).toEqual([{ kind: "start", ...key(), desired, attempt: 1 }]);
  });

  test("and running: the gate opens once, then nothing is left to do", () => {
    const desired = [order()];

    expect(decide({ desired, observed: [container], runs: [recordOf(key(), { gate: null })] })).toEqual([
      {
        kind: "open-gate",
        ...key(),
        containerId: container.containerId,
        pid: 4711,
        network: "ws-1",
        gpus: [],
      },
    ]);
    expect(decide({ desired, observed: [container], runs: [record] })).toEqual([]);
  });

  test("and running, unknown to the journal: it is adopted and not touched", () => {
    expect(decide({ desired: [order()], observed: [container] })).toEqual([
      {
        kind: "adopt",
        ...key(),
        containerId: container.containerId,
        specHash: HASH,
        network: "ws-1",
        gpus: [],
      },
    ]);
  });

  test("and running in another container than its record knows: what it holds is noted", () => {
    const holding = { containerId: "before", network: "ws-1", gpus: [], group: null };

    for (const known of [holding, undefined])
      expect(
        decide({ desired: [order()], observed: [container], runs: [recordOf(key(), { holding: known })] }),
      ).toMatchObject([{ kind: "note-holding", containerId: container.containerId, network: "ws-1" }]);
  });

  test("and left behind by the runtime: it goes on, and no second life of it begins beside the first", () => {
    const lost = containerOf(key(), LEFT_BEHIND);
    const desired = [order()];

    expect(decide({ desired, observed: [lost], runs: [record] })).toEqual([]);
    expect(decide({ desired, observed: [lost], runs: [recordOf(key(), { gate: null })] })).toMatchObject([
      { kind: "open-gate", pid: 4711 },
    ]);
  });

  test("and dead: the same container is started again, inside the run", () => {
    const desired = order();

    expect(decide({ desired: [desired], observed: [deadContainer], runs: [record] })).toEqual([
      {
        kind: "restart",
        ...key(),
        desired,
        containerId: deadContainer.containerId,
        attempt: 1,
        ended: { exitCode: 1, outOfMemory: false, signal: null, finishedAt: "2026-01-01T00:01:00Z" },
      },
    ]);
    expect(
      decide({
        desired: [desired],
        observed: [deadContainer],
        runs: [recordOf(key(), { lastStart: at(999_500) })],
      }),
    ).toEqual([]);
  });

  test("after a reboot: started again at once", () => {
    const runs = [recordOf(key(), { starts: 6, lastStart: at(10, OTHER_BOOT) })];

    expect(decide({ desired: [order()], observed: [deadContainer], runs, now: at(5) })).toMatchObject([
      { kind: "restart", attempt: 1 },
    ]);
  });

  test("and crashed too often: closed as failed, and then left alone", () => {
    const runs = [recordOf(key(), { starts: 6, lastStart: at(990_000) })];

    expect(decide({ desired: [order()], observed: [deadContainer], runs })).toMatchObject([
      { kind: "close-run", specHash: HASH, end: { phase: "failed", problem: "exited" } },
      { kind: "keep-remains" },
    ]);
    const over = recordOf(key(), { end: ended, remains });
    expect(decide({ desired: [order()], observed: [deadContainer], runs: [over] })).toEqual([]);
  });

  test("an ended run whose container lives is stopped again, with the end's words", () => {
    expect(
      decide({ desired: [order()], observed: [container], runs: [recordOf(key(), { end: ended })] }),
    ).toMatchObject([{ kind: "stop", cause: "already-ended", orderedBy: "limit", detail: "It died." }]);
  });

  test("a container that is just being removed is waited for", () => {
    const removing = containerOf(key(), { state: "removing" });

    expect(decide({ desired: [order()], observed: [removing], runs: [record] })).toEqual([]);
  });

  test("a host that refuses starts begins nothing and leaves what runs", () => {
    const flags = { startsRefused: "full" };

    expect(decide({ desired: [order()], flags })).toEqual([]);
    expect(decide({ desired: [order()], observed: [deadContainer], runs: [record], flags })).toEqual([]);
    expect(decide({ desired: [order()], observed: [container], runs: [record], flags })).toEqual([]);
  });
});

describe("to be stopped", () => {
  const desired = [order({ want: "stopped", orderedBy: "account" })];

  test("and running: stopped with its grace and its actor", () => {
    expect(decide({ desired, observed: [container], runs: [record] })).toEqual([
      {
        kind: "stop",
        ...key(),
        containerId: container.containerId,
        orderedBy: "account",
        cause: "ordered",
        detail: "Stopped; ordered by account.",
        reason: { code: "run-stopped-by", params: { actor: "account" } },
        graceSeconds: 5,
        isGraceOrdered: true,
      },
    ]);
  });

  test("without an actor, the control plane is it", () => {
    const orderless = [order({ want: "stopped" })];

    expect(decide({ desired: orderless, observed: [container], runs: [record] })).toMatchObject([
      { orderedBy: "control-plane" },
    ]);
  });

  test("and stopped: the run is closed once, its container stays until removal is ordered", () => {
    const stop = { cause: "ordered", orderedBy: "account", detail: "Stopped; ordered by account." } as const;
    const observed = [containerOf(key(), exited(143))];

    expect(decide({ desired, observed, runs: [recordOf(key(), { stop })] })).toEqual([
      {
        kind: "close-run",
        ...key(),
        specHash: HASH,
        end: { phase: "stopped", problem: null, detail: stop.detail, exitCode: 143, orderedBy: "account" },
      },
      {
        kind: "keep-remains",
        ...key(),
        containerId: observed[0]?.containerId,
        exitCode: 143,
        outOfMemory: false,
      },
    ]);
    expect(decide({ desired, observed, runs: [recordOf(key(), { stop, end: ended, remains })] })).toEqual([]);
  });

  test("and never started: closed as stopped where it is known, else nothing", () => {
    expect(decide({ desired, runs: [recordOf(key(), { containerId: null, gate: null })] })).toMatchObject([
      { kind: "close-run", end: { phase: "stopped", exitCode: null } },
    ]);
    expect(decide({ desired })).toEqual([]);
  });

  test("and running without a record: adopted first, so that its time is known", () => {
    expect(kinds(decide({ desired, observed: [container] }))).toEqual(["adopt"]);
  });
});

describe("to be removed", () => {
  const desired = [order({ want: "removed", orderedBy: "customer" })];

  test("goes in steps: stop, close and keep what is left, remove, forget", () => {
    const stopped = containerOf(key(), exited(143));

    expect(kinds(decide({ desired, observed: [container], runs: [record] }))).toEqual(["stop"]);
    expect(decide({ desired, observed: [stopped], runs: [record] })).toMatchObject([
      { kind: "close-run", end: { phase: "stopped", orderedBy: "customer" } },
      { kind: "keep-remains", containerId: stopped.containerId, exitCode: 143, outOfMemory: false },
    ]);
    expect(decide({ desired, observed: [stopped], runs: [recordOf(key(), { end: ended })] })).toMatchObject([
      { kind: "keep-remains" },
    ]);
    expect(
      decide({ desired, observed: [stopped], runs: [recordOf(key(), { end: ended, remains })] }),
    ).toMatchObject([{ kind: "remove", containerId: stopped.containerId }]);
    expect(kinds(decide({ desired, runs: [recordOf(key(), { end: ended })] }))).toEqual(["forget"]);
    expect(decide({ desired })).toEqual([]);
  });

  test("a dead container without a record is removed", () => {
    expect(kinds(decide({ desired, observed: [deadContainer] }))).toEqual(["remove"]);
  });
});

describe("a new run of the same placement", () => {
  const desired = [order(key({ run: "run-2" }))];

  test("waits until the old run's container is stopped, which goes first", () => {
    expect(decide({ desired, observed: [container], runs: [record] })).toEqual([
      expect.objectContaining({
        kind: "stop",
        ...key(),
        cause: "superseded",
        detail: "Stopped: run run-2 takes its place; ordered by control-plane.",
        // Nobody has ordered this grace: a stop that is under way keeps the one that was chosen for it.
        isGraceOrdered: false,
      }),
    ]);
  });

  test("starts in the round in which the old one is closed, and does not wait for its removal", () => {
    expect(kinds(decide({ desired, observed: [deadContainer], runs: [record] }))).toEqual([
      "close-run",
      "keep-remains",
      "start",
    ]);
  });

  test("the old run is forgotten when nothing of it is left", () => {
    const runs = [recordOf(key(), { end: ended }), recordOf(key({ run: "run-2" }))];

    expect(decide({ desired, observed: [containerOf(key({ run: "run-2" }))], runs })).toEqual([
      { kind: "forget", ...key() },
    ]);
  });
});

test("two orders for one card: one starts, the other follows when the card is free", () => {
  const one = order({}, { gpus: [gpu("a")] });
  const two = order(key({ instance: "env-2", run: "run-2" }), { gpus: [gpu("a")] });
  const observed = [containerOf(key(), RUNNING, { gpus: [gpu("a")] })];

  expect(decide({ desired: [one, two] })).toMatchObject([{ kind: "start", ...key() }]);
  expect(decide({ desired: [one, two], observed, runs: [record] })).toEqual([]);
});

describe("absence", () => {
  test("stops nothing: what runs and is not named runs on", () => {
    expect(decide({ observed: [container], runs: [record] })).toEqual([]);
    expect(decide({ observed: [container] })).toEqual([]);
    expect(decide({ observed: [container], runs: [recordOf(key(), { end: ended })] })).toEqual([]);
  });

  test("starts nothing either: what died by itself is closed", () => {
    expect(decide({ observed: [deadContainer], runs: [record] })).toMatchObject([
      { kind: "close-run", end: { phase: "failed", problem: "exited", orderedBy: null } },
      { kind: "keep-remains" },
    ]);
    expect(decide({ runs: [record] })).toMatchObject([
      { kind: "close-run", end: { problem: "container-lost" } },
    ]);
  });

  test("of labels, or another host's id, makes a container untouchable", () => {
    const observed = [
      { ...container, owner: null },
      containerOf(key(), RUNNING, { hostId: "host-b" as HostId }),
    ];

    expect(decide({ desired: [order({ want: "removed" })], observed })).toEqual([]);
    expect(kinds(decide({ desired: [order()], observed }))).toEqual(["start"]);
  });
});

test("a lower epoch than known is refused and named", () => {
  expect(decide({ desired: [order()], knownEpochs: new Map([[instanceId("env-1"), 3]]) })).toEqual([
    {
      kind: "refuse",
      ...key(),
      knownEpoch: 3,
      detail: "Placement epoch 1 is older than 3, which this host has known.",
      reason: { code: "epoch-outdated", params: { epoch: 1, known_epoch: 3 } },
    },
  ]);
});

describe("limits of this host", () => {
  const desired = [order({}, { gpus: [gpu("a"), gpu("b")] })];
  const vanished = {
    lostGpus: new Map([[gpu("b").uuid, { cause: "gpu-missing" as const, detail: "GPU b is gone." }]]),
  };

  test("a vanished GPU fails its own containers only", () => {
    const other = order(key({ instance: "env-2", run: "run-2" }), { gpus: [gpu("c")] });
    const observed = [container, containerOf(key({ instance: "env-2", run: "run-2" }))];
    const runs = [record, recordOf(key({ instance: "env-2", run: "run-2" }))];

    expect(decide({ desired: [...desired, other], observed, runs, flags: vanished })).toMatchObject([
      { kind: "stop", ...key(), cause: "gpu-missing", orderedBy: "limit" },
    ]);
  });

  test("a run whose GPU has vanished is not started, and fails once stopped", () => {
    expect(decide({ desired, flags: vanished })).toMatchObject([
      { kind: "close-run", end: { phase: "failed", problem: "gpu-missing" } },
    ]);
    const stop = { cause: "gpu-missing", orderedBy: "limit", detail: "gone" } as const;
    expect(decide({ desired, observed: [deadContainer], runs: [recordOf(key(), { stop })] })).toMatchObject([
      { kind: "close-run", end: { phase: "failed", problem: "gpu-missing", detail: "gone", exitCode: 1 } },
      { kind: "keep-remains" },
    ]);
  });

  test("a failed GPU fails its container with that reason", () => {
    const loss = { cause: "gpu-failed" as const, detail: "GPU a failed. Xid 79: the GPU fell off the bus." };
    const flags = { lostGpus: new Map([[gpu("a").uuid, loss]]) };

    expect(decide({ desired, observed: [container], runs: [record], flags })).toMatchObject([
      { kind: "stop", ...key(), ...loss, orderedBy: "limit" },
    ]);
    const stop = { ...loss, orderedBy: "limit" as const };
    expect(decide({ desired, observed: [deadContainer], runs: [recordOf(key(), { stop })] })).toMatchObject([
      { kind: "close-run", end: { phase: "failed", problem: "gpu-failed", detail: loss.detail } },
      { kind: "keep-remains" },
    ]);
  });

  test("a GPU that takes nothing new keeps what runs and starts nothing", () => {
    const flags = { closedGpus: new Map([[gpu("a").uuid, "Xid 48: an uncorrectable memory error."]]) };

    expect(decide({ desired, observed: [container], runs: [record], flags })).toEqual([]);
    expect(decide({ desired, flags })).toEqual([]);
  });

  test.each([
    { kind: "gpu-unseen" as const },
    { kind: "gpu-stranger" as const, stranger: { pid: 7, name: "Xorg", memoryMib: null } },
  ])("a GPU that is not clear ($kind) keeps what runs and starts nothing, not even again", (why) => {
    const flags = { unclearGpus: new Map([[gpu("a").uuid, why]]) };

    expect(decide({ desired, observed: [container], runs: [record], flags })).toEqual([]);
    expect(decide({ desired, flags })).toEqual([]);
    expect(decide({ desired, observed: [deadContainer], runs: [record], flags })).toEqual([]);
    expect(decide({ desired, observed: [deadContainer], runs: [record] })).toMatchObject([
      { kind: "restart" },
    ]);
  });

  test("a run beyond its storage is stopped with that reason", () => {
    const overStorage = new Map([[runId("run-1"), "Too much."]]);

    expect(
      decide({ desired: [order()], observed: [container], runs: [record], flags: { overStorage } }),
    ).toMatchObject([{ kind: "stop", cause: "storage-exceeded", detail: "Too much.", orderedBy: "limit" }]);
  });

  test("a run that fills the host's disk is stopped with that reason, in a short grace, and stays so", () => {
    const fillingDisk = new Map([[runId("run-1"), "It wrote most."]]);
    const desired = [order({ live: { ...order().live, stopGraceSeconds: 300 } })];
    const stop = { cause: "disk-filled", orderedBy: "limit", detail: "It wrote most." } as const;

    expect(decide({ desired, observed: [container], runs: [record], flags: { fillingDisk } })).toMatchObject([
      { kind: "stop", ...stop, graceSeconds: 5 },
    ]);
    expect(decide({ desired, observed: [deadContainer], runs: [recordOf(key(), { stop })] })).toContainEqual(
      expect.objectContaining({
        kind: "close-run",
        end: expect.objectContaining({ phase: "failed", problem: "disk-filled", detail: "It wrote most." }),
      }),
    );
  });

  test("a stop that was begun goes on, even when its reason has passed", () => {
    const stop = { cause: "storage-exceeded", orderedBy: "limit", detail: "Too much." } as const;

    expect(
      decide({ desired: [order()], observed: [container], runs: [recordOf(key(), { stop })] }),
    ).toMatchObject([{ kind: "stop", cause: "storage-exceeded", detail: "Too much." }]);
  });

  test.each([
    ["keep", 60, 1e9, []],
    ["stop_after", 60, 59_999, []],
    ["stop_after", 60, 60_000, ["stop"]],
    ["stop_after", null, 1e9, []],
  ] as const)(
    "cut off with %s %s s, since %s ms: %j",
    (onDisconnect, stopAfterSeconds, disconnectedMs, expected) => {
      const live = { stopGraceSeconds: 5, onDisconnect, stopAfterSeconds };

      const actions = decide({
        desired: [order({ live })],
        observed: [container],
        runs: [record],
        flags: { disconnectedMs },
      });

      expect(kinds(actions)).toEqual(expected);
    },
  );
});

describe("after a reboot, before anybody was heard", () => {
  const stopAfter = order({
    live: { stopGraceSeconds: 5, onDisconnect: "stop_after", stopAfterSeconds: 60 },
  });
  const ended = { observed: [deadContainer], runs: [record] };

  test("what is to go on is started again", () => {
    const flags = { awaitsContact: true };

    expect(kinds(decide({ desired: [order()], ...ended, flags }))).toEqual(["restart"]);
  });

  test.each([
    [59_999, []],
    [60_000, ["close-run", "keep-remains"]],
  ])("what has a stop_after of 60 s is not started; cut off for %i ms: %j", (disconnectedMs, expected) => {
    const flags = { awaitsContact: true, disconnectedMs };

    expect(kinds(decide({ desired: [stopAfter], ...ended, flags }))).toEqual(expected);
  });

  test("it is started again as soon as somebody is heard", () => {
    const flags = { awaitsContact: false, disconnectedMs: 0 };

    expect(kinds(decide({ desired: [stopAfter], ...ended, flags }))).toEqual(["restart"]);
  });
});

describe("an unconfirmed snapshot", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, at) => key({ instance: `i-${at}`, run: `r-${at}` }));
  const world = (stops: number, running: number) => {
    const keys = many(running);
    return {
      desired: keys.map((run, index) => order({ ...run, want: index < stops ? "stopped" : "running" })),
      observed: keys.map((run) => containerOf(run)),
      runs: keys.map((run) => recordOf(run)),
      flags: { stopsUnconfirmed: true },
    };
  };

  test.each([
    [FREE_STOPS, FREE_STOPS, false],
    [FREE_STOPS + 1, FREE_STOPS + 1, true],
    [FREE_STOPS + 1, 2 * (FREE_STOPS + 1), false],
    [FREE_STOPS + 1, 2 * (FREE_STOPS + 1) - 1, true],
  ])("that stops %i of %i: held is %s", (stops, running, isHeld) => {
    const actions = decide(world(stops, running));

    expect(kinds(actions)).toEqual(isHeld ? ["hold-stops"] : Array.from({ length: stops }, () => "stop"));
  });

  test("holds orders only: a limit still stops, a start still starts, a confirmed one stops all", () => {
    const { desired, observed, runs } = world(5, 6);
    const sixth = desired[5]?.runId ?? runId("none");
    const more = [...desired, order(key({ instance: "new", run: "new" }))];
    const flags = { stopsUnconfirmed: true, overStorage: new Map([[sixth, "Too much."]]) };

    expect(kinds(decide({ desired: more, observed, runs, flags }))).toEqual(["hold-stops", "stop", "start"]);
    expect(kinds(decide({ desired, observed, runs }))).toEqual(Array.from({ length: 5 }, () => "stop"));
  });
});

describe("an orphan whose grace is over and whose removal the operator wants", () => {
  const reapedOrphans = new Set([container.containerId]);
  const reaped = { cause: "orphaned", orderedBy: "limit" } as const;
  const stop = { ...reaped, detail: "Nobody asked." };

  test.each([
    ["that the journal does not know is written down first", { observed: [container] }, ["adopt"]],
    ["that runs is stopped", { observed: [container], runs: [record] }, ["stop"]],
    [
      "that has ended has it written down why it goes",
      { observed: [deadContainer], runs: [record] },
      ["stop"],
    ],
    [
      "whose stop is over is closed",
      { observed: [deadContainer], runs: [{ ...record, stop }] },
      ["close-run", "keep-remains"],
    ],
    [
      "of which is known what it left is removed",
      { observed: [deadContainer], runs: [{ ...record, stop, end: ended, remains }] },
      ["remove"],
    ],
    ["that is gone is forgotten", { runs: [{ ...record, stop, end: ended }] }, ["forget"]],
  ])("%s", (_what, seen, expected) => {
    expect(kinds(reconcile(reconcileInput({ ...seen, flags: { reapedOrphans } })))).toEqual(expected);
  });

  test("names by whom and why", () => {
    const [stop] = reconcile(
      reconcileInput({ observed: [container], runs: [record], flags: { reapedOrphans } }),
    );

    expect(stop).toMatchObject({ ...reaped, detail: expect.stringContaining("nobody has asked for it") });
  });

  test("stays while stops wait for their confirmation", () => {
    const flags = { reapedOrphans, stopsUnconfirmed: true };

    expect(reconcile(reconcileInput({ observed: [container], runs: [record], flags }))).toEqual([]);
  });

  test("stays when it is ordered after all", () => {
    const input = reconcileInput({
      desired: [order()],
      observed: [container],
      runs: [record],
      flags: { reapedOrphans },
    });

    expect(reconcile(input)).toEqual([]);
  });
});
