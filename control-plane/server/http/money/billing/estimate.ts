/** What an order would cost and whether the fleet can hold it, before anybody orders it. */
import { createRoute, z } from "@hono/zod-openapi";
import { formatPoints, formatPrice, formatQuantity } from "@remotegpu/shared/values/money";
import { displayText } from "@remotegpu/shared/values/text";
import { GIB } from "@remotegpu/shared/values/units";
import { type Resources, resourcesOf } from "../../../core/orders/order.ts";
import { amountOf, estimate, totalAmount } from "../../../core/billing/rating.ts";
import { type OrderFit, orderFit } from "../../../store/orders/checks/order-fit.ts";
import { orderPrices } from "../../../store/orders/checks/order-prices.ts";
import { fleetModels } from "../../../store/fleet/fleet.ts";
import type { CachedFleet, CachedRoom } from "../../../store/fleet/cached-fleet.ts";
import { setting } from "../../../store/accounts/settings.ts";
import { unsoldSpecs } from "../../../store/orders/checks/sold-specs.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { once } from "../../request/idempotency.ts";
import { Int53, SpecName } from "../../request/input-fields.ts";
import { badField } from "../../request/refusal.ts";
import { forCustomersWith, jsonBody, Money, ok } from "../../request/route.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { namedReason, reasonCode, reasonParams } from "../../request/reason-answer.ts";

const tags = ["billing"];

const MAX_ESTIMATED_MINUTES = 60 * 24 * 366;
const MAX_INSTANCES = 10_000;
const MAX_CORES = 4_096;

const EstimateRequest = z
  .strictObject({
    spec: SpecName.optional().describe("What it is sold as; `default`, if left out"),
    cpu: z.int().positive().max(MAX_CORES),
    memory: Int53.openapi({ description: "Bytes", example: 16 * GIB }),
    gpu: z.int().nonnegative().max(64).optional(),
    gpu_memory: Int53.nullable().optional(),
    gpu_sharing: z.enum(["exclusive", "shared"]).optional().openapi({
      description: "shared: a slice of one GPU, of the size gpu_memory",
    }),
    gpu_model: displayText(128).optional().openapi({
      description: "Only this model; else the dearest that fits",
      example: "NVIDIA A100-SXM4-80GB",
    }),
    temp_storage: Int53.nullable().optional(),
    minutes: z.int().positive().max(MAX_ESTIMATED_MINUTES).optional().openapi({
      description: "How many minutes; 60, if left out",
      example: 60,
    }),
    instances: z.int().positive().max(MAX_INSTANCES).optional().openapi({
      description: "How many instances; 1, if left out",
      example: 1,
    }),
  })
  .openapi("EstimateWish");

const FITS = ["now", "later", "never"] as const;

const Estimate = z
  .object({
    spec: z.string(),
    minutes: z.int().openapi({ description: "For how many minutes", example: 60 }),
    instances: z.int().openapi({ description: "For how many instances", example: 1 }),
    amount: Money.describe("What all of it would cost"),
    per_hour: Money.openapi({ description: "Of one instance" }),
    lines: z
      .array(
        z.object({
          line: z.string(),
          quantity: z.string(),
          unit_price: Money,
          billing_unit: z.string(),
          amount: Money,
        }),
      )
      .describe("What it is made of"),
    free_loading_minutes: z.int().openapi({
      description:
        "Of each hour (UTC) so many minutes in which one replica of the payer loads are free, by the rule `loading`; not taken off here",
      example: 10,
    }),
    fits: z.enum(FITS).openapi({
      description: "now; later (it would wait); never (no host is that large, or none has such a card)",
      example: "now",
    }),
    fits_reason: z.string().openapi({
      description: "The same in a sentence, with what would fit",
      example: "There is room for it now.",
    }),
    fits_reason_code: reasonCode("order-fits-now"),
    fits_reason_params: reasonParams(),
  })
  .openapi("Estimate");

const postEstimate = createRoute({
  ...forCustomersWith("read"),
  method: "post",
  path: "/billing/estimate",
  operationId: "estimateOrder",
  tags,
  summary: "What an order would cost, by the code that charges it, and whether the fleet can hold it",
  request: { body: jsonBody(EstimateRequest) },
  responses: ok("The estimate", Estimate),
});

export function registerEstimateRoute(
  api: ApiApp,
  deps: ApiDeps,
  { fleet, room }: { fleet: CachedFleet; room: CachedRoom },
): void {
  api.openapi(postEstimate, async (c) => {
    const request = c.req.valid("json");
    const { minutes = 60, instances = 1 } = request;
    const order = orderOf(request);
    const stored = { fleet: await fleet.recent(), room: await room.recent() };
    return await once(c, async (sql) => {
      const now = deps.now();
      const prices = await orderPrices(sql, [order], { models: await fleetModels(sql), at: now });
      const unsold = (await unsoldSpecs(sql, [order], { prices, now })).get(order.spec);
      if (unsold !== undefined) throw badField("spec", unsold);
      const priced = prices.dearest(order);
      if (!priced.priced) throw badField(priced.field, priced.detail);
      const { lines } = priced;
      const models = prices.pricedModels(order);
      return c.json(
        {
          spec: order.spec,
          minutes,
          instances,
          amount: formatPoints(estimate(lines, { minutes, instances })),
          per_hour: formatPoints(totalAmount(lines, 60)),
          lines: lines.map((line) => ({
            line: line.line,
            quantity: formatQuantity(line.quantity),
            unit_price: formatPrice(line.unitPrice),
            billing_unit: line.billingUnit,
            amount: formatPoints(amountOf(line, minutes)),
          })),
          free_loading_minutes: Number(await setting(sql, "FREE_LOADING_MINUTES")),
          ...fitAnswer(orderFit(order, { ...stored, models })),
        },
        200,
      );
    });
  });
}

/** As an order would say it. */
function orderOf(request: z.output<typeof EstimateRequest>): Resources {
  const { cpu, memory, gpu = 0, gpu_memory = null, temp_storage, instances = 1 } = request;
  const { spec, gpu_sharing, gpu_model } = request;
  return resourcesOf({
    cpu,
    memory,
    gpu,
    gpu_memory,
    temp_storage: temp_storage ?? null,
    config: { spec, gpu_sharing, gpu_model },
    node_count: instances,
  });
}

function fitAnswer(
  fit: OrderFit,
): Pick<z.input<typeof Estimate>, "fits" | "fits_reason" | "fits_reason_code" | "fits_reason_params"> {
  return { fits: fit.when, ...namedReason("fits_reason", fitReason(fit)) };
}

function fitReason(fit: OrderFit): Reason {
  switch (fit.when) {
    case "now":
      return reasonOf("order-fits-now");
    case "later":
      return reasonOf("order-fits-later");
    case "never":
      return { code: "order-beyond-fleet", params: { why: [fit.reason] } };
  }
}
