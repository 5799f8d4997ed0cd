/**
 * Datasets and models: one set of routes, registered for each of the two. Reading is decided by
 * core/accounts/data-rights.ts, changing is the owner's, and where the files lie is the administrators' to say.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { PoolPath } from "@remotegpu/shared/instance/instance";
import { displayText } from "@remotegpu/shared/values/text";
import { GIB } from "@remotegpu/shared/values/units";
import { DATA_STATUSES, VISIBILITIES } from "../../core/accounts/data-rights.ts";
import {
  dataById,
  deleteData,
  insertData,
  listData,
  updateData,
  type DataKind,
  type DataRow,
} from "../../store/accounts/catalogue.ts";
import { type MountedBy, mountsOfData, UNMOUNTED } from "../../store/accounts/data-mounts.ts";
import { transaction } from "../../store/database/transaction.ts";
import { copiesOf, isPool } from "../../store/spending/data/copies.ts";
import { listForRemoval } from "../../store/spending/data/folders.ts";
import { actingOn } from "../request/audit.ts";
import { authorizeWorkspace } from "../request/authorization.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { Description, PlainName, RowId } from "../request/input-fields.ts";
import { ApiRefusal, badField, conflict, fieldError } from "../request/refusal.ts";
import { NUMBERED, registerResource } from "../request/resource.ts";
import {
  created,
  forCustomers,
  jsonBody,
  NumericId,
  NumericIdPath,
  ok,
  Timestamp,
} from "../request/route.ts";
import { DATA_NAMES, readerOf, requireOwn, requireReadable } from "./data-access.ts";
import { removeFolders } from "./folder-removal.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import type { PlainCode } from "../../core/reasons/reason.ts";
import { dataThing } from "./data-thing.ts";

const Visibility = z.enum(VISIBILITIES);

/** More than a fleet has of one dataset. */
const MAX_POOLS = 64;

const newFields = {
  name: displayText(256),
  description: Description.nullable().optional(),
  visibility: Visibility.optional(),
  workspace_id: RowId.nullable().optional(),
  storage_path: PoolPath.optional().openapi({
    description: "A folder of the pool; set by administrators",
    example: "0f8fad5b-d9cb-469f-a165-70867728950e/datasets/12",
  }),
  storage_pools: z
    .array(PlainName)
    .max(MAX_POOLS)
    .optional()
    .openapi({
      description:
        "The storage pools that have the folder at `storage_path`; set by administrators. None: no host measures it or serves its files, and it costs nothing",
      example: ["pool-a"],
    }),
};

const MountedByAnswer = z
  .object({
    count: z.int().openapi({
      description: "Workloads that hold it: all of them for its owner, else those that you may see",
      example: 1,
    }),
    workloads: z
      .array(
        z.object({
          kind: z.enum(["environment", "training", "inference"]).describe("What kind of workload it is"),
          id: z.string().openapi({ description: "Its id", example: "env-5b1f6c0e" }),
          name: z.string().openapi({ description: "Its name", example: "fine-tuning" }),
        }),
      )
      .openapi({ description: "The first of those that you may see" }),
  })
  .openapi("DataMounts");

const answerFields = {
  id: z.int(),
  uuid: z.string(),
  customer_id: z.int(),
  workspace_id: z.int().nullable(),
  name: z.string(),
  description: z.string().nullable(),
  storage_path: z.string().openapi({
    description: "A folder of the pool",
    example: "0f8fad5b-d9cb-469f-a165-70867728950e/datasets/12",
  }),
  storage_pools: z.array(z.string()).openapi({
    description:
      "The storage pools that have its folder, set by administrators; what its owner uploaded is at `…/versions`",
    example: ["pool-a"],
  }),
  total_size: z
    .int()
    .nullable()
    .openapi({
      description: "Bytes of all its files; null: not counted",
      example: 5 * GIB,
    }),
  status: z.string(),
  visibility: z.string(),
  created_at: Timestamp.nullable(),
  updated_at: Timestamp.nullable(),
  mounted_by: MountedByAnswer,
};

const NewEntry = {
  dataset: z.strictObject(newFields).openapi("NewDataset"),
  model: z.strictObject({ ...newFields, framework: displayText(64).optional() }).openapi("NewModel"),
};

