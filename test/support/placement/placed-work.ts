/** Rows of what waits and of what was placed, written as they are: for reads that no order could bring so far. */
import type { Turn } from "@remotegpu/control-plane/server/core/queue/oldest";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { GIB, MIB } from "@remotegpu/shared/values/units";

type Row = Record<string, unknown>;

export interface PlacedOptions {
  kind?: "environment" | "training" | "inference";
  workload?: string;
  rank?: number;
  host?: string;
  customer?: number;
  workspace?: number | null;
  cpuMilli?: number;
  memoryBytes?: number;
  tempStorageBytes?: number | null;
  placedAt: Date;
  releasedAt?: Date | null;
  firstProvenAt?: Date | null;
  /** Absent: as placements of before, of which nobody says whose turn they were. */
  turn?: Turn;
  /** A part of a card each: null memory is a whole one. */
  cards?: { uuid: string; share: number; memoryMib: number | null }[];
}

export class PlacedWork {
  readonly #db: Database;
  #placements = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  async customer(name: string): Promise<number> {
    return await this.#insert<number>("customers", {
      username: name,
      email: `${name}@example.com`,
      password_hash: "",
    });
  }

  async workspace(ownerId: number, change: Row = {}): Promise<number> {
    return await this.#insert<number>("workspaces", { owner_id: ownerId, name: "work", ...change });
  }

  async host(id: string, change: Row = {}): Promise<string> {
    return await this.#insert<string>("hosts", {
      id,
      name: id,
      ip_address: "10.0.0.1",
      seen_addresses: ["10.0.0.1"],
      connection: "connected",
      ...change,
    });
  }

  async card(hostId: string, change: { uuid: string; index?: number; model?: string; memoryMib?: number }) {
    const { uuid, index = 0, model = "L4", memoryMib = 24_576 } = change;
    await this.#insert("gpus", {
      host_id: hostId,
      gpu_index: index,
      uuid,
      name: model,
      memory_total: memoryMib * MIB,
    });
  }

  async environment(id: string, customerId: number, change: Row = {}): Promise<string> {
    return await this.#insert<string>("environments", {
      id,
      customer_id: customerId,
      name: id,
      image: "busybox:1",
      status: "queued",
      cpu: 1,
      memory: GIB,
      gpu: 0,
      ...change,
    });
  }

  async job(id: string, customerId: number, change: Row = {}): Promise<string> {
    return await this.#insert<string>("training_jobs", {
      id,
      customer_id: customerId,
      name: id,
      image: "trainer:1",
      command: "train",
      status: "queued",
      cpu: 1,
      memory: GIB,
      gpu: 0,
      ...change,
    });
  }

  /** A placement with its run and its cards. */
  async placed(options: PlacedOptions): Promise<string> {
    const { kind = "environment", workload = "env-1", rank = 0, host = "host-a", cards = [] } = options;
    const { placedAt, releasedAt = null, workspace = null, firstProvenAt = null } = options;
    const instanceId = `ins-${(this.#placements += 1)}`;
    const runId = `run-${instanceId}`;
    await this.#insert("instances", {
      id: instanceId,
      workload_kind: kind,
      workload_id: workload,
      rank,
      current_epoch: 1,
      state: "ready",
    });
    await this.#insert("placements", {
      instance_id: instanceId,
      epoch: 1,
      host_id: host,
      spec: "{}",
      spec_hash: "",
      cpu_milli: options.cpuMilli ?? 1000,
      memory_bytes: options.memoryBytes ?? GIB,
      temp_storage_bytes: options.tempStorageBytes ?? null,
      created_at: placedAt,
      resources_released_at: releasedAt,
      is_payers_turn: options.turn?.isPayers ?? null,
      is_workspaces_turn: options.turn?.isWorkspaces ?? null,
    });
    await this.#insert("runs", {
      id: runId,
      instance_id: instanceId,
      epoch: 1,
      host_id: host,
      customer_id: options.customer,
      workspace_id: workspace,
      resource_type: kind,
      resource_id: workload,
      spec: "default",
      ordered_at: placedAt,
      first_proven_at: firstProvenAt,
    });
    await this.#db.query("UPDATE placements SET run_id = $2 WHERE instance_id = $1", [instanceId, runId]);
    for (const { uuid, share, memoryMib } of cards) {
      const mode = memoryMib === null ? "exclusive" : "shared";
      if (releasedAt === null)
        await this.#db.query("UPDATE gpus SET sharing_mode = $2 WHERE uuid = $1", [uuid, mode]);
      await this.#insert("gpu_allocations", {
        gpu_uuid: uuid,
        mode: releasedAt === null ? mode : null,
        slot: this.#placements,
        memory_mib: memoryMib,
        share_thousandths: share,
        instance_id: instanceId,
        epoch: 1,
        allocated_at: placedAt,
        released_at: releasedAt,
      });
    }
    return instanceId;
  }

  async price(spec: string, ...lines: string[]): Promise<void> {
    for (const line of lines)
      await this.#insert("prices", {
        spec,
        line,
        unit_price: "1",
        billing_unit: "hour",
        effective_from: new Date(0),
      });
  }

  async #insert<Id>(table: string, row: Row): Promise<Id> {
    const columns = Object.keys(row);
    const { rows } = await this.#db.query<Row>(
      `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map((_, n) => `$${n + 1}`).join(", ")}) RETURNING *`,
      Object.values(row),
    );
    return rows[0]?.id as Id;
  }
}
