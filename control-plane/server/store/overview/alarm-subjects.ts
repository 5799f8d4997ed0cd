/** What alarms speak of, where that is something with an id of its own: alarms name it in text, by their kind's habit. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../database/database.ts";

export const ABOUT_KINDS = ["host", "gpu", "environment", "training", "inference", "customer"] as const;

export interface AlarmAbout {
  kind: (typeof ABOUT_KINDS)[number];
  id: string;
  /** The host of a card. */
  host_id: string | null;
}

interface Row {
  subject: string;
  host_id: string | null;
  gpu_uuid: string | null;
  gpu_host_id: string | null;
  workload_kind: WorkloadKind | null;
  workload_id: string | null;
  customer_id: string | null;
}

/** By subject; missing where it names nothing that is there. A subject begins with an id, or is "customer 12". */
export async function alarmSubjects(
  sql: Connection,
  subjects: readonly string[],
): Promise<Map<string, AlarmAbout>> {
  if (subjects.length === 0) return new Map();
  const { rows } = await sql.query<Row>(
    `SELECT s.subject, h.id AS host_id, g.uuid AS gpu_uuid, g.host_id AS gpu_host_id,
            coalesce(r.resource_type, i.workload_kind) AS workload_kind, coalesce(r.resource_id, i.workload_id) AS workload_id,
            c.id::text AS customer_id
       FROM (SELECT DISTINCT one AS subject, split_part(one, ' ', 1) AS id FROM unnest($1::text[]) one) s
       LEFT JOIN hosts h ON h.id = s.id
       LEFT JOIN gpus g ON g.uuid = s.id
       LEFT JOIN runs r ON r.id = s.id AND r.resource_type IN ('environment', 'training', 'inference')
       LEFT JOIN instances i ON i.id = s.id
       LEFT JOIN customers c ON c.id = CASE WHEN s.subject ~ '^customer [0-9]{1,15}$' THEN split_part(s.subject, ' ', 2)::bigint END`,
    [subjects],
  );
  return new Map(
    rows.flatMap((row) => {
      const about = aboutOf(row);
      return about === null ? [] : [[row.subject, about]];
    }),
  );
}

function aboutOf(row: Row): AlarmAbout | null {
  if (row.host_id !== null) return { kind: "host", id: row.host_id, host_id: null };
  if (row.gpu_uuid !== null) return { kind: "gpu", id: row.gpu_uuid, host_id: row.gpu_host_id };
  if (row.workload_kind !== null && row.workload_id !== null)
    return { kind: row.workload_kind, id: row.workload_id, host_id: null };
  if (row.customer_id !== null) return { kind: "customer", id: row.customer_id, host_id: null };
  return null;
}
