/**
 * Some hours of one host with an environment, a job and a service, minute by minute from a full hour on: orders, usage,
 * money and the loops of a server that leads. Its database may be backed up and restored in between.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { takeBackup } from "@remotegpu/control-plane/server/backup/backup";
import { PaymentLog } from "@remotegpu/control-plane/server/backup/payment-log";
import { restoreCommand } from "@remotegpu/control-plane/server/commands/restore-command";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { Leadership } from "@remotegpu/control-plane/server/controllers/leadership";
import { loops, type LoopEngines } from "@remotegpu/control-plane/server/loops";
import { JournalId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { GIB, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { CHINA, SceneJournal } from "../billing/metering-scene.ts";
import { type FreshDatabase, freshDatabase } from "../engines/postgres.ts";
import { quietLog } from "../quiet-log.ts";
import { type ControlScene, openControlScene, type ScriptedHost } from "./control-scene.ts";

const BASE_MS = Date.parse("2026-03-10T02:00:00Z");
const SIZE = { cpu: 1, memory: GIB, gpu: 1 };
const KINDS = ["environment", "training_job", "inference_service"];

export interface BillLine {
  resource_name: string;
  line: string;
  minutes: number;
  amount: string;
}

export class RestoredLife {
  readonly scene: ControlScene;
  readonly host: ScriptedHost;
  readonly alice: Awaited<ReturnType<ControlScene["customer"]>>;
  readonly folder: string;
  readonly #fresh: FreshDatabase;
  readonly #journal: SceneJournal;
  readonly #payments: PaymentLog;
  #leadership: Leadership;
  #table: ReturnType<typeof loops>;
  /** What runs on the host by its own knowledge, and until which minute it is metered. */
  readonly #runs = new Map<string, { wanted: DesiredInstance; metered: number }>();
  #minute = 0;
  #written = 0;

  static async begin(): Promise<RestoredLife> {
    vi.setSystemTime(BASE_MS);
    const fresh = await freshDatabase();
    const scene = await openControlScene(fresh);
    const alice = await scene.customer("alice");
    const life = new RestoredLife({ fresh, scene, alice, host: await scene.host("host-a", { gpus: 4 }) });
    await life.pass("leadership", "charging");
    return life;
  }

  private constructor(world: {
    fresh: FreshDatabase;
    scene: ControlScene;
    alice: RestoredLife["alice"];
    host: ScriptedHost;
  }) {
    ({ scene: this.scene, alice: this.alice, host: this.host } = world);
    this.#fresh = world.fresh;
    this.folder = mkdtempSync(join(tmpdir(), "remotegpu-life-"));
    this.#payments = new PaymentLog(join(this.folder, "payments"));
    this.scene.api.deps.recordPayment = (payment) => this.#payments.record(payment);
    const { id: hostId, bootId, journalId } = this.host;
    this.#journal = new SceneJournal({ customerId: 0, workspaceId: 0, hostId, bootId }, undefined, journalId);
    [this.#leadership, this.#table] = this.#server("first");
  }

  async close(): Promise<void> {
    await this.#payments.close();
    await this.scene.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The loops of a server that begins now. */
  #server(holder: string): [Leadership, ReturnType<typeof loops>] {
    const { deps } = this.scene.api;
    const leadership = new Leadership(deps.db, { holder, former: null });
    const nothing = { pass: () => Promise.resolve() };
    const engines: LoopEngines = {
      db: deps.db,
      now: deps.now,
      newId: deps.newId,
      log: quietLog,
      calendar: CHINA,
      link: {
        nudge: () => undefined,
        exec: () => Promise.resolve(null),
        isConnected: true,
        stream: { kind: "away", cause: "nats", detail: "there is none" },
      },
      leadership,
      deliveries: nothing,
      attempts: deps.attempts,
      seals: { envVars: deps.envVars, passwords: deps.passwords, webhooks: deps.webhookSecrets },
      keyReports: nothing,
      history: nothing,
      files: null,
      pause: () => Promise.resolve(),
      counters: { placed: () => undefined },
    };
    return [leadership, loops(engines)];
  }

  /** One pass of each of these loops. */
  async pass(...names: string[]): Promise<void> {
    for (const name of names) {
      const loop = this.#table.find((one) => one.name === name);
      if (loop === undefined) throw new Error(`there is no loop ${name}`);
      await loop.pass();
    }
  }

  /** All that order, start, stop or charge. */
  async work(): Promise<void> {
    await this.pass("leadership", "replicas", "scheduling", "workloads", "lifecycle", "charging");
    await this.pass("broken-time", "free-loading", "cut-off-rules");
  }

  async orderAllKinds(): Promise<void> {
    const order = async (path: string, body: object) => {
      const { status, body: made } = await this.scene.api.request("POST", `/api/v1/${path}`, {
        as: this.alice,
        body: { ...SIZE, ...body },
      });
      if (status !== 201) throw new Error(`${path}: ${JSON.stringify(made)}`);
    };
    await order("environments", { name: "notebook", image: "busybox:1" });
    await order("training-jobs", { name: "job", image: "busybox:1", command: "true" });
    await order("inference-services", { name: "chat", image: "server:1", version: "v1" });
    await this.work();
    await this.work();
    await this.follow();
    if (this.#runs.size !== KINDS.length) throw new Error(`${this.#runs.size} instances were placed`);
  }

  /** The host follows its orders, as an agent does: it starts what is new and ends what is to end. */
  async follow(): Promise<void> {
    await this.beat();
    for (const wanted of await this.host.pull()) {
      if (wanted.want === "running" && !this.#runs.has(wanted.runId))
        this.#runs.set(wanted.runId, { wanted, metered: this.#minute });
      if (wanted.want !== "running") this.#runs.delete(wanted.runId);
    }
    await this.beat();
    await this.report();
  }

  async beat(): Promise<void> {
    await this.host.heartbeat();
  }

  /** All that runs, as it is. */
  async report(): Promise<void> {
    const seen = [...this.#runs.values()].map(({ wanted }) =>
      this.host.observedOf(wanted, { phase: "ready", ...(isService(wanted) && { serving: "yes" }) }),
    );
    await this.host.report(seen);
  }

  /** Run ids of what runs on the host. */
  get running(): string[] {
    return [...this.#runs.keys()];
  }

  /** The clock goes on; the host meters what runs, and what it wrote is decided. */
  async until(minute: number): Promise<void> {
    this.#minute = minute;
    vi.setSystemTime(BASE_MS + minute * MS_PER_MINUTE);
    await this.beat();
    for (const [runId, run] of this.#runs) await this.#meter(runId, run, { final: false });
    await this.send();
  }

  /** The job of that run ends by itself at this minute, well. */
  async endJob(): Promise<void> {
    const [runId, run] =
      [...this.#runs].find(([, { wanted }]) => wanted.spec.workloadId.startsWith("job")) ?? [];
    if (runId === undefined || run === undefined) throw new Error("no job runs");
    await this.#meter(runId, run, { final: true });
    await this.send();
    const seen = [...this.#runs.values()].map(({ wanted }) =>
      this.host.observedOf(
        wanted,
        wanted === run.wanted
          ? { phase: "stopped", exitCode: 0 }
          : { phase: "ready", ...(isService(wanted) && { serving: "yes" }) },
      ),
    );
    await this.host.report(seen);
    this.#runs.delete(runId);
  }

  async #meter(
    runId: string,
    run: { wanted: DesiredInstance; metered: number },
    { final }: { final: boolean },
  ): Promise<void> {
    const { rows } = await this.scene.api.db.query<{ utc_at_zero: Date }>(
      "SELECT utc_at_zero FROM host_boots WHERE host_id = $1 AND boot_id = $2",
      [this.host.id, this.host.bootId],
    );
    const zeroMs = rows[0]?.utc_at_zero.getTime() ?? 0;
    const inBoot = (minute: number) => Math.round(BASE_MS + minute * MS_PER_MINUTE - zeroMs);
    this.#written = this.#journal.write({
      run: runId,
      instanceId: run.wanted.instanceId,
      epoch: run.wanted.placementEpoch,
      fromMs: inBoot(run.metered),
      toMs: inBoot(this.#minute),
      final,
    });
    run.metered = this.#minute;
  }

  /** What the database has not confirmed yet. */
  async send(): Promise<void> {
    const { rows } = await this.scene.api.db.query<{ watermark: number }>(
      "SELECT watermark FROM host_journals WHERE host_id = $1",
      [this.host.id],
    );
    const from = (rows[0]?.watermark ?? 0) + 1;
    if (from > this.#written) return;
    const deps = { db: this.scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA };
    const batch = {
      ...this.#journal.batch(from, this.#written),
      journalId: JournalId.parse(this.#journal.id),
    };
    const { watermark } = await ingestBatch(deps, this.host.id, batch, this.scene.api.deps.now());
    this.host.watermarkSeen = watermark ?? 0;
  }

  async backUp(): Promise<string> {
    const request = { to: this.folder, keys: null, pgDumpVersion: null, productVersion: "1.2.3", keep: null };
    return (await takeBackup({ ...request, url: this.#fresh.url, paymentLog: null })).path;
  }

  /** Everything after the backup is gone; another server begins on what it knew. Answers what the command prints. */
  async restore(backup: string): Promise<string[]> {
    const owner = this.#fresh.database;
    await owner.query(
      "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC",
    );
    const lines: string[] = [];
    const print = (text: string) => void lines.push(text);
    const options = { from: backup, verify: true, paymentLog: [join(this.folder, "payments")] };
    await restoreCommand(owner, { ...options, stateDir: this.folder }, { print, report: print });
    [this.#leadership, this.#table] = this.#server("second");
    return lines;
  }

  get isHeld(): boolean {
    return this.#leadership.isRestoreHeld;
  }

  /** By what was ordered and by line of the bill. */
  async bill(): Promise<BillLine[]> {
    const { rows } = await this.scene.api.db.query<BillLine>(
      `SELECT resource_name, line, sum(billing_minutes)::int AS minutes, sum(amount)::text AS amount
         FROM billing_records GROUP BY 1, 2 ORDER BY 1, 2`,
    );
    return rows;
  }

  /** The same by the hours under whose names runs that go on were charged. */
  async hours(name: string): Promise<{ hour: string; amount: string }[]> {
    const { rows } = await this.scene.api.db.query<{ hour: Date; amount: string }>(
      `SELECT created_at AS hour, sum(amount)::text AS amount FROM billing_records
        WHERE resource_name = $1 GROUP BY 1 ORDER BY 1`,
      [name],
    );
    return rows.map(({ hour, amount }) => ({ hour: hour.toISOString(), amount }));
  }

  async balance(): Promise<string> {
    const { rows } = await this.scene.api.db.query<{ balance: string }>(
      "SELECT balance FROM customers WHERE id = $1",
      [this.alice.customerId],
    );
    return rows[0]?.balance ?? "";
  }

  async runOf(name: string): Promise<string> {
    const { rows } = await this.scene.api.db.query<{ id: string }>(
      "SELECT id FROM runs WHERE resource_name = $1",
      [name],
    );
    return rows[0]?.id ?? "";
  }
}

function isService({ spec }: DesiredInstance): boolean {
  return spec.workloadId.startsWith("svc");
}
