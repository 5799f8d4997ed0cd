/** The revisions of a service: what its replicas are made of, and since when. A row never changes. */
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import { type StoredTemplate, templateConfig } from "../../core/inference/revision-template.ts";
import type { ServiceConfig } from "../../core/inference/service-config.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";

export interface RevisionRow {
  number: number;
  version: string | null;
  image: string;
  command: string | null;
  env_vars: StoredEnvVars | null;
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  model_id: number | null;
  model_version: string | null;
  config: ServiceConfig | null;
  created_at: Date;
  actor: string;
}

/** SQL: what a replica of the revision `v` is made of. */
export const TEMPLATE_COLUMNS = `v.image, v.env_vars, v.cpu, ${safeBigint("v.memory")} AS memory, v.gpu,
    ${safeBigint("v.gpu_memory")} AS gpu_memory, ${safeBigint("v.model_id")} AS model_id, v.config`;

const REVISIONS = `SELECT v.number, v.version, v.command, ${TEMPLATE_COLUMNS}, v.model_version, v.created_at, v.actor
    FROM service_revisions v WHERE v.service_id = $1`;

/** The newest first; a page begins below the number given. */
export async function serviceRevisions(
  sql: Connection,
  serviceId: string,
  { before, limit }: { before: number | null; limit: number },
): Promise<RevisionRow[]> {
  const { rows } = await sql.query<RevisionRow>(
    `${REVISIONS} AND ($2::int IS NULL OR v.number < $2) ORDER BY v.number DESC LIMIT $3`,
    [serviceId, before, limit],
  );
  return rows;
}

export async function serviceTemplate(
  sql: Connection,
  serviceId: string,
  number: number,
): Promise<StoredTemplate | null> {
  const { rows } = await sql.query<RevisionRow>(`${REVISIONS} AND v.number = $2`, [serviceId, number]);
  const [row] = rows;
  return row === undefined ? null : templateOf(row);
}

function templateOf(row: RevisionRow): StoredTemplate {
  return {
    version: row.version ?? `${row.number}`,
    image: row.image,
    envVars: row.env_vars ?? {},
    cpu: row.cpu,
    memory: row.memory,
    gpu: row.gpu,
    gpuMemory: row.gpu_memory,
    modelId: row.model_id,
    modelVersion: row.model_version,
    config: templateConfig(row.config),
  };
}

/** Under the next number, which it answers. The service is held by the caller. */
export async function insertRevision(
  sql: Transaction,
  serviceId: string,
  { template, actor, now }: { template: StoredTemplate; actor: string; now: Date },
): Promise<number> {
  const { rows } = await sql.change<{ number: number }>(
    `INSERT INTO service_revisions (service_id, number, version, image, command, env_vars, cpu, memory, gpu, gpu_memory,
            model_id, model_version, config, created_at, actor)
     SELECT $1::text, 1 + coalesce(max(number), 0), $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11, $12::jsonb, $13, $14
       FROM service_revisions WHERE service_id = $1::text RETURNING number`,
    [
      serviceId,
      template.version,
      template.image,
      template.config.command ?? null,
      JSON.stringify(template.envVars),
      template.cpu,
      template.memory,
      template.gpu,
      template.gpuMemory,
      template.modelId,
      template.modelVersion,
      JSON.stringify(template.config),
      now,
      actor,
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`no revision was made of service ${serviceId}`);
  return row.number;
}
