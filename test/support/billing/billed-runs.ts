/**
 * Runs of every kind that a proof has to tell of, taken through the real ingest and the real hour tick around the end of
 * a month, with the signatures of real hosts' keys. What is written below as minutes counts from the beginning.
 */
import type { BrokenReason } from "@remotegpu/control-plane/server/core/billing/waived-time";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { verifySignature } from "@remotegpu/control-plane/server/link/identity/signature";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { fixBootZero } from "@remotegpu/control-plane/server/store/billing/runs/run-time";
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import { waiveRun } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { HostKeys } from "@remotegpu/control-plane/server/store/hosts/host-keys";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import {
  at,
  CHINA,
  type Claim,
  openScene,
  openSceneRun,
  type Scene,
  SceneJournal,
} from "./metering-scene.ts";

const MINUTE = 60_000;
/** Two hours before midnight in China; the month ends with them. */
const BEGIN = Date.parse("2026-03-31T14:00:00Z") - at(0).getTime();
const HOURS = 6;

const ms = (minutes: number) => BEGIN + Math.round(minutes * MINUTE);
const moment = (minutes: number) => at(ms(minutes));

export interface BilledScene extends Scene {
  /** Of the run whose proof is asked for. */
  readonly runId: string;
  /** Run ids of others on the same host. */
  readonly foreign: readonly string[];
}

/** Something that happens so many minutes after the beginning. */
type Step = readonly [minute: number, happens: () => Promise<void>];

export class BilledRuns {
  readonly #database: Database;
  readonly #steps: Step[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  /** Lets everything happen in its order; at a full hour the charges come last. */
  async play(): Promise<void> {
    const ticks = Array.from({ length: HOURS + 1 }, (_, hour): Step => [hour * 60, () => this.#tick(hour)]);
    for (const [, happens] of [...this.#steps, ...ticks].toSorted(([a], [b]) => a - b)) await happens();
  }

  async open(name: string): Promise<OpenScene> {
    const database = this.#database;
    const scene = await openScene(database, name);
    const folder = mkdtempSync(join(tmpdir(), "host-key-"));
    const key = openHostKey(join(folder, "host.nk"));
    rmSync(folder, { recursive: true });
    await database.query("INSERT INTO host_credentials (nkey, host_id, issued_at) VALUES ($1, $2, $3)", [
      key.publicKey,
      scene.hostId,
      moment(-1),
    ]);
    await openSceneRun(database, scene, `run-${name}`, moment(0));
    return new OpenScene(database, this.#steps, { ...scene, runId: `run-${name}`, foreign: [] }, key.sign);
  }

  /** A price that holds later on, known from the beginning. */
  async price(minute: number, unitPrice: string): Promise<void> {
    const price = { spec: "A", line: "spec", unitPrice, billingUnit: "hour", createdBy: null } as const;
    await transaction(this.#database, (tx) =>
      addPrice(tx, { ...price, effectiveFrom: moment(minute) }, moment(-60)),
    );
  }

  async #tick(hour: number): Promise<void> {
    const now = moment(hour * 60);
    const term = await acquireLeadership(this.#database, { holder: "one", now });
    await chargeDueHours({ db: this.#database, calendar: CHINA }, { term: term ?? 0, now });
  }
}

/** A claim in minutes, of the scene's run by default. */
export interface Minutes extends Partial<Omit<Claim, "fromMs" | "toMs">> {
  readonly from: number;
  readonly to: number;
}

export class OpenScene {
  scene: BilledScene;
  readonly #database: Database;
  readonly #steps: Step[];
  readonly #sign: (text: string) => string;
  #journal: SceneJournal;

  constructor(database: Database, steps: Step[], scene: BilledScene, sign: (text: string) => string) {
    this.#database = database;
    this.#steps = steps;
    this.scene = scene;
    this.#sign = sign;
    this.#journal = new SceneJournal(scene, sign);
  }

  /** Another customer's run on the same host. */
  async stranger(name: string): Promise<string> {
    const other = await openScene(this.#database, name);
    const runId = `run-${randomUUID()}`;
    await openSceneRun(this.#database, { ...other, hostId: this.scene.hostId }, runId, moment(0));
    this.scene = { ...this.scene, foreign: [...this.scene.foreign, runId] };
    return runId;
  }

  async boot(): Promise<string> {
    const bootId = randomUUID();
    const { hostId } = this.scene;
    // Its clock began half an hour before everything.
    await fixBootZero(this.#database, {
      hostId,
      bootId,
      monotonicMs: 0,
      receivedAt: moment(-30),
      roundTripMs: 0,
    });
    return bootId;
  }

  /** The host loses its journal and begins another. */
  newJournal(): void {
    this.#journal = new SceneJournal(this.scene, this.#sign);
  }

  write(claim: Minutes): number {
    return this.#journal.write(this.#claim(claim));
  }

  /** The host writes another row in its place, and what comes after it anew. */
  rewrite(seq: number, claim: Minutes): void {
    this.#journal.rewrite(seq, this.#claim(claim));
  }

  lose(seq: number): void {
    this.#journal.lose(seq);
  }

  writeLost(): number {
    return this.#journal.writeLost("the row is missing");
  }

  sendAt(minute: number, firstSeq: number, lastSeq = firstSeq): void {
    const batch = this.#journal.batch(firstSeq, lastSeq);
    const verify = async (hostId: string, text: string, signature: string) =>
      (await new HostKeys(this.#database).ofHost(hostId)).some((nkey) =>
        verifySignature(nkey, text, signature),
      );
    const deps = { db: this.#database, verify, calendar: CHINA };
    this.#steps.push([
      minute,
      async () => void (await ingestBatch(deps, this.scene.hostId, batch, moment(minute))),
    ]);
  }

  /** The database was restored to a moment without this row, and its host has forgotten it since. */
  forgottenAt(minute: number, seq: number): void {
    const { id } = this.#journal;
    this.#steps.push([
      minute,
      () =>
        transaction(this.#database, async (tx) => {
          // As a replica applies changes: the rows are append-only to everybody else.
          await tx.query("SET LOCAL session_replication_role = replica");
          const where = "WHERE journal_id = $1 AND";
          await tx.query(`DELETE FROM usage_rows ${where} seq = $2`, [id, seq]);
          await tx.query(`DELETE FROM usage_batches ${where} last_seq = $2`, [id, seq]);
        }),
    ]);
  }

  breaksAt(
    minute: number,
    { from, to, reason = "gpu-lost" }: { from: number; to: number; reason?: BrokenReason },
  ): void {
    this.#steps.push([
      minute,
      async () =>
        void (await transaction(this.#database, (tx) =>
          waiveBroken(
            tx,
            {
              runId: this.scene.runId,
              reason,
              from: moment(from),
              to: moment(to),
              evidence: { sentence: "the card fell off the bus" },
            },
            moment(minute),
          ),
        )),
    ]);
  }

  stopsAt(minute: number): void {
    const { runId } = this.scene;
    this.#steps.push([
      minute,
      () =>
        transaction(this.#database, (tx) => waiveRun(tx, { runId, from: moment(minute), reason: "stop" })),
    ]);
  }

  #claim({ from, to, ...rest }: Minutes): Claim {
    // The clock of a second boot began half an hour before everything.
    const offset = rest.bootId === undefined ? BEGIN : 30 * MINUTE;
    const [fromMs, toMs] = [from, to].map((minute) => Math.round(minute * MINUTE) + offset);
    return { run: this.scene.runId, ...rest, fromMs: fromMs ?? 0, toMs: toMs ?? 0 };
  }
}
