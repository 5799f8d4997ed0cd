/** What new prices would change, before anyone gives them; and the examples for a new system. */
import { createRoute, z } from "@hono/zod-openapi";
import { formatPoints, parsePrice } from "@remotegpu/shared/values/money";
import { EXAMPLE_SPECS } from "../../../core/orders/prices/example-prices.ts";
import { priceChange } from "../../../core/orders/prices/price-preview.ts";
import { BILLING_UNITS } from "../../../core/billing/rating.ts";
import { type NewPrice, priceObstacle, specPricesOf } from "../../../store/billing/prices/prices.ts";
import type { Connection } from "../../../store/database/database.ts";
import { addExamples } from "../../../store/billing/prices/example-prices.ts";
import {
  type CatalogueEntry,
  neighboursOf,
  openRunsOf,
  runningLines,
  usernamesOf,
} from "../../../store/billing/runs/price-preview.ts";
import { unknownSpec } from "../../../store/orders/checks/sold-specs.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { once } from "../../request/idempotency.ts";
import { badField } from "../../request/refusal.ts";
import { created, forAdminsWith, jsonBody, Money, ok, Timestamp } from "../../request/route.ts";
import { NewPriceBody, newPrice, obstacleReason } from "./prices.ts";
import { inEnglish } from "../../../core/reasons/english/english.ts";

const tags = ["prices"];

const MAX_PREVIEWED = 50;
/** Those whom it changes most. */
const MAX_CUSTOMERS = 10;

const Entry = z.object({
  unit_price: Money,
  billing_unit: z.enum(BILLING_UNITS),
  effective_from: Timestamp,
});

const perHour = {
  per_hour_now: Money.openapi({ description: "At the prices that they began with" }),
  per_hour_anew: Money.openapi({
    description: "Were all of it started anew at today's prices with the new ones in place",
  }),
};

const PricePreview = z
  .object({
    prices: z
      .array(
        Entry.extend({
          spec: z.string(),
          line: z.string(),
          refusal: z.string().nullable().openapi({
            description: "Why it would not be taken",
            example: "gpu: must not be below zero",
          }),
          supersedes: Entry.nullable().openapi({ description: "What would hold then without it" }),
          superseded_by: z.array(Entry).openapi({ description: "Planned entries that follow it" }),
        }),
      )
      .describe("Each of them, and what it would change"),
    runs: z
      .array(
        z.object({
          spec: z.string(),
          resource_type: z.string(),
          keeping: z.int().openapi({
            description: "Open runs that keep the price they began with",
            example: 4,
          }),
          not_begun: z.int().openapi({
            description: "Placed ones whose price is decided when they begin",
            example: 1,
          }),
          ...perHour,
        }),
      )
      .describe("What runs now, by spec and kind"),
    customers: z
      .array(z.object({ customer_id: z.int(), username: z.string().nullable(), ...perHour }))
      .openapi({
        description: "What runs now, by who pays",
      }),
  })
  .openapi("PricePreview");

const preview = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/prices/preview",
  tags,
  summary: "What new prices would change; nothing is written",
  request: {
    body: jsonBody(
      z
        .strictObject({
          prices: z.array(NewPriceBody).min(1).max(MAX_PREVIEWED).describe("The prices that are thought of"),
        })
        .openapi("PricePreviewWish"),
    ),
  },
  responses: ok("The preview", PricePreview),
});

const Examples = z
  .object({
    made: z.array(z.string()).openapi({ description: "Specs that were made", example: ["basic", "premium"] }),
    kept: z.array(z.string()).openapi({
      description: "Specs that were there, and stay as they are",
      example: ["standard"],
    }),
  })
  .openapi("ExampleSpecs");

const examples = createRoute({
  ...forAdminsWith("money"),
  method: "post",
  path: "/prices/examples",
  operationId: "addExampleSpecs",
  tags,
  summary: "Put the example specs basic, standard and premium into the catalogue, those that are not there",
  responses: created("Which were made", Examples),
});

