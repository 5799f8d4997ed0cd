/**
 * What holds over whole histories: a world of orders, containers and a journal is driven by random orders, crashes
 * and failures, and by nothing but the decision under test.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Action } from "@remotegpu/agent/core/runs/action";
import type { Container, OwnedContainer } from "@remotegpu/agent/core/container/container";
import { isRunning, isSameRun } from "@remotegpu/agent/core/container/container";
import { observedInstances } from "@remotegpu/agent/core/reconcile/lifecycle";
import { reconcile } from "@remotegpu/agent/core/reconcile/reconcile";
import { MAX_STARTS } from "@remotegpu/agent/core/runs/restart-policy";
import {
  recordAfter,
  recordRemains,
  recordStarted,
  recordTrouble,
} from "@remotegpu/agent/core/runs/run-record";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import type { Probed } from "@remotegpu/agent/core/probes/probe-state";
import type { HostId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  HOST,
  LEFT_BEHIND,
  RUNNING,
  STARTED_AT,
  at,
  containerOf,
  exited,
  gpu,
  key,
  reconcileInput,
} from "../../../../support/samples/run-samples.ts";

const ROUND_MS = 1_000;
/** Enough for every wait of a row of starts. */
const QUIET_ROUNDS = 200;
const CARDS = ["a", "b"];
/** Its gate is a probe. */
const REPLICA = 2;
const PROBE_TEXTS = {
  "not-yet": { serving: "not-yet", unwell: null },
  yes: { serving: "yes", unwell: null },
  no: { serving: "no", unwell: null },
  never: { serving: "not-yet", unwell: { hasServed: false, detail: "It did not serve." } },
  "no-more": { serving: "no", unwell: { hasServed: true, detail: "It failed its probes." } },
} as const;

const NOTHING_SPECIAL = {
  startsRefused: null,
  awaitsContact: false,
  closedGpus: new Map(),
  refusedGpus: new Map(),
  unclearGpus: new Map(),
  waits: new Map(),
  notEnding: new Map(),
  disagreements: new Map(),
};

const FOREIGN = {
  ...containerOf(key({ instance: "env-0", run: "foreign" })),
  owner: null,
  containerId: "foreign",
};
const NEIGHBOUR = {
  ...containerOf(key({ instance: "env-0", run: "run-0-1-0" }), RUNNING, { hostId: "host-b" as HostId }),
  containerId: "neighbour",
};

class World {
  desired: DesiredInstance[] = [];
  containers: Container[] = [FOREIGN, NEIGHBOUR];
  runs: RunRecord[] = [];
  readonly knownEpochs = new Map<InstanceId, number>();
  nowMs = 0;
  readonly starts = new Map<string, number>();
  /** Instances whose start or stop the runtime refuses for now. */
  readonly refuses = new Set<InstanceId>();
  /** What probes of replicas said last, where that was in this life of their container. */
  readonly probed = new Map<RunId, Probed>();
  /** Containers that the runtime does not know any more and whose processes are alive. */
  readonly removed = new Set<string>();

  round(): Action[] {
    this.nowMs += ROUND_MS;
    const actions = reconcile(this.input());
    for (const action of actions) this.#perform(action);
    return actions;
  }

  input() {
    const { desired, runs, knownEpochs, probed } = this;
    const now = at(this.nowMs);
    return reconcileInput({ desired, observed: this.containers, runs, knownEpochs, flags: { probed }, now });
  }

  own(): OwnedContainer[] {
    return this.containers.filter(
      (container): container is OwnedContainer => container.owner !== null && container.owner.hostId === HOST,
    );
  }

