/** Fields that an order has whatever its kind: what an instance gets, and where it may go. */
import { z } from "@hono/zod-openapi";
import { displayText, text } from "@remotegpu/shared/values/text";
import { KIB, MIB, GIB } from "@remotegpu/shared/values/units";
import { MIN_MEMORY } from "../../core/orders/order-check.ts";
import { hostLabels } from "../request/host-labels.ts";
import { NotNegativeAmount, SpecName } from "../request/input-fields.ts";

const MAX_CPU = 4096;
const MAX_GPUS = 64;
const MAX_HOST_LABELS = 16;

export const Command = text(64 * KIB).min(1);

/** The sizes of each instance. */
export const sizeFields = {
  cpu: z.int().min(1).max(MAX_CPU),
  memory: z
    .int()
    .min(MIN_MEMORY)
    .openapi({ description: "Bytes of each instance", example: 16 * GIB }),
  gpu: z.int().min(0).max(MAX_GPUS).optional(),
  gpu_memory: z
    .int()
    .min(MIB)
    .nullable()
    .optional()
    .openapi({
      description: "Bytes of each GPU",
      example: 24 * GIB,
    }),
};

/** The place fields of `config`. */
export const placeFields = {
  spec: SpecName.optional().describe("What it is sold as; `default`, if left out"),
  gpu_sharing: z.enum(["exclusive", "shared"]).optional().openapi({
    description: "shared: a slice of one GPU, of the size gpu_memory",
  }),
  gpu_model: displayText(128)
    .optional()
    .openapi({ description: "Only this model of GPU", example: "NVIDIA A100-SXM4-80GB" }),
  max_price_per_hour: NotNegativeAmount.optional().openapi({
    description:
      "What an hour of the whole order may cost, all its instances together. Refused where no GPU model keeps within it; else only such models are taken, at the order and whenever it starts",
  }),
  host_labels: hostLabels({ most: MAX_HOST_LABELS })
    .optional()
    .openapi({ description: "Labels that the host must carry, with these values", example: { zone: "a" } }),
};
