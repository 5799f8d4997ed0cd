/** What is in a dataset or model, for whoever may read it: its folders and files, and which versions are in which pools. */
import { createRoute, z } from "@hono/zod-openapi";
import { FILE_TYPE_HEADER, TREE_TYPE } from "@remotegpu/shared/messages/files";
import { GIB } from "@remotegpu/shared/values/units";
import { COPY_STATUSES, isMounted } from "../../core/data/upload-plan.ts";
import { isBelowPool, poolPath } from "../../core/instances/desired-set.ts";
import type { DataKind, DataRow } from "../../store/accounts/catalogue.ts";
import type { PoolHost } from "../../store/hosts/pools/pool-hosts.ts";
import { copiesOf, type CopyRow, pageOfCopies } from "../../store/spending/data/copies.ts";
import type { ApiApp, ApiContext } from "../deps.ts";
import { answerFile, FilePage, FileQuery, pathBytes } from "../files/pool-files.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { STATUS_REASON_FIELDS } from "../request/reason-answer.ts";
import { ApiRefusal, badField, conflict } from "../request/refusal.ts";
import { forCustomers, iso, NumericIdPath, ok, okFile, Timestamp } from "../request/route.ts";
import { DATA_NAMES, requireReadable } from "./data-access.ts";
import { INTEGRITIES, INTEGRITY_HEADER, integrityOf } from "./sealed/integrity.ts";
import { answerSealedFile } from "./sealed/sealed-file.ts";
import { withSealedTree } from "./sealed/sealed-tree.ts";
import { dataThing } from "./data-thing.ts";

const params = NumericIdPath;

const Version = z
  .object({
    version: z.int().openapi({ description: "Which one, from 1", example: 2 }),
    storage_pool: z.string().openapi({ description: "Which pool has it, or gets it", example: "pool-a" }),
    status: z.enum(COPY_STATUSES).openapi({ description: "uploading, ready, or error", example: "ready" }),
    status_reason: z.string().nullable().openapi({
      description: "Why it is in error; null else",
      example: "It does not agree with its list: a.txt is missing.",
    }),
    ...STATUS_REASON_FIELDS,
    is_mounted: z.boolean().openapi({
      description: "Whether what starts now mounts this one",
      example: true,
    }),
    total_size: z.int().openapi({ description: "Bytes of all its files", example: 5 * GIB }),
    file_count: z.int().openapi({ description: "How many files it has", example: 12_000 }),
    manifest_sha256: z.string(),
    /** Whether its files are compared with what was sealed when they are read. */
    integrity: z.enum(INTEGRITIES).openapi({
      description:
        "Whether what is read of its files is compared with what was brought; unchecked where it was brought before there was that",
      example: "checked",
    }),
    begun_at: Timestamp.describe("When its upload was begun, or gone on with, last"),
    ready_at: Timestamp.nullable().describe("Since when it is ready; null until then"),
  })
  .openapi("DataVersion");

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

export function registerDatasetFiles(api: ApiApp): void {
  registerFiles(api, "dataset");
}

export function registerModelFiles(api: ApiApp): void {
  registerFiles(api, "model");
}

