/** Images that are offered. Workloads name an image by its reference, so an entry can go at any time. */
import type { Connection } from "../../database/database.ts";
import { safeBigint } from "../../database/values/old-values.ts";

export interface ImageRow {
  id: number;
  name: string;
  display_name: string | null;
  category: string | null;
  framework: string | null;
  framework_version: string | null;
  cuda_version: string | null;
  python_version: string | null;
  is_official: boolean;
  size: number | null;
  registry_url: string | null;
  status: string;
  /** Null where the old system did not say. */
  created_at: Date | null;
  updated_at: Date | null;
}

const SELECT = `SELECT id, name, display_name, category, framework, framework_version, cuda_version, python_version,
    coalesce(is_official, false) AS is_official, ${safeBigint("size")} AS size, registry_url,
    coalesce(status, 'active') AS status, created_at, updated_at
  FROM images`;

export interface ImageFields {
  display_name?: string | null | undefined;
  category?: string | null | undefined;
  framework?: string | null | undefined;
  framework_version?: string | null | undefined;
  cuda_version?: string | null | undefined;
  python_version?: string | null | undefined;
  is_official?: boolean | undefined;
  size?: number | null | undefined;
  registry_url?: string | null | undefined;
  status?: "active" | "deprecated" | undefined;
}

/** The columns that a change may set; also the order of the values below. */
const FIELDS = [
  "display_name",
  "category",
  "framework",
  "framework_version",
  "cuda_version",
  "python_version",
  "is_official",
  "size",
  "registry_url",
  "status",
] as const satisfies readonly (keyof ImageFields)[];

/** Null when the name is taken. */
export async function insertImage(
  sql: Connection,
  name: string,
  fields: ImageFields,
): Promise<ImageRow | null> {
  const given = FIELDS.filter((field) => fields[field] !== undefined);
  const names = ["name", ...given];
  const { rows } = await sql.change<ImageRow>(
    `INSERT INTO images (${names.join(", ")}) VALUES (${names.map((_, index) => `$${index + 1}`).join(", ")})
     ON CONFLICT (name) DO NOTHING RETURNING *`,
    [name, ...given.map((field) => fields[field])],
    { makes: "image" },
  );
  return rows[0] ?? null;
}

export async function imageById(sql: Connection, imageId: number): Promise<ImageRow | null> {
  const { rows } = await sql.query<ImageRow>(`${SELECT} WHERE id = $1`, [imageId]);
  return rows[0] ?? null;
}

export async function listImages(
  sql: Connection,
  filter: {
    status: string | null;
    category: string | null;
    framework: string | null;
    page: { limit: number; after: number | null };
  },
): Promise<ImageRow[]> {
  const { rows } = await sql.query<ImageRow>(
    `${SELECT}
      WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR category = $2)
        AND ($3::text IS NULL OR framework = $3) AND id > $4
      ORDER BY id LIMIT $5`,
    [filter.status, filter.category, filter.framework, filter.page.after ?? 0, filter.page.limit + 1],
  );
  return rows;
}

/** Null when there is no such image. */
export async function updateImage(
  sql: Connection,
  imageId: number,
  fields: ImageFields,
): Promise<ImageRow | null> {
  const given = FIELDS.filter((field) => fields[field] !== undefined);
  if (given.length === 0) return await imageById(sql, imageId);
  const { rows } = await sql.change<ImageRow>(
    `UPDATE images SET ${given.map((field, index) => `${field} = $${index + 2}`).join(", ")}
      WHERE id = $1 RETURNING *`,
    [imageId, ...given.map((field) => fields[field])],
  );
  return rows[0] ?? null;
}

export async function deleteImage(sql: Connection, imageId: number): Promise<boolean> {
  const { rowCount } = await sql.change("DELETE FROM images WHERE id = $1", [imageId]);
  return rowCount === 1;
}
