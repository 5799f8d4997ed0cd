/**
 * Whatever happens to a GPU, in whatever order: while a sign of failure is open it takes nothing new, and nobody is
 * charged for a millisecond after its last good sample. Played with the agent's own functions, its restarts included.
 */
import { explained } from "@remotegpu/shared/reasons/host-reports/statement";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { BootId, GpuUuid, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { NO_FINDINGS, signOf, type GpuCondition } from "@remotegpu/agent/core/gpus/gpu-condition";
import {
  afterFindings,
  afterSample,
  closedGpus,
  lostGpus,
  samplesNeeded,
  withoutCordon,
  type Cards,
} from "@remotegpu/agent/core/gpus/gpu-health";
import type { KernelEffect } from "@remotegpu/agent/core/gpus/kernel-lines/kernel-finding";
import { meter, type Life } from "@remotegpu/agent/core/metering/metering";
import { endOfBoot } from "@remotegpu/agent/core/metering/run-access";
import {
  cardProof,
  HELD_AT_MOST_MS,
  provenInBoot,
  type CardProof,
} from "@remotegpu/agent/core/metering/run-cards";
import type { EndOfBoot, UsageInterval } from "@remotegpu/agent/core/metering/usage-interval";
import {
  type FormerCard,
  formerCardsIn,
  gpuMemoryIn,
  lastingMemory,
} from "@remotegpu/agent/host/gpus/gpu-memory-file";
import { aGpuReport, CARD_A, CARD_B } from "../../../../support/samples/reports/gpu-reports.ts";

const A = CARD_A as GpuUuid;
const B = CARD_B as GpuUuid;
const bootOf = (n: number) => `${String(n).padStart(8, "0")}-1111-4111-8111-111111111111` as BootId;
const RUN = "run-1" as RunId;
const CONDITIONS: Record<string, GpuCondition> = {
  good: NO_FINDINGS,
  sign: { ...NO_FINDINGS, sign: signOf("requires-reset") },
  proof: { ...NO_FINDINGS, sign: signOf("gpu-lost", "proof") },
  silence: { ...NO_FINDINGS, sign: signOf("no-answer", "silence") },
  drain: {
    ...NO_FINDINGS,
    drain: { code: "recovery-drain-p2p", ...explained({ code: "gpu-recovery-drain-p2p", params: {} }) },
  },
};

type Move =
  | { kind: "sample"; output: string; isHeld: boolean; hasTick: boolean }
  /** The GPU is not listed. */
  | { kind: "gone" }
  /** nvidia-smi hangs: there is no sample. */
  | { kind: "hang" }
  | { kind: "finding"; effect: KernelEffect; isHistory: boolean; hasTick: boolean }
  | { kind: "restart" }
  /** The host, which takes its processes and its clock along; the agent looks before its first tick. */
  | { kind: "reboot"; output: string }
  | { kind: "lift" }
  | { kind: "process"; isOver: boolean; isEndKnown: boolean };

/** An agent with one run on one GPU, and what must be true of both by the samples that were taken. */
class World {
  cards: Cards = new Map();
  nowMs = 0;
  rows: UsageEntry[] = [];
  isOver = false;
  /** By the samples alone: the last good one, and whether one with a sign came after it. */
  goodMs: number | null = null;
  isSignOpen = false;
  /** When a process last ended while all was well: it is judged by its last reading, and charged to its own end. */
  endedWellMs = 0;
  /** Of boots that ended while all was not well: no later moment of them may be charged. */
  ended: { bootId: BootId; untilMs: number }[] = [];
  #boot = 1;
  #former: readonly FormerCard[] = [];
  #intervals = new Map<RunId, UsageInterval>();
  #watchedSinceMs = 0;
  #pid = 7;
  #sinceMs = 0;
  #saved = "";
  #file = "";
  #isStopped = false;

  play(move: Move, gapMs: number): void {
    this.nowMs += gapMs;
    const life = this.#happen(move);
    this.#save();
    if ("hasTick" in move && !move.hasTick) return;
    this.#tick(life, move.kind === "process" && move.isOver);
  }

  #happen(move: Move): Life {
    switch (move.kind) {
      case "sample":
        this.#sample(move.output, move.isHeld);
        return { state: "alive" };
      case "gone":
        this.cards = afterSample(this.cards, { gpus: [OTHER], held: new Set(), nowMs: this.nowMs });
        return { state: "alive" };
      case "finding":
        this.#hear(move);
        return { state: "alive" };
      case "restart":
        this.#restart();
        return { state: "alive" };
      case "reboot":
        this.#reboot(move.output);
        return { state: "alive" };
      case "lift":
        for (const { uuid, cordon } of this.cards.values())
          if (cordon !== null) this.cards = withoutCordon(this.cards, { uuid, sinceMs: cordon.sinceMs });
        return { state: "alive" };
      case "process":
        return { state: "ended", finishedMs: move.isEndKnown ? this.nowMs - 1 : null };
      case "hang":
        return { state: "alive" };
    }
  }

  #sample(output: string, isHeld: boolean): void {
    const condition = CONDITIONS[output] ?? NO_FINDINGS;
    const conditions = new Map([[A, condition]]);
    const held = new Set(isHeld ? [A] : []);
    this.cards = afterSample(this.cards, {
      gpus: [aGpuReport(), OTHER],
      conditions,
      held,
      nowMs: this.nowMs,
    });
    this.isSignOpen = condition.sign !== null;
    if (condition.sign === null && !lostGpus(this.cards).has(A)) this.goodMs = this.nowMs;
  }

  #hear({ effect, isHistory }: { effect: KernelEffect; isHistory: boolean }): void {
    const target = { kind: "gpu", busKey: "00000000:65:00" } as const;
    const found = { target, effect, code: "xid-1", reason: "why", pid: null };
    this.cards = afterFindings(this.cards, [found], { nowMs: this.nowMs, isHistory });
  }

  /** As the agent writes it down: only when something changed that must outlive it. */
  #save(): void {
    const cards = [...this.cards.values()];
    const memory = { bootId: this.#bootId, kernelSeq: null, cards, former: this.#former };
    const lasting = JSON.stringify(lastingMemory(memory));
    if (lasting !== this.#saved) this.#file = JSON.stringify(memory);
    this.#saved = lasting;
  }

  #reboot(output: string): void {
    const untilMs = Math.max(this.goodMs ?? 0, this.endedWellMs);
    if (this.isBad) this.ended.push({ bootId: this.#bootId, untilMs });
    this.#boot += 1;
    this.nowMs = 1_000;
    this.goodMs = null;
    this.endedWellMs = 0;
    this.#pid += 1;
    this.#sinceMs = 0;
    this.#restart();
    this.#sample(output, false);
  }

  #restart(): void {
    this.#former = formerCardsIn(this.#file, this.#bootId);
    const memory = gpuMemoryIn(this.#file, this.#bootId);
    this.cards = new Map((memory?.cards ?? []).map((card) => [card.uuid, card]));
    this.#watchedSinceMs = this.nowMs;
    this.#saved = "";
  }

  #tick(life: Life, isOver: boolean): void {
    if (lostGpus(this.cards).has(A)) this.#isStopped = true;
    const cards = this.#proof();
    const ended = this.#endOfBoot();
    if (life.state === "ended" && !this.isBad) this.endedWellMs = this.nowMs;
    const run = {
      runId: RUN,
      instanceId: "env-1" as InstanceId,
      placementEpoch: 1,
      process: { bootId: this.#bootId, pid: this.#pid, startTicks: 1, sinceMs: this.#sinceMs, life },
      isOver,
      cards,
      ...(ended !== undefined && { endOfBoot: ended }),
    };
    const now = { bootId: this.#bootId, nowMs: this.nowMs, wallMs: this.nowMs };
    for (const step of meter([run], this.#intervals, now)) {
      this.rows.push(...step.rows);
      if (step.interval === null) this.#intervals.delete(RUN);
      else this.#intervals.set(RUN, step.interval);
    }
    this.isOver = isOver;
    if (life.state !== "ended") return;
    this.#pid += 1;
    this.#sinceMs = this.nowMs;
  }

  /** A run that was stopped for its GPU stays without it. */
  #proof(): CardProof {
    const proof = cardProof([A], this.cards, { nowMs: this.nowMs, watchedSinceMs: this.#watchedSinceMs });
    return this.#isStopped && proof.kind !== "lost" ? { kind: "lost", lastGoodMs: null } : proof;
  }

  #endOfBoot(): EndOfBoot | undefined {
    const interval = this.#intervals.get(RUN);
    if (interval?.isOpen !== true || interval.bootId === this.#bootId) return undefined;
    const ofBoot = this.#former.filter(({ bootId }) => bootId === interval.bootId);
    const cards = new Map(ofBoot.map(({ card }) => [card.uuid, card]));
    return endOfBoot({}, interval, provenInBoot([A], cards, interval.endMs));
  }

  get #bootId(): BootId {
    return bootOf(this.#boot);
  }

  get isBad(): boolean {
    return this.isSignOpen || lostGpus(this.cards).has(A);
  }

  /** More is known of it than that nothing was heard. */
  get isKnownBad(): boolean {
    return this.cards.get(A)?.sign?.isEvidence === true || lostGpus(this.cards).has(A);
  }

  get chargedToMs(): number {
    return this.#chargedIn(this.#bootId);
  }

  /** Time of a boot that ended is charged after its last good sample, though a sign was open as it ended. */
  get isOverchargedBefore(): boolean {
    return this.ended.some(({ bootId, untilMs }) => this.#chargedIn(bootId) > untilMs);
  }

  #chargedIn(bootId: BootId): number {
    const charged = this.rows.filter((row) => row.bootId === bootId && row.proof !== "unproven");
    return Math.max(0, ...charged.map(({ endMs }) => endMs));
  }
}
const OTHER = aGpuReport({ uuid: B, index: 1, pciBusId: "00000000:66:00.0" });

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("sample" as const),
      output: fc.constantFrom("good", "good", "sign", "proof", "silence", "drain"),
      isHeld: fc.boolean(),
      hasTick: fc.boolean(),
    }),
  },
  fc.constant({ kind: "gone" as const }),
  { weight: 2, arbitrary: fc.constant({ kind: "hang" as const }) },
  fc.record({
    kind: fc.constant("finding" as const),
    effect: fc.constantFrom<KernelEffect>(
      "ignore",
      "note",
      "program-fault",
      "drain",
      "reset",
      "reboot",
      "replace",
    ),
    isHistory: fc.boolean(),
    hasTick: fc.boolean(),
  }),
  { weight: 2, arbitrary: fc.constant({ kind: "restart" as const }) },
  fc.record({
    kind: fc.constant("reboot" as const),
    output: fc.constantFrom("good", "good", "sign", "silence"),
  }),
  fc.constant({ kind: "lift" as const }),
  fc.record({
    kind: fc.constant("process" as const),
    isOver: fc.boolean(),
    isEndKnown: fc.boolean(),
  }),
);
/** Mostly between two ticks, now and then longer: the agent was down or held up. */
const gap = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 14_000 }) },
  fc.integer({ min: 1, max: 90_000 }),
);
const history = fc.array(fc.tuple(move, gap), { maxLength: 60 });