function registerFiles(api: ApiApp, kind: DataKind): void {
  const { get, versions } = routesOf(kind);

  api.openapi(get, async (c) => {
    const entry = await requireReadable(c, kind, c.req.valid("param").id);
    const query = c.req.valid("query");
    if (entry.status !== "ready")
      throw conflict({
        code: "data-not-ready",
        params: { thing: dataThing(kind, entry.id), status: entry.status },
      });
    const path = pathBytes(query).replace(/^\/+|\/+$/g, "");
    return await answerFromAny(c, kind, { entry, path, page: query });
  });

  api.openapi(versions, async (c) => {
    const entry = await requireReadable(c, kind, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await pageOfCopies(c.var.deps.db, kind, { id: entry.id, page });
    return c.json(
      toPage(rows, page.limit, {
        item: (row) => ({
          version: row.version,
          storage_pool: row.storagePool,
          status: row.status,
          status_reason: row.status_reason,
          status_reason_code: row.status_reason_code,
          status_reason_params: row.status_reason_params,
          is_mounted: isMounted(row, entry.storage_path),
          total_size: row.totalSize,
          file_count: row.fileCount,
          manifest_sha256: row.manifest,
          integrity: integrityOf(row),
          begun_at: row.begunAt.toISOString(),
          ready_at: iso(row.readyAt),
        }),
        key: (row) => [row.id],
      }),
      200,
    );
  });
}

/** The pools that have it are asked one after another. No other is: its hosts would learn where it lies, and could answer. */
async function answerFromAny(
  c: ApiContext,
  kind: DataKind,
  { entry, path, page }: { entry: DataRow; path: string; page: z.output<typeof FileQuery> },
): Promise<Response> {
  const { db } = c.var.deps;
  const thing = dataThing(kind, entry.id);
  if (!isBelowPool(entry.storage_path)) throw conflict({ code: "data-outside-pools", params: { thing } });
  const copies = await copiesOf(db, kind, entry.id);
  const mounted = copies.filter((copy) => isMounted(copy, entry.storage_path));
  const known = mounted.map(({ storagePool }) => storagePool);
  const pools = known.length > 0 ? known : entry.storage_pools;
  if (pools.length === 0) throw conflict({ code: "data-pool-unnamed", params: { thing } });
  let refusal = new ApiRefusal("unavailable", "data-without-host");
  for (const pool of pools) {
    try {
      const copy = mounted.find(({ storagePool }) => storagePool === pool) ?? null;
      return await answerFrom(
        c,
        { pool, copyId: copy?.id ?? null, folder: poolPath(entry.storage_path), path, requested: path },
        { copy, page },
      );
    } catch (error) {
      if (!(error instanceof ApiRefusal) || !["not-found", "unavailable"].includes(error.kind)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/** What a version's root proves is checked; pages of folders are told as a host has them, and so is what nobody sealed. */
async function answerFrom(
  c: ApiContext,
  file: Parameters<typeof answerFile>[1],
  { copy, page }: { copy: CopyRow | null; page: z.output<typeof FileQuery> },
): Promise<Response> {
  const merkleRoot = copy?.merkleRoot ?? null;
  if (copy === null || merkleRoot === null) return labelled(await answerFile(c, file, page), "unchecked");
  // A further page of a folder needs no proof that it is no file.
  const isFolder = file.path === "" || page.cursor !== undefined;
  const sealed = isFolder ? null : await answerSealedFile(c, { ...copy, merkleRoot }, file);
  if (sealed !== null) return sealed;
  if (page.tree === "files") {
    const tree = await withSealedTree(c, copy, file.path, (onHost, except) =>
      folderFrom(c, { ...file, except }, page, onHost),
    );
    if (tree !== null) return labelled(tree, isTree(tree) ? "checked" : "unchecked");
  }
  const withoutBytes = page.tree === undefined ? page : { ...page, tree: "entries" as const };
  return labelled(await folderFrom(c, file, withoutBytes), "unchecked");
}

/** @throws ApiRefusal where it is a file, which was not sealed */
async function folderFrom(
  c: ApiContext,
  file: Parameters<typeof answerFile>[1],
  page: z.output<typeof FileQuery>,
  onHost?: (host: PoolHost) => void,
): Promise<Response> {
  const response = await answerFile(c, file, page, onHost);
  if (response.headers.get(FILE_TYPE_HEADER) !== "file") return response;
  await response.body?.cancel();
  if (page.cursor !== undefined) throw badField("cursor", "cursor-of-folder");
  throw new ApiRefusal("unavailable", "file-not-sealed");
}

function isTree({ headers }: Response): boolean {
  return headers.get("content-type") === TREE_TYPE;
}

function labelled(response: Response, integrity: (typeof INTEGRITIES)[number]): Response {
  response.headers.set(INTEGRITY_HEADER, integrity);
  return response;
}
