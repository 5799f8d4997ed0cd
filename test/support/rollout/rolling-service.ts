/**
 * A service whose replicas find places, start, serve, fail and drain by chance, and whose rollout is asked every five
 * seconds what is wanted. Whoever asks may die before anything is done. Keeps to what is ordered, and watches the promise.
 */
import type { Answers } from "@remotegpu/control-plane/server/core/inference/rollout/revision-fault";
import {
  lackOf,
  type RevisionReplica,
} from "@remotegpu/control-plane/server/core/inference/rollout/revision-replicas";
import {
  rolloutStep,
  type RolloutStep,
} from "@remotegpu/control-plane/server/core/inference/rollout/rollout";
import type { Begun, Versions } from "@remotegpu/control-plane/server/core/inference/rollout/versions";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { type Draw, drawFrom } from "@remotegpu/control-plane/server/core/placement/scoring/draw";

const CHECK_MS = 5_000;
const START_MS = 20_000;
const DRAIN_CHECKS = 6;
const GIVEN_UP_MS = 60_000;
const ANSWERS_PER_CHECK = 25;
const FAILED_PER_CHECK = 8;

/** What becomes of a replica of a revision. */
export type Manner = "good" | "never-ready" | "no-image" | "errors";

interface Member extends RevisionReplica {
  born: number;
}

export class RollingService {
  readonly #draw: Draw;
  readonly #manners: ReadonlyMap<number, Manner>;
  #members: Member[];
  #born = 0;
  #answers = new Map<number, Answers>();
  versions: Versions = { serving: 1, previous: null, rollout: null };
  wanted: number;
  /** Places that there are for replicas, drained ones included. */
  places = 100;
  /** Of a hundred: how often a look comes to nothing, and how often a replica fails its checks or ends. */
  deaths = 0;
  failures = 0;
  sentences: string[] = [];
  /** Serving replicas that were fewer, by a step of the rollout's own, than was promised. */
  broken: string[] = [];
  leastServing: number;
  mostPresent = 0;

  constructor(wanted: number, manners: Record<number, Manner>, seed: number) {
    this.#draw = drawFrom(seed);
    this.#manners = new Map(Object.entries(manners).map(([revision, manner]) => [Number(revision), manner]));
    this.wanted = wanted;
    this.leastServing = wanted;
    this.#members = Array.from({ length: wanted }, () => this.#made(1, "serving"));
  }

  servingOf(revision?: number): number {
    return this.#members.filter(
      (member) => member.phase === "serving" && (revision ?? member.revision) === member.revision,
    ).length;
  }

  /** All that are there to stay, whatever they do. */
  presentOf(): number[] {
    return this.#members.filter(({ phase }) => phase !== "draining").map(({ revision }) => revision);
  }

  begin({ begun, ...rest }: Begun): boolean {
    if (!begun || !("versions" in rest)) return false;
    this.versions = rest.versions;
    this.#answers = new Map();
    return true;
  }

  play(checks: number): this {
    for (let check = 0; check < checks; check += 1) this.check();
    return this;
  }

  check(): void {
    this.#live();
    const step = rolloutStep({
      versions: this.versions,
      wanted: this.wanted,
      replicas: this.#members,
      answers: this.#answers,
      names: new Map([...this.#manners.keys()].map((revision) => [revision, `v${revision}`])),
    });
    if (this.#happens(this.deaths)) return;
    this.versions = step.versions;
    if (step.sentence !== null) this.sentences.push(inEnglish(step.sentence));
    this.#follow(step);
  }

  #follow({ wanted, versions: { serving, rollout } }: RolloutStep): void {
    const before = this.servingOf();
    const gapFrom = rollout?.gapFrom ?? null;
    const isBack = rollout !== null && rollout.cause !== null;
    const makesRoom = gapFrom !== null || (isBack && lackOf(this.#members, serving) !== null);
    this.#members = this.#members.filter(({ fault }) => fault === null);
    for (const revision of this.#manners.keys()) this.#scale(revision, wanted.get(revision) ?? 0);
    const promised = Math.min(this.wanted, gapFrom ?? this.wanted) - (makesRoom ? 1 : 0);
    const after = this.servingOf();
    if (after < Math.min(before, promised)) this.broken.push(`${before} → ${after} of ${this.wanted}`);
    this.leastServing = Math.min(this.leastServing, after);
    this.mostPresent = Math.max(this.mostPresent, this.presentOf().length);
  }

  /** What waits goes first, then what starts, then what fails, then the newest. */
  #scale(revision: number, wanted: number): void {
    const order = ["waiting", "starting", "failing", "serving"];
    const own = this.#members
      .filter((member) => member.revision === revision && member.phase !== "draining")
      .toSorted((a, b) => order.indexOf(a.phase) - order.indexOf(b.phase) || b.born - a.born);
    for (const leaving of own.slice(0, Math.max(0, own.length - wanted)))
      if (leaving.phase === "serving") Object.assign(leaving, { phase: "draining", phaseForMs: 0 });
      else this.#members = this.#members.filter((member) => member !== leaving);
    for (let made = own.length; made < wanted; made += 1) this.#members.push(this.#made(revision, "waiting"));
  }

  #live(): void {
    for (const member of this.#members) member.phaseForMs += CHECK_MS;
    for (const member of this.#members) this.#liveOne(member);
    this.#members = this.#members.filter(({ phase }) => phase !== "draining" || this.#draw(DRAIN_CHECKS) > 0);
  }

  #liveOne(member: Member): void {
    const manner = this.#manners.get(member.revision) ?? "good";
    const becomes = (phase: Member["phase"]) => Object.assign(member, { phase, phaseForMs: 0, lacks: null });
    const fails = (why: string) =>
      Object.assign(member, { fault: { why: asReported(why), isHopeless: true } });
    switch (member.phase) {
      case "waiting":
        if (this.#members.filter(({ phase }) => phase !== "waiting").length < this.places)
          becomes("starting");
        else member.lacks = asReported("No host has a card that is free.");
        return;
      case "starting":
        if (manner === "no-image") fails("No registry has its image.");
        else if (manner === "never-ready") {
          if (member.phaseForMs > GIVEN_UP_MS) fails("It was not ready in time.");
        } else if (member.phaseForMs >= START_MS) becomes("serving");
        return;
      case "serving":
        this.#answer(member.revision, manner);
        if (this.#happens(this.failures)) becomes("failing");
        return;
      case "failing":
        if (!this.#happens(50)) becomes("serving");
        return;
      case "draining":
    }
  }

  #answer(revision: number, manner: Manner): void {
    const { requests, failed } = this.#answers.get(revision) ?? { requests: 0, failed: 0 };
    this.#answers.set(revision, {
      requests: requests + ANSWERS_PER_CHECK,
      failed: failed + (manner === "errors" ? FAILED_PER_CHECK : 0),
    });
  }

  #made(revision: number, phase: Member["phase"]): Member {
    this.#born += 1;
    return { born: this.#born, revision, phase, phaseForMs: 0, lacks: null, fault: null };
  }

  #happens(ofHundred: number): boolean {
    return this.#draw(100) < ofHundred;
  }
}