  #perform(action: Action): void {
    if (action.kind === "hold-stops") return;
    const before = this.runs.find((run) => isSameRun(run, action)) ?? null;
    const after = recordAfter(before, action, at(this.nowMs));
    this.#keep(before, after);
    switch (action.kind) {
      case "start":
      case "restart":
        this.starts.set(action.runId, (this.starts.get(action.runId) ?? 0) + 1);
        if (after) this.#keep(after, this.#start(action, after));
        return;
      case "end-unwell":
      case "stop":
        if (!this.refuses.has(action.instanceId)) this.#end(action.containerId);
        return;
      case "remove":
        this.containers = this.containers.filter((container) => container.containerId !== action.containerId);
        return;
      case "keep-remains": {
        const { exitCode, outOfMemory } = action;
        if (after) this.#keep(after, recordRemains(after, { exitCode, outOfMemory, signal: null, tail: "" }));
        return;
      }
      case "adopt":
      case "open-gate":
      case "note-holding":
      case "note-serving":
      case "note-refusal":
      case "close-run":
      case "forget":
      case "refuse":
    }
  }

  /** What somebody had removed from the runtime is gone with its last process. */
  #end(containerId: string): void {
    if (this.removed.delete(containerId))
      this.containers = this.containers.filter((container) => container.containerId !== containerId);
    else this.#set(containerId, exited(143));
  }

  #start(action: Extract<Action, { kind: "start" | "restart" }>, record: RunRecord): RunRecord {
    if (this.refuses.has(action.instanceId)) {
      return recordTrouble(record, { problem: "runtime-error", detail: "refused" });
    }
    this.probed.delete(action.runId);
    const { gpus } = action.desired.spec;
    const container = containerOf(action, RUNNING, { gpus });
    this.containers = [...this.containers.filter((c) => c.containerId !== container.containerId), container];
    return recordStarted(record, { containerId: container.containerId, network: "ws-1", gpus });
  }

  #set(containerId: string, status: Container["status"]): void {
    this.containers = this.containers.map((container) =>
      container.containerId === containerId ? { ...container, status } : container,
    );
  }

  #keep(before: RunRecord | null, after: RunRecord | null): void {
    this.runs = [...this.runs.filter((run) => run !== before), ...(after ? [after] : [])];
    if (after) {
      const known = this.knownEpochs.get(after.instanceId) ?? 0;
      this.knownEpochs.set(after.instanceId, Math.max(known, after.placementEpoch));
    }
  }

  /** The runtime calls it ended, or has it removed, and its processes go on. */
  leaveBehind(index: number, isRemoved: boolean): void {
    const container = this.own()[index % Math.max(1, this.own().length)];
    if (!container || !isRunning(container)) return;
    this.#set(container.containerId, LEFT_BEHIND);
    if (isRemoved) this.removed.add(container.containerId);
  }

  crash(index: number, exitCode: number): void {
    const container = this.own()[index % Math.max(1, this.own().length)];
    if (container && isRunning(container)) this.#set(container.containerId, exited(exitCode));
  }

  /** What the probe of a replica that runs says from now on. */
  probe(report: keyof typeof PROBE_TEXTS): void {
    for (const { owner } of this.own().filter(isRunning))
      if (owner.instanceId === `env-${REPLICA}`)
        this.probed.set(owner.runId, { ...PROBE_TEXTS[report], got: null, startedAt: STARTED_AT });
  }

  lose(index: number): void {
    const container = this.own()[index % Math.max(1, this.own().length)];
    if (container) this.containers = this.containers.filter((other) => other !== container);
  }

  order(order: {
    instance: number;
    epoch: number;
    run: number;
    want: DesiredInstance["want"];
    card: number;
  }): void {
    const { instance, epoch, run, want } = order;
    const wanted = desiredOf(
      "x",
      { gpus: [gpu(CARDS[order.card] ?? "a")], ...(instance === REPLICA && { gate: "probe" as const }) },
      { ...key({ instance: `env-${instance}`, epoch, run: `run-${instance}-${epoch}-${run}` }), want },
    );
    const same = (other: DesiredInstance) =>
      other.instanceId === wanted.instanceId && other.placementEpoch === wanted.placementEpoch;
    this.desired = [...this.desired.filter((other) => !same(other)), wanted];
  }
}

type Step =
  | {
      kind: "order";
      instance: number;
      epoch: number;
      run: number;
      want: DesiredInstance["want"];
      card: number;
    }
  | { kind: "crash"; index: number; exitCode: number }
  | { kind: "lose"; index: number }
  | { kind: "leave-behind"; index: number; isRemoved: boolean }
  | { kind: "probe"; text: keyof typeof PROBE_TEXTS }
  | { kind: "drop"; index: number }
  | { kind: "lose-journal" }
  | { kind: "refuse"; instance: number; refuses: boolean }
  | { kind: "wait"; rounds: number };

const small = fc.integer({ min: 0, max: 2 });
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("order" as const),
        instance: small,
        epoch: fc.integer({ min: 1, max: 3 }),
        run: small,
        want: fc.constantFrom("running", "running", "stopped", "removed"),
        card: fc.integer({ min: 0, max: 1 }),
      }),
    },
    fc.record({
      kind: fc.constant("crash" as const),
      index: fc.nat(9),
      exitCode: fc.constantFrom(0, 1, 137),
    }),
    fc.record({ kind: fc.constant("lose" as const), index: fc.nat(9) }),
    fc.record({
      kind: fc.constant("leave-behind" as const),
      index: fc.nat(9),
      isRemoved: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("probe" as const),
      text: fc.constantFrom("not-yet", "yes", "no", "never", "no-more"),
    }),
    fc.record({ kind: fc.constant("drop" as const), index: fc.nat(9) }),
    fc.record({ kind: fc.constant("lose-journal" as const) }),
    fc.record({ kind: fc.constant("refuse" as const), instance: small, refuses: fc.boolean() }),
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("wait" as const), rounds: fc.integer({ min: 1, max: 20 }) }),
    },
  ),
  { maxLength: 40 },
);