const Entry = {
  dataset: z
    .object({
      ...answerFields,
      status: answerFields.status.openapi({
        description:
          "uploading (nobody has filled it yet), ready or error; only what is ready can be mounted",
        example: "ready",
      }),
      storage_type: z.string().nullable().openapi({
        description: "Where the old system stored it",
        example: "local",
      }),
      file_count: z.int().nullable().openapi({
        description: "How many files it has; null: not counted",
        example: 12_000,
      }),
    })
    .openapi("Dataset"),
  model: z
    .object({
      ...answerFields,
      status: answerFields.status.openapi({ description: "uploading, ready or error", example: "ready" }),
      framework: z.string().nullable(),
    })
    .openapi("Model"),
};

const EntryChange = z
  .strictObject({
    ...newFields,
    name: displayText(256).optional(),
    status: z.enum(DATA_STATUSES).optional().openapi({
      description: "Set by administrators; ready once its folder holds what is to be mounted",
      example: "ready",
    }),
  })
  .openapi("DataEntryChange");

const postOf = (kind: DataKind) =>
  createRoute({
    ...forCustomers,
    method: "post",
    path: `/${DATA_NAMES[kind].plural}`,
    tags: [DATA_NAMES[kind].plural],
    summary: `Register a ${kind}; it is uploading until it is filled and marked ready`,
    request: { body: jsonBody(NewEntry[kind]) },
    responses: created(`The ${kind}`, Entry[kind]),
  });

const patchOf = (kind: DataKind) =>
  createRoute({
    ...forCustomers,
    method: "patch",
    path: `/${DATA_NAMES[kind].plural}/{id}`,
    tags: [DATA_NAMES[kind].plural],
    summary: `Change a ${kind}'s name, description, who may read it or, for administrators, folder and status`,
    request: { params: NumericIdPath, body: jsonBody(EntryChange) },
    responses: ok(`The ${kind}`, Entry[kind]),
  });

export function registerDatasetRoutes(api: ApiApp, deps: ApiDeps): void {
  registerRoutes(api, deps, "dataset");
}

export function registerModelRoutes(api: ApiApp, deps: ApiDeps): void {
  registerRoutes(api, deps, "model");
}

function registerRoutes(api: ApiApp, { db }: ApiDeps, kind: DataKind): void {
  const { plural } = DATA_NAMES[kind];

  api.openapi(postOf(kind), async (c) => {
    const { workspace_id: workspaceId = null, visibility = "private", ...body } = c.req.valid("json");
    const { customerId, customerUuid } = c.var.actor;
    refuseAdminsField(c, "storage_path", body.storage_path);
    refuseAdminsField(c, "storage_pools", body.storage_pools);
    const storagePools = await knownPools(c.var.deps.db, body.storage_pools);
    await checkReach(c, { visibility, workspaceId });
    return await once(c, async (sql) => {
      const row = await insertData(sql, kind, {
        customerId,
        customerUuid,
        workspaceId,
        name: body.name,
        description: body.description ?? null,
        visibility,
        storagePath: body.storage_path ?? null,
        storagePools: storagePools ?? [],
        framework: "framework" in body ? (body.framework ?? null) : null,
      });
      return c.json(entryAnswer(kind, { ...row, mounted_by: UNMOUNTED }), 201);
    });
  });

  registerResource(api, {
    path: `/${plural}`,
    tags: [plural],
    ids: NUMBERED,
    Answer: Entry[kind],
    answer: (row: ViewRow) => entryAnswer(kind, row),
    list: {
      summary: `The ${plural} you may read: your own, your workspaces', public ones`,
      answers: `A page of ${plural}`,
      filters: {
        visibility: Visibility.optional().describe("Only those that these may read"),
        workspace_id: NumericId.optional(),
        name: displayText(256).optional(),
      },
      async rows(c, page, { visibility = null, workspace_id: workspaceId = null, name = null }) {
        const reader = await readerOf(c);
        const rows = await listData(db, kind, { reader, visibility, workspaceId, name, page });
        actingOn(c, { ownerCustomerId: null, subject: `${plural} of all customers` });
        return await withMounts(c, kind, rows);
      },
    },
    get: {
      summary: `One ${kind}`,
      answers: `The ${kind}`,
      find: async (c, id) => await withMountsOf(c, kind, await requireReadable(c, kind, id)),
    },
    remove: {
      summary: `Delete a ${kind} that no workload mounts, with what was brought; what an operator put stays`,
      async end(c, id) {
        const entry = await requireOwn(c, kind, id);
        const { deletion, folders } = await transaction(c.var.deps.db, async (sql) => {
          const brought = await copiesOf(sql, kind, entry.id);
          const outcome = await deleteData(sql, kind, entry.id);
          if (!outcome.deleted) return { deletion: outcome, folders: [] };
          const gone = brought.map(({ storagePool, folder }) => ({
            resource_type: kind,
            resource_id: String(entry.id),
            storage_pool: storagePool,
            folder,
          }));
          const by = `customer ${c.var.actor.customerId}`;
          await listForRemoval(sql, {
            customerId: entry.customer_id,
            folders: gone,
            by,
            at: c.var.deps.now(),
          });
          return { deletion: outcome, folders: gone };
        });
        if (!deletion.deleted)
          throw conflict({
            code: "data-mounted",
            params: { thing: dataThing(kind, entry.id), mounted_by: deletion.mountedBy },
          });
        removeFolders(c, { customerId: entry.customer_id, folders });
      },
    },
  });

  api.openapi(patchOf(kind), async (c) => {
    const entry = await requireOwn(c, kind, c.req.valid("param").id);
    const change = c.req.valid("json");
    refuseAdminsField(c, "storage_path", change.storage_path);
    refuseAdminsField(c, "storage_pools", change.storage_pools);
    refuseAdminsField(c, "status", change.status);
    const workspaceId = change.workspace_id === undefined ? entry.workspace_id : change.workspace_id;
    if (change.visibility !== undefined || change.workspace_id !== undefined)
      await checkReach(c, { visibility: change.visibility ?? entry.visibility, workspaceId });
    const storagePools = await knownPools(c.var.deps.db, change.storage_pools);
    await transaction(c.var.deps.db, (sql) =>
      updateData(sql, kind, { id: entry.id, change: { ...change, storage_pools: storagePools } }),
    );
    const changed = (await dataById(c.var.deps.db, kind, entry.id)) ?? entry;
    return c.json(entryAnswer(kind, await withMountsOf(c, kind, changed)), 200);
  });
}

