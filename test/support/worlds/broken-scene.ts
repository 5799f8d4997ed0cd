/**
 * A fleet of which something breaks, minute by minute from a full hour on: hosts that a test speaks for, their journal,
 * the hour's tick and the pass that makes broken time free. The clock stands still between the steps.
 */
import { randomUUID } from "node:crypto";
import { brokenTimePass } from "@remotegpu/control-plane/server/controllers/billing/broken-time";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { lifecyclePass } from "@remotegpu/control-plane/server/controllers/lifecycle";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { BootId, JournalId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { vi } from "vitest";
import type { Answer, Caller } from "../http/api.ts";
import type { ControlScene, ScriptedHost } from "./control-scene.ts";
import { CHINA, SceneJournal } from "../billing/metering-scene.ts";

type HostReport = Partial<Pick<ObservedInstance, "phase" | "detail" | "problem" | "exitCode">>;

export interface Span {
  reason: string;
  /** Minutes of the story. */
  from: number;
  to: number | null;
  sentence: string;
}

export class BrokenScene {
  readonly scene: ControlScene;
  readonly host: ScriptedHost;
  readonly alice: Caller & { customerId: number };
  readonly #baseMs: number;
  readonly #journalScene: ConstructorParameters<typeof SceneJournal>[0] & { bootId: string };
  readonly #journal: SceneJournal;
  #sent = 0;
  #written = 0;

  /** Begins at the next full hour, on a host of its own with this many cards. */
  static async begin(scene: ControlScene, name: string, gpus: number): Promise<BrokenScene> {
    const baseMs = Math.ceil((Date.now() + 1) / MS_PER_HOUR) * MS_PER_HOUR;
    vi.setSystemTime(baseMs);
    const alice = await scene.customer(`alice-${name}`);
    const story = new BrokenScene(scene, await scene.host(`host-${name}`, { gpus }), alice, baseMs);
    await story.tick();
    return story;
  }

  private constructor(scene: ControlScene, host: ScriptedHost, alice: BrokenScene["alice"], baseMs: number) {
    this.scene = scene;
    this.host = host;
    this.alice = alice;
    this.#baseMs = baseMs;
    this.#journalScene = { customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId };
    this.#journal = new SceneJournal(this.#journalScene);
  }

  get #db(): Database {
    return this.scene.api.db;
  }

  /** The clock goes to that minute of the story. */
  at(minute: number): void {
    vi.setSystemTime(this.#baseMs + minute * MS_PER_MINUTE);
  }

  /** An environment with a card, placed on the host and told to it. */
  async order(change: object = {}): Promise<{ id: string; wanted: DesiredInstance }> {
    const { id } = (await this.scene.order(this.alice, { gpu: 1, ...change })).body;
    await this.scene.schedule();
    const { rows } = await this.#db.query<{ run_id: string }>(
      "SELECT id AS run_id FROM runs WHERE resource_id = $1",
      [id],
    );
    const wanted = (await this.host.pull()).find(({ runId }) => runId === rows[0]?.run_id);
    if (wanted === undefined) throw new Error(`${id} was not placed on ${this.host.id}`);
    return { id, wanted };
  }

  async ordered(report: HostReport = { phase: "ready" }): Promise<{ id: string; wanted: DesiredInstance }> {
    const made = await this.order();
    await this.report([[made.wanted, report]]);
    return made;
  }

  /** A heartbeat with the cards as they are, of the boot that the host is in. */
  async beat(change: object = {}): Promise<Awaited<ReturnType<ScriptedHost["heartbeat"]>>> {
    const { bootId } = this.#journalScene;
    return await this.host.heartbeat({
      bootId,
      agentEpoch: bootId === this.host.bootId ? 1 : 2,
      gpus: this.host.gpus,
      ...change,
    });
  }

  async report(reported: readonly (readonly [DesiredInstance, HostReport])[]): Promise<void> {
    await this.host.report(reported.map(([wanted, report]) => this.host.observedOf(wanted, report)));
  }

  /** The host starts anew and is heard; its journal has rows that are not decided yet, or none. */
  async reboot({ rowsLeft = 0 } = {}): Promise<Awaited<ReturnType<ScriptedHost["heartbeat"]>>> {
    this.#journalScene.bootId = BootId.parse(randomUUID());
    const journal = { id: JournalId.parse(this.#journal.id), headSeq: this.#written + rowsLeft };
    return await this.beat({
      monotonicMs: 60_000,
      journal: { ...journal, headHash: "0".repeat(64), watermarkSeen: 0 },
    });
  }

  /** The host's journal proves these minutes of the story, in a boot of it; sent now. */
  async proves(
    wanted: DesiredInstance,
    [from, to]: readonly [number, number],
    { final = false, bootId = this.#journalScene.bootId }: { final?: boolean; bootId?: string } = {},
  ): Promise<void> {
    const { rows } = await this.#db.query<{ utc_at_zero: Date }>(
      "SELECT utc_at_zero FROM host_boots WHERE host_id = $1 AND boot_id = $2",
      [this.host.id, bootId],
    );
    const zeroMs = rows[0]?.utc_at_zero.getTime() ?? 0;
    const inBoot = (minute: number) => Math.round(this.#baseMs + minute * MS_PER_MINUTE - zeroMs);
    const now = this.#journalScene.bootId;
    this.#journalScene.bootId = bootId;
    this.#written = this.#journal.write({
      run: wanted.runId,
      instanceId: wanted.instanceId,
      epoch: wanted.placementEpoch,
      fromMs: inBoot(from),
      toMs: inBoot(to),
      final,
    });
    this.#journalScene.bootId = now;
    const deps = { db: this.#db, verify: () => Promise.resolve(true), calendar: CHINA };
    const batch = this.#journal.batch(this.#sent + 1, this.#written);
    this.#sent = this.#written;
    const { quarantined } = await ingestBatch(deps, this.host.id, batch, this.scene.api.deps.now());
    if (quarantined > 0) throw new Error(`the host claimed minutes ${from} to ${to} in vain`);
  }

  async pass(db = this.#db): Promise<void> {
    await brokenTimePass({ db }, await this.#leads());
  }

  async tick(): Promise<void> {
    await chargeDueHours({ db: this.#db, calendar: CHINA }, await this.#leads());
  }

  async lifecycle(): Promise<void> {
    await lifecyclePass({ db: this.#db, nudge: () => undefined }, await this.#leads());
  }

  async #leads(): Promise<{ term: number; now: Date }> {
    const now = this.scene.api.deps.now();
    const term = await acquireLeadership(this.#db, { holder: "the test", now });
    if (term === null) throw new Error("somebody else leads");
    return { term, now };
  }

  /** What the run's people see of it. */
  async run({ id }: { id: string }): Promise<{ charged: string; minutes: number; waived: Span[] }> {
    const answer = await this.request(`/environments/${id}/instances`);
    const [run] = answer.body.items[0].runs;
    const minuteOf = (time: string) => (Date.parse(time) - this.#baseMs) / MS_PER_MINUTE;
    return {
      charged: run.charged,
      minutes: run.billed_minutes,
      waived: run.waived.map(
        (one: { from: string; to: string | null; reason: string; sentence: string }) => ({
          ...one,
          from: minuteOf(one.from),
          to: one.to === null ? null : minuteOf(one.to),
        }),
      ),
    };
  }

  async request(path: string): Promise<Answer> {
    return await this.scene.api.request("GET", `/api/v1${path}`, { as: this.alice });
  }

  /** What was posted to the run, in order. */
  async postings({
    wanted,
  }: {
    wanted: DesiredInstance;
  }): Promise<{ kind: string; amount: string; reason: string | null }[]> {
    const { rows } = await this.#db.query<{ kind: string; amount: string; reason: string | null }>(
      `SELECT t.source_kind AS kind, e.amount, t.reason FROM ledger_transactions t
         JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
        WHERE t.run_id = $1 ORDER BY t.id`,
      [wanted.runId],
    );
    return rows;
  }
}