function take(world: World, step: Step, onRound: (actions: Action[], before: Container[]) => void): void {
  switch (step.kind) {
    case "order":
      world.order(step);
      break;
    case "crash":
      world.crash(step.index, step.exitCode);
      break;
    case "lose":
      world.lose(step.index);
      break;
    case "leave-behind":
      world.leaveBehind(step.index, step.isRemoved);
      break;
    case "probe":
      world.probe(step.text);
      break;
    case "drop":
      world.desired = world.desired.filter((_, index) => index !== step.index);
      break;
    case "lose-journal":
      world.runs = [];
      break;
    case "refuse":
      if (step.refuses) world.refuses.add(`env-${step.instance}` as InstanceId);
      else world.refuses.clear();
      break;
    case "wait":
      break;
  }
  for (let round = 0; round < (step.kind === "wait" ? step.rounds : 1); round += 1) {
    const before = world.containers;
    onRound(world.round(), before);
  }
}

function play(
  history: Step[],
  onRound: (world: World, actions: Action[], before: Container[]) => void,
): World {
  const world = new World();
  for (const step of history) take(world, step, (actions, before) => onRound(world, actions, before));
  return world;
}

const RUNS = { numRuns: 300 };

const isStart = (action: Action) => action.kind === "start" || action.kind === "restart";

test("only its own containers are ever touched, and every stop names who ordered it", () => {
  fc.assert(
    fc.property(steps, (history) => {
      const world = play(history, (_world, actions) => {
        const touched = actions.flatMap((action) => ("containerId" in action ? [action.containerId] : []));
        expect(touched.filter((containerId) => !containerId.startsWith("container-of-"))).toEqual([]);
        const stops = actions.filter((action) => action.kind === "stop");
        expect(stops.filter((stop) => !stop.orderedBy)).toEqual([]);
      });

      expect(world.containers).toContain(FOREIGN);
      expect(world.containers).toContain(NEIGHBOUR);
    }),
    RUNS,
  );
});

test("no two containers of one instance and no two holders of one card run at once", () => {
  fc.assert(
    fc.property(steps, (history) => {
      play(history, (world) => {
        const running = world.own().filter(isRunning);
        const instances = running.map(({ owner }) => owner.instanceId);
        const cards = running.flatMap(({ owner }) => owner.gpus.map((card) => card.uuid));
        expect(new Set(instances).size).toBe(instances.length);
        expect(new Set(cards).size).toBe(cards.length);
      });
    }),
    RUNS,
  );
});

test("nothing that lives is removed, called over or forgotten, whatever the runtime reports of it", () => {
  fc.assert(
    fc.property(steps, (history) => {
      play(history, (world, actions, before) => {
        const alive = before.filter((container) => container !== NEIGHBOUR && isRunning(container));
        const given = actions.filter(
          ({ kind }) => kind === "remove" || kind === "forget" || kind === "restart",
        );
        const taken = given.filter(
          (action) =>
            "runId" in action && alive.some(({ owner }) => owner !== null && isSameRun(owner, action)),
        );
        expect(taken).toEqual([]);
        const { flags: _flags, ...input } = world.input();
        const reports = observedInstances({ ...input, ...NOTHING_SPECIAL, observed: world.containers });
        const over = reports.filter(({ phase }) => phase === "stopped" || phase === "failed");
        const refused = over.filter(({ problem }) => problem !== "start-refused");
        const lies = refused.filter((report) =>
          world.own().some((container) => isRunning(container) && isSameRun(container.owner, report)),
        );
        expect(lies).toEqual([]);
      });
    }),
    RUNS,
  );
});

test("a replica is metered from a moment at which it served, and ended by its probe only to be started again", () => {
  fc.assert(
    fc.property(steps, (history) => {
      play(history, (world, actions) => {
        const isReplica = (action: Action) =>
          "instanceId" in action && action.instanceId === `env-${REPLICA}`;
        const opened = actions.filter((action) => action.kind === "open-gate" && isReplica(action));
        const early = opened.filter(
          (action) => "runId" in action && world.probed.get(action.runId)?.serving !== "yes",
        );
        const ended = actions.filter(({ kind }) => kind === "end-unwell");
        const isOver = (action: Action) =>
          world.runs.some(
            (run) => "runId" in action && isSameRun(run, action) && (run.stop !== null || run.end !== null),
          );

        expect(early).toEqual([]);
        expect(ended.filter((action) => !isReplica(action) || isOver(action))).toEqual([]);
      });
    }),
    RUNS,
  );
});

