/** Why an order has no price, or a higher one than it allows. Amounts are points. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const PRICE_CODES = {
  "spec-unpriced": { spec: "text" },
  "spec-retired": { spec: "text" },
  "spec-unknown": { spec: "text" },
  "spec-not-sold": { why: "phrase", sold: "phrase" },
  "no-spec-sold": {},
  "spec-sold": { spec: "text" },
  "specs-sold": { specs: "names", last: "text" },
  "first-specs-sold": { specs: "names", unnamed: "number" },
  "spec-without-shape": { spec: "text" },
  "order-beyond-spec": { field: "text", spec: "text" },
  "spec-of-other-model": { spec: "text", spec_gpu_model: "text", gpu_model: "text" },
  "price-retired": { line: "text", spec: "text" },
  "line-unpriced": { line: "text" },
  "hour-beyond-maximum": { hourly: "text", maximum: "text" },
  "spec-of-another-model": { spec: "text", gpu_model: "text" },
} as const satisfies CodeShapes;