/** What was seen after each move of what must not be. */
function faultsIn(
  moves: readonly (readonly [Move, number])[],
  isFault: (world: World) => boolean,
): { faults: number[]; world: World } {
  const world = new World();
  const faults: number[] = [];
  world.play({ kind: "sample", output: "good", isHeld: true, hasTick: true }, 1_000);
  for (const [at, [each, gapMs]] of moves.entries()) {
    if (world.isOver) break;
    // Beyond that a meter that nobody helps goes on; what holds before is shown here.
    if (world.nowMs + gapMs - (world.goodMs ?? 0) > HELD_AT_MOST_MS && !world.isKnownBad) break;
    world.play(each, gapMs);
    if (isFault(world)) faults.push(at);
  }
  return { faults, world };
}

test("no order of samples, findings, restarts and reboots makes a GPU with an open sign sellable", () => {
  fc.assert(
    fc.property(history, (moves) => {
      const isSellable = ({ isBad, cards }: World) =>
        (isBad && !closedGpus(cards).has(A)) || closedGpus(cards).has(B);

      expect(faultsIn(moves, isSellable).faults).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

test("no order of them charges a millisecond after the last good sample while a sign is open", () => {
  fc.assert(
    fc.property(history, (moves) => {
      const isOvercharged = (world: World) =>
        world.isOverchargedBefore ||
        (world.isBad && world.chargedToMs > Math.max(world.goodMs ?? 0, world.endedWellMs));

      expect(faultsIn(moves, isOvercharged).faults).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

test("no order of them charges a millisecond twice, or before the run began", () => {
  fc.assert(
    fc.property(history, (moves) => {
      const { rows } = faultsIn(moves, () => false).world;
      for (const ofBoot of Map.groupBy(rows, ({ bootId }) => bootId).values())
        for (const [at, row] of ofBoot.entries())
          expect(row.startMs).toBeGreaterThanOrEqual(ofBoot[at - 1]?.endMs ?? 0);
    }),
  );
});

test("a sign that comes and goes charges all of a run's time, and lets nothing new in", () => {
  const world = new World();
  world.play({ kind: "sample", output: "good", isHeld: true, hasTick: true }, 10_000);
  for (let n = 0; n < 60; n += 1) {
    world.play(
      { kind: "sample", output: n % 2 === 0 ? "sign" : "good", isHeld: true, hasTick: true },
      10_000,
    );
    expect(closedGpus(world.cards).has(A)).toBe(true);
  }
  world.play({ kind: "sample", output: "good", isHeld: true, hasTick: true }, 10_000);
  world.play({ kind: "process", isOver: true, isEndKnown: true }, 5_000);

  expect(world.chargedToMs).toBe(world.nowMs - 1);
  expect(samplesNeeded(world.cards.get(A)?.cordons ?? 0)).toBe(6);
});

test("a sign that a reboot follows before the next tick charges to the last good sample, and closes nothing after it", () => {
  const world = new World();
  world.play({ kind: "sample", output: "good", isHeld: true, hasTick: true }, 10_000);
  world.play({ kind: "hang" }, 8_000);
  world.play({ kind: "sample", output: "sign", isHeld: true, hasTick: false }, 2_000);
  world.play({ kind: "reboot", output: "good" }, 1_000);

  const charged = world.rows.filter(({ proof }) => proof !== "unproven");
  expect(charged.map(({ endMs }) => endMs)).toEqual([10_000]);
  expect(closedGpus(world.cards).size).toBe(0);
});