test("what an absent order leaves behind is never stopped or removed", () => {
  fc.assert(
    fc.property(steps, (history) => {
      play(history, (world, actions) => {
        const taken = actions.filter((action) => action.kind === "stop" || action.kind === "remove");
        const unordered = taken.filter(
          (action) => !world.desired.some((desired) => desired.instanceId === action.instanceId),
        );
        expect(unordered).toEqual([]);
      });
    }),
    RUNS,
  );
});

test("stops come before starts in every round", () => {
  fc.assert(
    fc.property(steps, (history) => {
      play(history, (_world, actions) => {
        const lastStop = actions.findLastIndex((action) => action.kind === "stop");
        expect(actions.slice(0, Math.max(0, lastStop)).filter(isStart)).toEqual([]);
      });
    }),
    RUNS,
  );
});

test("a run is closed once, and nothing of it starts afterwards", () => {
  fc.assert(
    fc.property(
      steps.map((history) => history.filter((step) => step.kind !== "lose-journal")),
      (history) => {
        // A run that was removed and then ordered anew is a new one to the host; the control plane never does that.
        const closed = new Set<string>();
        play(history, (_world, actions) => {
          const again = actions.filter(
            (action) =>
              (isStart(action) || action.kind === "close-run") &&
              "runId" in action &&
              closed.has(action.runId),
          );
          expect(again).toEqual([]);
          for (const action of actions) {
            if (action.kind === "forget") closed.delete(action.runId);
            if (action.kind === "close-run") closed.add(action.runId);
          }
        });
      },
    ),
    RUNS,
  );
});

/** Orders that the world does not look like. */
function unsettled(world: World): DesiredInstance[] {
  return world.desired.filter((desired) => {
    const container = world.own().find(({ owner }) => isSameRun(owner, desired)) ?? null;
    const record = world.runs.find((run) => isSameRun(run, desired));
    switch (desired.want) {
      case "running":
        return false;
      case "stopped":
        return isRunning(container);
      case "removed":
        return container !== null || record !== undefined;
    }
  });
}

test("left alone, the world settles on what is wanted", () => {
  fc.assert(
    fc.property(steps, (history) => {
      const world = play(history, () => undefined);
      world.refuses.clear();

      for (let round = 0; round < QUIET_ROUNDS; round += 1) world.round();

      expect(world.round().filter((action) => action.kind !== "refuse")).toEqual([]);
      expect(unsettled(world)).toEqual([]);
    }),
    RUNS,
  );
});

test("a lone order that is wanted runs in the end, or has failed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ index: fc.nat(3), exitCode: fc.constantFrom(0, 1) }), { maxLength: 30 }),
      (crashes) => {
        const world = new World();
        world.order({ instance: 1, epoch: 1, run: 1, want: "running", card: 0 });

        for (const crash of crashes) {
          world.round();
          world.crash(crash.index, crash.exitCode);
        }
        for (let round = 0; round < QUIET_ROUNDS; round += 1) world.round();

        const isUp = world.own().some(isRunning);
        const hasFailed = world.runs.some((run) => run.end?.phase === "failed");
        expect([isUp, hasFailed].filter(Boolean)).toHaveLength(1);
      },
    ),
    RUNS,
  );
});

test("a container that dies at once is started a bounded number of times", () => {
  const world = new World();
  world.order({ instance: 1, epoch: 1, run: 1, want: "running", card: 0 });

  for (let round = 0; round < 2 * QUIET_ROUNDS; round += 1) {
    world.round();
    world.crash(0, 1);
  }

  expect(world.starts.get("run-1-1-1")).toBe(MAX_STARTS);
});

test("every report is one the protocol allows, and names each run once", () => {
  fc.assert(
    fc.property(steps, fc.boolean(), (history, isBlind) => {
      play(history, (world) => {
        const { flags: _flags, ...input } = world.input();
        const reports = observedInstances({
          ...input,
          ...NOTHING_SPECIAL,
          observed: isBlind ? null : world.containers,
        });

        expect(reports.map((report) => ObservedInstance.parse(report))).toEqual(reports);
        const names = reports.map((report) => `${report.placementEpoch} ${report.runId}`);
        expect(new Set(names).size).toBe(reports.length);
      });
    }),
    RUNS,
  );
});
