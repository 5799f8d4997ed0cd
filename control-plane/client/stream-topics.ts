/** What GET /stream is about: its topics and its events, which the OpenAPI document describes in words alone. */

export type StreamTopic =
  | "fleet"
  | "queue"
  | "alarms"
  | "workloads"
  | "billing"
  | "gpu"
  | "cost"
  | `host:${string}`
  | `env:${string}`
  | `job:${string}`
  | `service:${string}`;

/** The data of each event, by its name. */
export interface StreamEvents {
  /** Something of this topic has changed; the id is null where many have. */
  change: { topic: string; id: string | number | null; version: number };
  /** GPUs whose readings have changed: each row has the columns' values. */
  gpu: { columns: (keyof GpuReading)[]; rows: GpuReading[keyof GpuReading][][] };
  /** Workloads whose cost has changed; null where no price is known. */
  cost: { id: string; cost_so_far: string | null; rate_per_hour: string | null }[];
  /** Events were lost: everything is to be requested again. */
  resync: Record<string, never>;
  /** The reader may not read this topic any more. */
  closed: { topic: string };
}

/** One GPU's last sample; power in watts is a decimal as text. */
interface GpuReading {
  uuid: string;
  utilization_percent: number | null;
  memory_used_mib: number | null;
  temperature_c: number | null;
  power_w: string | null;
  sampled_at: string | null;
}