const ADMINS_FIELDS = {
  storage_path: "folder-set-by-administrators",
  storage_pools: "pools-set-by-administrators",
  status: "status-set-by-administrators",
} as const satisfies Record<string, PlainCode>;

function refuseAdminsField(
  c: ApiContext,
  field: keyof typeof ADMINS_FIELDS,
  given: string | readonly string[] | undefined,
): void {
  if (given === undefined || c.var.actor.isAdmin) return;
  throw new ApiRefusal(
    "forbidden",
    { code: "administrators-field", params: { why: reasonOf(ADMINS_FIELDS[field]), field } },
    {
      errors: [fieldError(field, "set-by-administrators")],
    },
  );
}

/** Each once. A name that is none would be measured nowhere, and nobody would notice. */
async function knownPools(
  db: ApiDeps["db"],
  names: readonly string[] | undefined,
): Promise<string[] | undefined> {
  if (names === undefined) return undefined;
  const pools = [...new Set(names)];
  for (const pool of pools)
    if (!(await isPool(db, pool)))
      throw badField("storage_pools", { code: "pool-named-unknown", params: { storage_pool: pool } });
  return pools;
}

/** Sharing with a workspace takes the right to bring something into it. */
async function checkReach(
  c: ApiContext,
  { visibility, workspaceId }: { visibility: string; workspaceId: number | null },
): Promise<void> {
  if (workspaceId !== null) await authorizeWorkspace(c, workspaceId, "create-workload");
  else if (visibility === "workspace") throw badField("workspace_id", "workspace-needed");
}

type ViewRow = DataRow & { mounted_by: MountedBy };

async function withMounts(c: ApiContext, kind: DataKind, rows: readonly DataRow[]): Promise<ViewRow[]> {
  const mounts = await mountsOfData(c.var.deps.db, kind, { entries: rows, reader: await readerOf(c) });
  return rows.map((row) => ({ ...row, mounted_by: mounts.get(row.id) ?? UNMOUNTED }));
}

async function withMountsOf(c: ApiContext, kind: DataKind, row: DataRow): Promise<ViewRow> {
  const [visible] = await withMounts(c, kind, [row]);
  return visible ?? { ...row, mounted_by: UNMOUNTED };
}

function entryAnswer(
  kind: DataKind,
  { mounted_by: { count, workloads }, framework, storage_type, file_count, ...row }: ViewRow,
) {
  return {
    ...row,
    ...(kind === "dataset" ? { storage_type, file_count } : { framework }),
    mounted_by: { count, workloads: [...workloads] },
    created_at: row.created_at?.toISOString() ?? null,
    updated_at: row.updated_at?.toISOString() ?? null,
  };
}