export function registerPricePreviewRoutes(api: ApiApp, deps: ApiDeps): void {
  api.openapi(preview, async (c) => {
    const now = deps.now();
    const { customerId: createdBy } = c.var.actor;
    const prices = c.req
      .valid("json")
      .prices.map((body, index) => newPrice(body, { now, createdBy, at: `prices.${index}.` }));
    assertDistinct(prices);
    const made = new Set(c.req.valid("json").prices.flatMap((body) => (body.new_spec ? [body.spec] : [])));
    // One moment of the database, so that the numbers belong together.
    return await once(c, async (sql) => c.json(await previewOf(sql, prices, { made, now }), 200), {
      isolation: "repeatable read",
    });
  });

  api.openapi(examples, async (c) => {
    const terms = { now: deps.now(), createdBy: c.var.actor.customerId };
    return await once(c, async (sql) => {
      const made = await addExamples(sql, EXAMPLE_SPECS, terms);
      const stored = EXAMPLE_SPECS.map(({ spec }) => spec).filter((spec) => !made.includes(spec));
      return c.json({ made, kept: stored }, 201);
    });
  });
}

function assertDistinct(prices: readonly NewPrice[]): void {
  const seen = new Set<string>();
  for (const [index, { spec, line, effectiveFrom }] of prices.entries()) {
    const key = JSON.stringify([spec, line, effectiveFrom]);
    if (seen.has(key)) throw badField(`prices.${index}`, "price-doubled");
    seen.add(key);
  }
}

async function previewOf(
  sql: Connection,
  prices: readonly NewPrice[],
  { made, now }: { made: ReadonlySet<string>; now: Date },
): Promise<z.input<typeof PricePreview>> {
  const specs = [...new Set(prices.map(({ spec }) => spec))];
  const inForce = await specPricesOf(sql, { specs, at: now });
  const byMoment = [...prices].sort((a, b) => a.effectiveFrom.getTime() - b.effectiveFrom.getTime());
  const change = priceChange(
    await runningLines(sql, { specs, at: now }),
    new Map([...inForce].map(([spec, { prices: lines }]) => [spec, lines])),
    byMoment.map((price) => ({ ...price, unitPrice: parsePrice(price.unitPrice) })),
  );
  const customers = change.customers.slice(0, MAX_CUSTOMERS);
  const names = await usernamesOf(
    sql,
    customers.map(({ customerId }) => customerId),
  );
  const entries: z.input<typeof PricePreview>["prices"] = [];
  for (const price of prices) entries.push(await entryOf(sql, price, { isMade: made.has(price.spec), now }));
  return {
    prices: entries,
    runs: (await openRunsOf(sql, specs)).map((open) => ({
      ...open,
      ...hours(
        change.kinds.find(
          ({ spec, resourceType }) => spec === open.spec && resourceType === open.resource_type,
        ),
      ),
    })),
    customers: customers.map(({ customerId, ...one }) => ({
      customer_id: customerId,
      username: names.get(customerId) ?? null,
      ...hours(one),
    })),
  };
}

async function entryOf(
  sql: Connection,
  price: NewPrice,
  { isMade, now }: { isMade: boolean; now: Date },
): Promise<z.input<typeof PricePreview>["prices"][number]> {
  const unknown = isMade ? null : await unknownSpec(sql, price.spec, now);
  const obstacle = await priceObstacle(sql, price, now);
  const refusal = unknown ?? (obstacle === null ? null : obstacleReason(obstacle, price));
  const { supersedes, supersededBy } = await neighboursOf(sql, price);
  return {
    spec: price.spec,
    line: price.line,
    unit_price: price.unitPrice,
    billing_unit: price.billingUnit,
    effective_from: price.effectiveFrom.toISOString(),
    refusal: refusal === null ? null : inEnglish(refusal),
    supersedes: supersedes === null ? null : neighbour(supersedes),
    superseded_by: supersededBy.map(neighbour),
  };
}

function neighbour(entry: CatalogueEntry): z.input<typeof Entry> {
  return { ...entry, effective_from: entry.effective_from.toISOString() };
}

function hours({ now, anew }: { now: bigint; anew: bigint } = { now: 0n, anew: 0n }) {
  return { per_hour_now: formatPoints(now), per_hour_anew: formatPoints(anew) };
}
