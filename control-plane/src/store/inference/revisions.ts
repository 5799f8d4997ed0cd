/** The revisions of a service, read: what its replicas were made of, and since when. */
import type { Connection } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";

export interface RevisionRow {
  number: number;
  version: string | null;
  image: string;
  command: string | null;
  env_vars: Record<string, string> | null;
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  model_id: number | null;
  model_version: string | null;
  config: Record<string, unknown> | null;
  created_at: Date;
  actor: string;
}

/** The newest first; a page begins below the number given. */
export async function serviceRevisions(
  sql: Connection,
  serviceId: string,
  { before, limit }: { before: number | null; limit: number },
): Promise<RevisionRow[]> {
  const { rows } = await sql.query<RevisionRow>(
    `SELECT number, version, image, command, env_vars, cpu, ${safeBigint("memory")} AS memory, gpu,
            ${safeBigint("gpu_memory")} AS gpu_memory, ${safeBigint("model_id")} AS model_id, model_version, config,
            created_at, actor
       FROM service_revisions WHERE service_id = $1 AND ($2::int IS NULL OR number < $2) ORDER BY number DESC LIMIT $3`,
    [serviceId, before, limit],
  );
  return rows;
}
