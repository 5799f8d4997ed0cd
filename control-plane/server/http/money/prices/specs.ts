/** What is sold: specs and the shape that an order under one must not exceed. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText, text } from "@remotegpu/shared/values/text";
import {
  listSpecs,
  putSpec,
  setLineRetired,
  setRetired,
  specByName,
  type SpecRow,
} from "../../../store/billing/prices/prices.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { once } from "../../request/idempotency.ts";
import { Int32, Int53, PriceLine, SpecName } from "../../request/input-fields.ts";
import { pageOf, PageQuery, textPage, toPage } from "../../request/pagination.ts";
import { notFound } from "../../request/refusal.ts";
import { forAdminsWith, forCustomers, iso, jsonBody, ok, Timestamp } from "../../request/route.ts";

const tags = ["prices"];
const params = z.object({ spec: SpecName });
const lineParams = z.object({ spec: SpecName, line: PriceLine });

/** What core/orders/prices/price-lines.ts counts in thousandths must still fit a safe integer. */
const MAX_CORES = 1_000_000;

const Shape = z
  .strictObject({
    cpu: z.int().positive().max(MAX_CORES).openapi({ description: "Cores at most", example: 8 }),
    memory: Int53.openapi({ description: "Bytes of memory at most", example: 68_719_476_736 }),
    gpu: Int32.optional().openapi({ description: "GPUs at most", example: 1 }),
    gpu_model: displayText(128).nullable().optional(),
    gpu_memory: Int53.nullable().optional().openapi({
      description: "Bytes of a shared GPU at most",
      example: 25_769_803_776,
    }),
    temp_storage: Int53.optional().openapi({
      description: "Bytes that the container may write at most",
      example: 107_374_182_400,
    }),
  })
  .openapi("SpecShape");

const SpecRequest = z
  .strictObject({
    shape: Shape.nullable().optional(),
    description: text(1000).nullable().optional().openapi({
      description: "What it is, for people",
      example: "One GPU with 8 cores",
    }),
  })
  .openapi("SpecWish");

const Spec = z
  .object({
    spec: z.string(),
    shape: Shape.nullable(),
    description: z.string().nullable().openapi({
      description: "What it is, for people",
      example: "One GPU with 8 cores",
    }),
    retired_at: Timestamp.nullable().describe("Since when no new order may use it; null: it is sold"),
    retired_lines: z.array(z.string()).openapi({
      description: "Price lines at which nothing new starts",
      example: ["gpu"],
    }),
    created_at: Timestamp,
    updated_at: Timestamp,
  })
  .openapi("Spec");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/specs",
  tags,
  summary: "What is sold",
  request: { query: PageQuery },
  responses: ok("A page of specs", pageOf(Spec)),
});

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/specs/{spec}",
  tags,
  summary: "One spec",
  request: { params },
  responses: ok("The spec", Spec),
});

const put = createRoute({
  ...forAdminsWith("money"),
  method: "put",
  path: "/specs/{spec}",
  tags,
  summary: "Make a spec or replace its shape and description",
  request: { params, body: jsonBody(SpecRequest) },
  responses: ok("The spec", Spec),
});

const retire = createRoute({
  ...forAdminsWith("money"),
  method: "delete",
  path: "/specs/{spec}",
  operationId: "retireSpec",
  tags,
  summary: "Retire a spec: no new order may use it; what runs or waits already goes on at its prices",
  request: { params },
  responses: ok("The spec, retired", Spec),
});

const restore = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/specs/{spec}/restore",
  tags,
  summary: "Sell a retired spec again, at the prices that it has",
  request: { params },
  responses: ok("The spec", Spec),
});

const retireLine = createRoute({
  ...forAdminsWith("money"),
  method: "delete",
  path: "/specs/{spec}/lines/{line}",
  operationId: "retirePriceLine",
  tags,
  summary: "Retire one price line of a spec: nothing new starts at it; what runs goes on at its prices",
  request: { params: lineParams },
  responses: ok("The spec", Spec),
});

const restoreLine = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/specs/{spec}/lines/{line}/restore",
  operationId: "restorePriceLine",
  tags,
  summary: "Sell at a retired price line again",
  request: { params: lineParams },
  responses: ok("The spec", Spec),
});

export function registerSpecRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(list, async (c) => {
    const page = textPage(c.req.valid("query"));
    const rows = await listSpecs(db, page);
    return c.json(toPage(rows, page.limit, { item: specAnswer, key: (row) => [row.spec] }), 200);
  });

  api.openapi(get, async (c) => {
    const { spec } = c.req.valid("param");
    const row = await specByName(db, spec);
    if (row === null) throw notFound({ code: "named-spec", params: { spec } });
    return c.json(specAnswer(row), 200);
  });

  api.openapi(put, async (c) => {
    const { spec } = c.req.valid("param");
    const { shape = null, description = null } = c.req.valid("json");
    return c.json(
      specAnswer(
        await putSpec(c.var.deps.db, { spec, shape: shape === null ? null : shapeRow(shape), description }),
      ),
      200,
    );
  });

  api.openapi(retire, async (c) => {
    const { spec } = c.req.valid("param");
    const row = await setRetired(c.var.deps.db, { spec, at: deps.now() });
    if (row === null) throw notFound({ code: "named-spec", params: { spec } });
    return c.json(specAnswer(row), 200);
  });

  api.openapi(restore, async (c) => {
    const { spec } = c.req.valid("param");
    return await once(c, async (sql) => {
      const row = await setRetired(sql, { spec, at: null });
      if (row === null) throw notFound({ code: "named-spec", params: { spec } });
      return c.json(specAnswer(row), 200);
    });
  });

  api.openapi(retireLine, async (c) => {
    const of = c.req.valid("param");
    const row = await setLineRetired(c.var.deps.db, { ...of, isRetired: true });
    if (row === null) throw lineNotFound(of);
    return c.json(specAnswer(row), 200);
  });

  api.openapi(restoreLine, async (c) => {
    const of = c.req.valid("param");
    return await once(c, async (sql) => {
      const row = await setLineRetired(sql, { ...of, isRetired: false });
      if (row === null) throw lineNotFound(of);
      return c.json(specAnswer(row), 200);
    });
  });
}

function lineNotFound({ spec, line }: z.output<typeof lineParams>) {
  return notFound({ code: "named-price-line", params: { line, spec } });
}

/** Absent members stay absent: what a shape does not name is not included. */
function shapeRow({ gpu, gpu_model, gpu_memory, temp_storage, ...shape }: z.infer<typeof Shape>) {
  return {
    ...shape,
    ...(gpu !== undefined && { gpu }),
    ...(gpu_model !== undefined && { gpu_model }),
    ...(gpu_memory !== undefined && { gpu_memory }),
    ...(temp_storage !== undefined && { temp_storage }),
  };
}

function specAnswer(row: SpecRow) {
  return {
    ...row,
    retired_at: iso(row.retired_at),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
