/**
 * A host that was away for days: its runs went on and its journal grew, in the agent's own journal file. It comes back
 * with the agent's own outbox, link and keeper of the credential, to whatever control plane serves its database.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal, type Journal } from "@remotegpu/agent/journal/journal";
import { Outbox } from "@remotegpu/agent/journal/rows/outbox";
import { HostConnection } from "@remotegpu/agent/link/connection";
import { CredentialKeeper } from "@remotegpu/agent/link/credential-keeper";
import { ControlPlaneLink } from "@remotegpu/agent/loop/control-plane-link";
import type { Clock } from "@remotegpu/agent/host/moment";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { BootId, InstanceId, JournalId, RunId } from "@remotegpu/shared/values/ids";
import { MS_PER_DAY, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { BALLAST_BYTES } from "../samples/journal-samples.ts";
import { openScene, openSceneRun, type Scene } from "../billing/metering-scene.ts";
import type { TestNats } from "../engines/nats.ts";
import { quietLog } from "../quiet-log.ts";
import { VERSION } from "@remotegpu/control-plane/server/release/version";

/** As often as an agent's loop comes round without being woken. */
const ROUND_MS = 500;
/** Rows written down at once while the journal is made. */
const MINUTES_AT_ONCE = 60;

export interface Away {
  days: number;
  runs: number;
  /** How long a row is. */
  rowMs: number;
}

export class AwayHost {
  readonly runIds: readonly RunId[];
  readonly journal: Journal;
  readonly scene: Scene;
  readonly rows: number;
  readonly awayMs: number;
  readonly #folder: string;
  readonly #bootAtMs: number;
  #end: (() => Promise<void>) | null = null;

  private constructor(parts: {
    scene: Scene;
    runIds: RunId[];
    folder: string;
    bootAtMs: number;
    away: Away;
  }) {
    const { days, runs, rowMs } = parts.away;
    this.scene = parts.scene;
    this.runIds = parts.runIds;
    this.#folder = parts.folder;
    this.#bootAtMs = parts.bootAtMs;
    this.awayMs = days * MS_PER_DAY;
    this.rows = (runs * this.awayMs) / rowMs;
    this.journal = openJournal({
      folder: parts.folder,
      newJournalId: () => JournalId.parse(randomUUID()),
      ballastBytes: BALLAST_BYTES,
    });
  }

  /** Its runs began when it was last heard and have ended just now. */
  static async gone(database: Database, name: string, away: Away): Promise<AwayHost> {
    const scene = await openScene(database, name, "100000");
    await database.query("DELETE FROM host_boots WHERE host_id = $1", [scene.hostId]);
    const bootAtMs = Date.now() - away.days * MS_PER_DAY - MS_PER_MINUTE;
    const runIds = Array.from({ length: away.runs }, (_, number) => RunId.parse(`run-${name}-${number}`));
    for (const runId of runIds) await openSceneRun(database, scene, runId, new Date(bootAtMs));
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-away-"));
    const host = new AwayHost({ scene, runIds, folder, bootAtMs, away });
    host.#live(away.rowMs);
    return host;
  }

  #live(rowMs: number): void {
    const stepMs = rowMs * MINUTES_AT_ONCE;
    for (let fromMs = 0; fromMs < this.awayMs; fromMs += stepMs) {
      const toMs = Math.min(fromMs + stepMs, this.awayMs);
      const steps = this.runIds.map((runId) => ({
        runId,
        rows: this.#rowsOf(runId, { fromMs, toMs, rowMs }),
        interval: null,
        isEnded: false,
      }));
      this.journal.record(steps, toMs);
    }
  }

  #rowsOf(runId: RunId, { fromMs, toMs, rowMs }: { fromMs: number; toMs: number; rowMs: number }) {
    return Array.from({ length: (toMs - fromMs) / rowMs }, (_, number) => {
      const endMs = fromMs + (number + 1) * rowMs;
      return {
        kind: "usage" as const,
        runId,
        instanceId: InstanceId.parse(`i-${runId}`),
        placementEpoch: 1,
        bootId: BootId.parse(this.scene.bootId),
        startMs: endMs - rowMs,
        endMs,
        proof: "exact" as const,
        final: endMs === this.awayMs,
        wallEnd: new Date(this.#bootAtMs + endMs).toISOString(),
      };
    });
  }

  /** Comes back with a credential of this life, which it renews at that API when NATS refuses it. */
  async comeBack(
    nats: TestNats,
    { apiUrl, database, lifetimeMs }: { apiUrl: string; database: Database; lifetimeMs?: number },
  ): Promise<void> {
    const credential = await nats.hostCredential(
      this.scene.hostId,
      lifetimeMs === undefined ? {} : { lifetimeMs },
    );
    await database.query(
      "INSERT INTO host_credentials (nkey, host_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
      [credential.key.publicKey, this.scene.hostId],
    );
    const clock: Clock = {
      bootId: BootId.parse(this.scene.bootId),
      monotonicMs: () => Date.now() - this.#bootAtMs,
      wallMs: Date.now,
    };
    const { hostId } = this.scene;
    const { journal } = this;
    const connection = new HostConnection({
      grant: credential.grant,
      key: credential.key,
      subscriptions: {},
      onConnected: () => {
        link.connected();
        converse();
      },
      onRefused: () => keeper.renewSoon(),
      log: quietLog,
    });
    const keeper = new CredentialKeeper({
      file: join(this.#folder, "credential.json"),
      credential: { apiUrl, grant: credential.grant, receivedAtMs: Date.now() },
      key: credential.key,
      onRenewed: (grant) => void connection.renew(grant),
      onRemoved: () => undefined,
      log: quietLog,
    });
    const link = new ControlPlaneLink({
      hostId,
      connection,
      journal,
      outbox: new Outbox(journal.rows, (text) => credential.key.sign(text)),
      clock,
      version: VERSION,
      features: [],
      figures: () => [],
      upgrade: () => null,
      onRelease: () => Promise.resolve(),
      liftCordons: () => Promise.resolve(),
      wake: () => void setImmediate(converse),
      log: quietLog,
    });
    const observed = { digest: "a".repeat(64), machine: null, gpus: null, instances: [] };
    let isOver = false;
    const converse = () => {
      if (!isOver) link.converse({ observed, gpus: [], degraded: [], isStarting: false });
    };
    connection.start();
    keeper.start();
    const rounds = setInterval(converse, ROUND_MS);
    this.#end = async () => {
      isOver = true;
      clearInterval(rounds);
      keeper.stop();
      await connection.close();
    };
  }

  /** As if Postgres had never confirmed a row: all of them are sent again. */
  forgetConfirmations(): void {
    const { journalId } = this.journal.head();
    const { dbIncarnation } = this.journal.rows.chain();
    this.journal.confirm({ journalId, watermark: 0, dbIncarnation });
  }

  /** Cut off again; the journal stays as it is. */
  async leave(): Promise<void> {
    await this.#end?.();
    this.#end = null;
  }

  async close(): Promise<void> {
    await this.leave();
    this.journal.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
