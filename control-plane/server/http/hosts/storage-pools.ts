/**
 * Storage pools for administrators: who belongs to one, how large its disk is by their word, which bounds what its hosts
 * may claim to lie there, and what became of the last sample.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { MAX_SAMPLE_BYTES } from "@remotegpu/shared/messages/storage-sampling";
import { GIB } from "@remotegpu/shared/values/units";
import {
  listStoragePools,
  poolDiskByDefault,
  setPoolDisk,
  storagePool,
  type StoragePoolRow,
} from "../../store/billing/storage/storage-pools.ts";
import { transaction } from "../../store/database/transaction.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { PlainName } from "../request/input-fields.ts";
import { pageOf, PageQuery, textPage, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, iso, jsonBody, ok, Timestamp } from "../request/route.ts";

const tags = ["hosts"];

const StoragePool = z
  .object({
    name: z.string().openapi({
      description: "What it is called: a name of the operator's, or the id of its only host",
      example: "pool-a",
    }),
    hosts: z.int().openapi({ description: "How many hosts belong to it", example: 4 }),
    connected_hosts: z.int().openapi({ description: "How many of them are heard", example: 4 }),
    disk_bytes: z
      .int()
      .nullable()
      .openapi({
        description: "Set by an administrator; null: unset, and the setting POOL_DISK_GB holds",
        example: 20_480 * GIB,
      }),
    bound_bytes: z.int().openapi({
      description: "So much is believed to lie there at most",
      example: 20_480 * GIB,
    }),
    set_at: Timestamp.nullable().describe("When somebody set it; null: unset"),
    set_by: z.string().nullable().openapi({ description: "Who set it", example: "admin 1" }),
    sampled_hour: Timestamp.nullable().openapi({
      description: "The last hour that was sampled",
      example: "2026-03-01T08:00:00.000Z",
    }),
    sampled_by: z.string().nullable().openapi({
      description: "Which host measured it",
      example: "host-91d3e7b4",
    }),
    charged_bytes: z
      .int()
      .nullable()
      .openapi({
        description: "What of that sample is charged",
        example: 812 * GIB,
      }),
    excess_bytes: z.int().nullable().openapi({
      description: "What of that sample was set aside, since no more can lie there",
      example: 0,
    }),
    sealed_bytes: z.int().openapi({
      description: "Of sealed datasets and models; no host measures these",
      example: 310 * GIB,
    }),
  })
  .openapi("StoragePool");

const StoragePoolChange = z
  .strictObject({
    disk_bytes: z
      .int()
      .min(1)
      .max(MAX_SAMPLE_BYTES)
      .nullable()
      .openapi({
        description: "Null: the setting POOL_DISK_GB holds again",
        example: 20_480 * GIB,
      }),
  })
  .openapi("StoragePoolChange");

const params = z.object({ name: PlainName });

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/storage-pools",
  tags,
  summary: "Every storage pool, with its disk and its last sample",
  request: { query: PageQuery },
  responses: ok("A page of storage pools, by name", pageOf(StoragePool)),
});

const get = createRoute({
  ...forAdmins,
  method: "get",
  path: "/storage-pools/{name}",
  tags,
  summary: "One storage pool",
  request: { params },
  responses: ok("The storage pool", StoragePool),
});

const put = createRoute({
  ...forAdmins,
  method: "put",
  path: "/storage-pools/{name}",
  operationId: "changeStoragePool",
  tags,
  summary: "Set how large a pool's disk is: its hosts may claim no more than that",
  request: { params, body: jsonBody(StoragePoolChange) },
  responses: ok("The storage pool", StoragePool),
});

export function registerStoragePoolRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const page = textPage(c.req.valid("query"));
    const rows = await listStoragePools(db, page);
    const byDefault = await poolDiskByDefault(db);
    const item = (row: StoragePoolRow) => poolAnswer(row, byDefault);
    return c.json(toPage(rows, page.limit, { item, key: ({ name }) => [name] }), 200);
  });

  api.openapi(get, async (c) => c.json(await answerOf(c, c.req.valid("param").name), 200));

  api.openapi(put, async (c) => {
    const { name } = c.req.valid("param");
    if ((await storagePool(c.var.deps.db, name)) === null)
      throw notFound({ code: "named-storage-pool", params: { storage_pool: name } });
    const { disk_bytes: diskBytes } = c.req.valid("json");
    const text = { name, diskBytes, by: `admin ${c.var.actor.customerId}`, at: c.var.deps.now() };
    await transaction(c.var.deps.db, (sql) => setPoolDisk(sql, text));
    return c.json(await answerOf(c, name), 200);
  });
}

async function answerOf(c: ApiContext, name: string): Promise<z.input<typeof StoragePool>> {
  const { db } = c.var.deps;
  const row = await storagePool(db, name);
  if (row === null) throw notFound({ code: "named-storage-pool", params: { storage_pool: name } });
  return poolAnswer(row, await poolDiskByDefault(db));
}

function poolAnswer(row: StoragePoolRow, byDefault: bigint): z.input<typeof StoragePool> {
  return {
    ...row,
    bound_bytes: row.disk_bytes ?? Number(byDefault),
    set_at: iso(row.set_at),
    sampled_hour: iso(row.sampled_hour),
  };
}
