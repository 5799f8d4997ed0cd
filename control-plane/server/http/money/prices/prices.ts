/** The catalogue's prices: versioned, readable by everyone, added by administrators and never changed. */
import { createRoute, z } from "@hono/zod-openapi";
import { inputFailure } from "../../request/input-failure.ts";
import { BILLING_UNITS } from "../../../core/billing/rating.ts";
import type { Connection } from "../../../store/database/database.ts";
import {
  addPrice,
  listPrices,
  type NewPrice,
  type PriceObstacle,
  type PriceRow,
  specByName,
} from "../../../store/billing/prices/prices.ts";
import { unknownSpec } from "../../../store/orders/checks/sold-specs.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { once } from "../../request/idempotency.ts";
import { PriceLine, SpecName, UnitPrice } from "../../request/input-fields.ts";
import { numericPage, pageOf, pageQuery, toPage } from "../../request/pagination.ts";
import { badField, conflict } from "../../request/refusal.ts";
import { created, forAdminsWith, forCustomers, jsonBody, Money, ok, Timestamp } from "../../request/route.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

const tags = ["prices"];

const FIRST_MOMENT = Date.parse("2000-01-01T00:00:00Z");
const LAST_MOMENT = Date.parse("2100-12-31T23:59:59Z");

export const NewPriceBody = z
  .strictObject({
    spec: SpecName,
    line: PriceLine,
    unit_price: UnitPrice,
    billing_unit: z.enum(BILLING_UNITS),
    effective_from: z.iso
      .datetime({ offset: true })
      .refine(
        (time) => {
          const moment = Date.parse(time);
          return moment >= FIRST_MOMENT && moment <= LAST_MOMENT;
        },
        inputFailure({ code: "moment-out-of-range", params: { first_year: 2000, last_year: 2100 } }),
      )
      .optional()
      .openapi({
        description:
          "Now, if left out. In the past only where a run that began since then waits uncharged for this price",
        example: "2030-01-01T00:00:00Z",
      }),
    new_spec: z.boolean().optional().openapi({
      description:
        "Makes the spec where it is not there; without it a price for a spec that is not in the catalogue is refused",
    }),
  })
  .openapi("NewPrice");

const Price = z
  .object({
    id: z.int(),
    spec: z.string(),
    line: z.string(),
    unit_price: Money,
    billing_unit: z.string(),
    effective_from: Timestamp,
    created_at: Timestamp,
  })
  .openapi("Price");

const AddedPrice = Price.extend({
  hint: z.string().nullable().openapi({
    description: "What is left to do before anything is sold at it",
    example: "The spec standard has no line memory yet.",
  }),
}).openapi("AddedPrice");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/prices",
  tags,
  summary: "Every price there was, is and will be; newest first",
  request: {
    query: z.strictObject({ ...pageQuery, spec: SpecName.optional().describe("Only those of this spec") }),
  },
  responses: ok("A page of prices", pageOf(Price)),
});

const post = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/prices",
  tags,
  summary: "A price from a moment on; what runs already keeps the price it began with",
  request: { body: jsonBody(NewPriceBody) },
  responses: created("The price", AddedPrice),
});

export function registerPriceRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const page = numericPage(query);
    const rows = await listPrices(db, { spec: query.spec ?? null, page });
    return c.json(toPage(rows, page.limit, { item: priceAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const now = deps.now();
    const price = newPrice(body, { now, createdBy: c.var.actor.customerId });
    return await once(c, async (sql) => {
      const unknown = body.new_spec === true ? null : await unknownSpec(sql, price.spec, now);
      if (unknown !== null) throw badField("spec", unknown);
      const result = await addPrice(sql, price, now);
      if (result.added !== null)
        return c.json({ ...priceAnswer(result.added), hint: await hintFor(sql, price) }, 201);
      throw result.reason === "taken"
        ? conflict({ code: "price-taken-sentence", params: { line: price.line, spec: price.spec } })
        : badField("effective_from", obstacleReason(result.reason, price));
    });
  });
}

/** @throws ApiRefusal where the line is no line of the spec */
export function newPrice(
  body: z.output<typeof NewPriceBody>,
  { now, createdBy, at = "" }: { now: Date; createdBy: number; at?: string },
): NewPrice {
  // Storage is sampled per workspace and day, so it is a spec of its own and a line of no other.
  if ((body.spec === "storage") !== (body.line === "storage"))
    throw badField(`${at}line`, "price-of-storage");
  return {
    spec: body.spec,
    line: body.line,
    unitPrice: body.unit_price,
    billingUnit: body.billing_unit,
    effectiveFrom: body.effective_from === undefined ? now : new Date(body.effective_from),
    createdBy,
  };
}

export function obstacleReason(obstacle: PriceObstacle, { spec, line }: NewPrice): Reason {
  switch (obstacle) {
    case "taken":
      return { code: "price-taken", params: { line, spec } };
    case "past":
      return reasonOf("price-in-past");
    case "moves-a-run":
      return reasonOf("price-before-run");
  }
}

/** A whole is sold by its shape: with a price alone every order under the spec is refused. So is one that is retired. */
async function hintFor(db: Connection, { spec, line }: NewPrice): Promise<string | null> {
  const row = await specByName(db, spec);
  if (row !== null && row.retired_at !== null)
    return `New orders under ${spec} are refused until POST /specs/${spec}/restore: it is retired.`;
  if (row?.retired_lines.includes(line) === true)
    return `Nothing new starts at ${line} of ${spec} until POST /specs/${spec}/lines/${encodeURIComponent(line)}/restore: it is retired.`;
  if (line !== "spec" || row?.shape !== null) return null;
  return `Orders under ${spec} are refused until PUT /specs/${spec} says what it includes (shape).`;
}

function priceAnswer({ created_by: _by, ...row }: PriceRow) {
  return {
    ...row,
    effective_from: row.effective_from.toISOString(),
    created_at: row.created_at.toISOString(),
  };
}
