/**
 * The last whole desired set, as pulled. It survives restarts and cut-offs. Only numbers that go up replace it, and
 * absence takes nothing away: what a new set lacks stays, marked, unless its removal was ordered and is done.
 */
import type { BareOrder, DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { DesiredFetch } from "@remotegpu/shared/instance/image-fetch";
import type { DesiredLease } from "@remotegpu/shared/instance/lease";
import type { Cut, GatewayAddress, KeySet } from "@remotegpu/shared/instance/ssh-access";
import { DesiredCuts } from "./desired-cuts.ts";
import { DesiredFetches } from "./desired-fetches.ts";
import { DesiredGateways } from "./desired-gateways.ts";
import { DesiredKeySets } from "./desired-key-sets.ts";
import { DesiredLeases } from "./desired-leases.ts";
import type { Statements } from "../database/journal-database.ts";
import { seal, unsealBy, Unsealed, type StoredSeal } from "../database/sealed.ts";
import { storedOrder } from "./stored-order.ts";

export interface PulledSet {
  term: number;
  generation: number;
  confirmedStops: number | null;
  instances: readonly DesiredInstance[];
  /** Orders in words of a later control plane, as they came; absent: none. */
  notUnderstood?: readonly { order: BareOrder; raw: unknown }[] | undefined;
  /** Absent from a control plane that knows none: nothing is said of them. */
  leases?: readonly DesiredLease[] | undefined;
  /** Absent: none. */
  fetches?: readonly DesiredFetch[] | undefined;
  /** Absent: none. */
  keySets?: readonly KeySet[] | undefined;
  /** Absent: none. */
  cuts?: readonly Cut[] | undefined;
  /** Absent: none. */
  gateways?: readonly GatewayAddress[] | undefined;
}

export interface StoredDesiredSet {
  term: number;
  generation: number;
  confirmedStops: number | null;
  /** Since the last rise of term or incarnation nobody has lifted the guard against a mass stop. */
  stopsAreGuarded: boolean;
  instances: (DesiredInstance & { isAbsent: boolean })[];
  /** Orders of which this agent understands no more than this; `why` names what it does not. */
  notUnderstood: (BareOrder & { isAbsent: boolean; why: string })[];
}

export type ReplaceOutcome =
  | { applied: true }
  | { applied: false; reason: "older-term" | "older-generation" };

interface AppliedNumbers {
  term: number;
  generation: number;
  confirmed_stops: number | null;
  stops_guarded: number;
}

interface StoredDesired extends StoredSeal {
  instance_id: InstanceId;
  placement_epoch: number;
  absent: number;
}

export class DesiredStore {
  readonly leases: DesiredLeases;
  readonly fetches: DesiredFetches;
  readonly keySets: DesiredKeySets;
  readonly cuts: DesiredCuts;
  readonly gateways: DesiredGateways;
  readonly #database: Statements;
  readonly #unsealed = new Unsealed(storedOrder);

  constructor(database: Statements) {
    this.#database = database;
    this.leases = new DesiredLeases(database);
    this.fetches = new DesiredFetches(database);
    this.keySets = new DesiredKeySets(database);
    this.cuts = new DesiredCuts(database);
    this.gateways = new DesiredGateways(database);
  }

  read(): StoredDesiredSet {
    const { term, generation, confirmed_stops: confirmedStops, stops_guarded } = this.#applied();
    const stored = this.#stored();
    const unsealed = this.#unsealed.all(stored, (row) => `${row.instance_id} ${row.placement_epoch}`);
    const instances: StoredDesiredSet["instances"] = [];
    const notUnderstood: StoredDesiredSet["notUnderstood"] = [];
    for (const [at, { absent }] of stored.entries()) {
      const found = unsealed[at];
      const isAbsent = absent === 1;
      if (found?.kind === "understood") instances.push({ ...found.order, isAbsent });
      if (found?.kind === "not-understood") notUnderstood.push({ ...found.order, isAbsent, why: found.why });
    }
    return {
      term,
      generation,
      confirmedStops,
      stopsAreGuarded: stops_guarded === 1,
      instances,
      notUnderstood,
    };
  }

  /** Takes a whole pulled set, or refuses one with an older term or generation. The same set again is harmless. */
  replace(set: PulledSet): ReplaceOutcome {
    return this.#database.write(() => {
      const applied = this.#applied();
      if (set.term < applied.term) return { applied: false, reason: "older-term" };
      if (set.generation < applied.generation) return { applied: false, reason: "older-generation" };
      this.#database.prepare("UPDATE desired SET absent = 1").run();
      const put = this.#database.prepare(
        `INSERT INTO desired (instance_id, placement_epoch, want, entry, entry_hash)
         VALUES (:instanceId, :placementEpoch, :want, :entry, :entry_hash)
         ON CONFLICT (instance_id, placement_epoch)
         DO UPDATE SET want = :want, entry = :entry, entry_hash = :entry_hash, absent = 0`,
      );
      const orders = set.instances.map((order) => ({ order, raw: order }));
      for (const { order, raw } of [...orders, ...(set.notUnderstood ?? [])]) {
        const { instanceId, placementEpoch, want } = order;
        put.run({ instanceId, placementEpoch, want, ...seal(raw) });
      }
      if (set.leases !== undefined) this.leases.replace(set.leases);
      this.fetches.replace(set.fetches ?? []);
      this.keySets.replace(set.keySets ?? []);
      this.cuts.replace(set.cuts ?? []);
      this.gateways.replace(set.gateways ?? []);
      this.#database
        .prepare(
          `UPDATE meta SET term = :term, generation = :generation, confirmed_stops = :confirmedStops,
                  stops_guarded = CASE WHEN :term > term THEN 1 ELSE stops_guarded END`,
        )
        .run({ term: set.term, generation: set.generation, confirmedStops: set.confirmedStops });
      this.#dropDone();
      return { applied: true };
    });
  }

  /** A placement whose removal was ordered has no container any more. It is dropped once the set lacks it, too. */
  confirmGone(instanceId: InstanceId, placementEpoch: number): void {
    this.#database.write(() => {
      this.#database
        .prepare(
          `UPDATE desired SET gone = 1
            WHERE instance_id = ? AND placement_epoch = ? AND want = 'removed'`,
        )
        .run(instanceId, placementEpoch);
      this.#dropDone();
    });
  }

  /** The stops after a rise of term or incarnation are few, or were confirmed. */
  liftStopGuard(): void {
    this.#database.write(() => this.#database.prepare("UPDATE meta SET stops_guarded = 0").run());
  }

  /**
   * Drops entries whose stored bytes changed by themselves and steps the generation back, so that the set is pulled
   * again. Their containers are without an order until then, which stops nothing. Returns how many were dropped.
   */
  mend(): number {
    const damaged = this.#stored().filter((row) => unsealBy(row, storedOrder) === null);
    const damagedLeases = this.leases.damaged();
    const damagedFetches = this.fetches.damaged();
    const damagedKeySets = this.keySets.damaged();
    const damagedCuts = this.cuts.damaged();
    const damagedGateways = this.gateways.damaged();
    const ofOthers = [damagedLeases, damagedFetches, damagedKeySets, damagedCuts, damagedGateways];
    const count = ofOthers.reduce((sum, { length }) => sum + length, damaged.length);
    if (count === 0) return 0;
    this.#database.write(() => {
      this.leases.drop(damagedLeases);
      this.fetches.drop(damagedFetches);
      this.keySets.drop(damagedKeySets);
      this.cuts.drop(damagedCuts);
      this.gateways.drop(damagedGateways);
      const drop = this.#database.prepare(
        "DELETE FROM desired WHERE instance_id = ? AND placement_epoch = ?",
      );
      for (const row of damaged) drop.run(row.instance_id, row.placement_epoch);
      this.#database.prepare("UPDATE meta SET generation = max(0, generation - 1)").run();
    });
    return count;
  }

  #dropDone(): void {
    this.#database.prepare("DELETE FROM desired WHERE absent = 1 AND gone = 1 AND want = 'removed'").run();
  }

  #stored(): StoredDesired[] {
    return this.#database
      .prepare<[], StoredDesired>(
        "SELECT instance_id, placement_epoch, entry, entry_hash, absent FROM desired ORDER BY 1, 2",
      )
      .all();
  }

  #applied(): AppliedNumbers {
    const applied = this.#database
      .prepare<[], AppliedNumbers>("SELECT term, generation, confirmed_stops, stops_guarded FROM meta")
      .get();
    if (applied === undefined) throw new Error("the journal has no meta row");
    return applied;
  }
}
