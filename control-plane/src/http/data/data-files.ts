/** What is in a dataset or model, for whoever may read it: its folders and files, and which versions are in which pools. */
import { createRoute, z } from "@hono/zod-openapi";
import { COPY_STATUSES, isMounted } from "../../core/data/upload-plan.ts";
import { isBelowPool, poolPath } from "../../core/instances/desired-set.ts";
import type { DataKind, DataRow } from "../../store/accounts/catalogue.ts";
import { copiesOf, pageOfCopies, poolsHeard } from "../../store/spending/data/copies.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { answerFile, FilePage, FileQuery, pathBytes } from "../files/pool-files.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { ApiRefusal, conflict } from "../request/refusal.ts";
import { forCustomers, iso, NumericIdPath, ok, okFile, Timestamp } from "../request/route.ts";
import { DATA_NAMES, requireReadable } from "./data-access.ts";

/** What an operator put may be in any pool. */
const MAX_POOLS = 16;
const params = NumericIdPath;

const Version = z
  .object({
    version: z.int(),
    storage_pool: z.string(),
    status: z.enum(COPY_STATUSES),
    status_reason: z.string().nullable(),
    is_mounted: z.boolean(),
    total_size: z.int(),
    file_count: z.int(),
    manifest_sha256: z.string(),
    begun_at: Timestamp,
    ready_at: Timestamp.nullable(),
  })
  .openapi("DataVersion");
export type DataVersion = z.infer<typeof Version>;

const routesOf = (kind: DataKind) => {
  const { plural } = DATA_NAMES[kind];
  return {
    get: createRoute({
      ...forCustomers,
      method: "get",
      path: `/${plural}/{id}/files`,
      operationId: `read${kind === "dataset" ? "Dataset" : "Model"}Files`,
      "x-problems": [409],
      tags: [plural],
      summary: `List a folder of a ${kind}, or read a file of it`,
      request: { params, query: FileQuery },
      responses: okFile("A page of the folder, or the file's bytes; `Range` is taken", FilePage),
    }),
    versions: createRoute({
      ...forCustomers,
      method: "get",
      path: `/${plural}/{id}/versions`,
      tags: [plural],
      summary: `The versions of a ${kind} that its owner brought, and which storage pools have them`,
      request: { params, query: PageQuery },
      responses: ok("A page of versions, by pool", pageOf(Version)),
    }),
  };
};

export function registerDatasetFiles(api: ApiApp, deps: ApiDeps): void {
  registerFiles(api, deps, "dataset");
}

export function registerModelFiles(api: ApiApp, deps: ApiDeps): void {
  registerFiles(api, deps, "model");
}

function registerFiles(api: ApiApp, { db }: ApiDeps, kind: DataKind): void {
  const { get, versions } = routesOf(kind);

  api.openapi(get, async (c) => {
    const entry = await requireReadable(c, kind, c.req.valid("param").id);
    const query = c.req.valid("query");
    if (entry.status !== "ready")
      throw conflict(`The ${kind} ${entry.id} is ${entry.status}: nothing of it can be read yet.`);
    const path = pathBytes(query).replace(/^\/+|\/+$/g, "");
    return await answerFromAny(c, kind, { entry, path, page: query });
  });

  api.openapi(versions, async (c) => {
    const entry = await requireReadable(c, kind, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await pageOfCopies(db, kind, { id: entry.id, page });
    return c.json(
      toPage(rows, page.limit, {
        item: (row) => ({
          version: row.version,
          storage_pool: row.storagePool,
          status: row.status,
          status_reason: row.statusReason,
          is_mounted: isMounted(row, entry.storage_path),
          total_size: row.totalSize,
          file_count: row.fileCount,
          manifest_sha256: row.manifest,
          begun_at: row.begunAt.toISOString(),
          ready_at: iso(row.readyAt),
        }),
        key: (row) => [row.id],
      }),
      200,
    );
  });
}

/** Where an operator put it is not known, so pools are asked one after another. */
async function answerFromAny(
  c: ApiContext,
  kind: DataKind,
  { entry, path, page }: { entry: DataRow; path: string; page: z.output<typeof FileQuery> },
): Promise<Response> {
  const { db } = c.var.deps;
  if (!isBelowPool(entry.storage_path))
    throw conflict(`The ${kind} ${entry.id} lies outside the storage pools.`);
  const copies = await copiesOf(db, kind, entry.id);
  const known = copies
    .filter((copy) => isMounted(copy, entry.storage_path))
    .map(({ storagePool }) => storagePool);
  const pools = known.length > 0 ? known : (await poolsHeard(db)).slice(0, MAX_POOLS);
  let refusal = new ApiRefusal("unavailable", "No host is heard now that has it.");
  for (const pool of pools) {
    try {
      return await answerFile(c, { pool, folder: poolPath(entry.storage_path), path, asked: path }, page);
    } catch (error) {
      if (!(error instanceof ApiRefusal) || !["not-found", "unavailable"].includes(error.kind)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}
