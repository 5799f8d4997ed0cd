/**
 * A customer with money, a host whose boot is known, and runs of one spec, for tests of metering and charging. The
 * host's clock starts at ZERO; one unit of the spec costs 6 points an hour, so a minute costs 0.1.
 */
import { randomUUID } from "node:crypto";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { insertCustomer } from "@remotegpu/control-plane/server/store/accounts/customers";
import { topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { fixBootZero } from "@remotegpu/control-plane/server/store/billing/runs/run-time";
import { openRuns } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import type { HostId } from "@remotegpu/shared/values/ids";
import { type JournalBatch, UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { parsePoints, parseQuantity } from "@remotegpu/shared/values/money";
import { ChainedJournal } from "../samples/chained-journal.ts";

export const CHINA = { utcOffsetMinutes: 480, closeDelayHours: 24 };
/** When the host's monotonic clock was zero: a full hour. */
const ZERO = Date.parse("2026-03-10T02:00:00Z");

/** A moment so many milliseconds after the boot's zero. */
export function at(sinceBootMs: number): Date {
  return new Date(ZERO + sinceBootMs);
}

export interface Scene {
  readonly customerId: number;
  readonly workspaceId: number;
  readonly hostId: HostId;
  readonly bootId: string;
}

/** `name` tells scenes of one database apart. */
export async function openScene(database: Database, name: string, balance = "100"): Promise<Scene> {
  const hostId = `host-${name}` as HostId;
  const bootId = randomUUID();
  return transaction(database, async (tx) => {
    const made = await insertCustomer(tx, {
      username: name,
      email: `${name}@example.com`,
      displayName: null,
      userType: "external",
    });
    if (!made.made) throw new Error(`the name ${name} is taken`);
    const { customerId } = made;
    const found = await tx.query<{ id: number }>("SELECT id FROM workspaces WHERE owner_id = $1", [
      customerId,
    ]);
    await tx.query("INSERT INTO hosts (id, name, hostname, ip_address) VALUES ($1, $1, $1, '127.0.0.1')", [
      hostId,
    ]);
    await fixBootZero(tx, { hostId, bootId, monotonicMs: 0, receivedAt: at(0), roundTripMs: 0 });
    const effectiveFrom = new Date("2025-01-01T00:00:00Z");
    await addPrice(
      tx,
      {
        spec: "A",
        line: "spec",
        unitPrice: "6",
        billingUnit: "hour",
        effectiveFrom,
        createdBy: null,
      },
      effectiveFrom,
    );
    if (balance !== "0")
      await topUp(tx, {
        id: `first-${name}`,
        customerId,
        amount: parsePoints(balance),
        at: at(-60_000),
        reason: null,
        actor: "test",
      });
    return { customerId, workspaceId: found.rows[0]?.id ?? 0, hostId, bootId };
  });
}

/** A run on the scene's host, its placement wanted running. */
export async function openSceneRun(
  database: Database,
  scene: Scene,
  runId: string,
  orderedAt = at(0),
): Promise<void> {
  await transaction(database, async (tx) => {
    await tx.query(
      "INSERT INTO instances (id, workload_kind, workload_id, current_epoch, state) VALUES ($1, 'environment', $2, 1, 'ready')",
      [`i-${runId}`, `env-${runId}`],
    );
    await tx.query(
      `INSERT INTO placements (instance_id, epoch, host_id, state, run_id, spec, spec_hash, cpu_milli, memory_bytes)
       VALUES ($1, 1, $2, 'ready', $3, '{}', '', 0, 0)`,
      [`i-${runId}`, scene.hostId, runId],
    );
    await openRuns(tx, [
      {
        id: runId,
        instanceId: `i-${runId}`,
        epoch: 1,
        hostId: scene.hostId,
        customerId: scene.customerId,
        orderedBy: scene.customerId,
        workspaceId: scene.workspaceId,
        resourceType: "environment",
        resourceId: `env-${runId}`,
        resourceName: `env-${runId}`,
        spec: "A",
        gpuModel: null,
        orderedAt,
        lines: [{ line: "spec", quantity: parseQuantity("1") }],
      },
    ]);
  });
}

export interface Claim {
  readonly run: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly final?: boolean;
  /** By default that of openSceneRun. */
  readonly instanceId?: string;
  readonly epoch?: number;
  readonly proof?: "exact" | "bounded" | "reconstructed" | "unproven";
  /** By default the scene's. */
  readonly bootId?: string;
}

/** The journal of the scene's host. */
export class SceneJournal {
  readonly #scene: Scene;
  readonly #journal: ChainedJournal;

  /** `sign` is the host's, for who looks at signatures; `id` that of another journal, where both are to be one. */
  constructor(scene: Scene, sign?: (text: string) => string, id?: string) {
    this.#scene = scene;
    this.#journal = new ChainedJournal(id, sign);
  }

  get id(): string {
    return this.#journal.id;
  }

  /** Writes the claim and answers its seq. */
  write(claim: Claim): number {
    return this.#journal.append(
      UsageEntry.parse({
        kind: "usage",
        runId: claim.run,
        instanceId: claim.instanceId ?? `i-${claim.run}`,
        placementEpoch: claim.epoch ?? 1,
        bootId: claim.bootId ?? this.#scene.bootId,
        startMs: claim.fromMs,
        endMs: claim.toMs,
        proof: claim.proof ?? "exact",
        final: claim.final ?? false,
        wallEnd: "",
      }),
    );
  }

  writeLost(reason: string): number {
    return this.#journal.append({ kind: "lost", reason });
  }

  /** The host writes another claim in the row's place, and everything after it anew. */
  rewrite(seq: number, claim: Claim): void {
    this.#journal.cutBefore(seq);
    this.write(claim);
  }

  lose(seq: number): void {
    this.#journal.lose(seq);
  }

  /** The rows from one seq to another, both included; by default all. */
  batch(firstSeq?: number, lastSeq?: number): JournalBatch {
    return this.#journal.batch(firstSeq, lastSeq);
  }
}
