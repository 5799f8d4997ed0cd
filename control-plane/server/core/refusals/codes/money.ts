/** Refusals about payments, prices, bills and their proofs. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const MONEY_CODES = {
  "run-rows-too-many": { run_id: "text" },
  "record-of-old-system": { record_id: "number" },
  "record-without-journal": {
    record_id: "number",
    resource_type: "text",
    resource_id: "text",
    quantity: "text",
    amount: "text",
  },
  "payment-repeated": {},
  "payment-beyond-column": { max_balance: "text" },
  "amount-not-positive": {},
  "amount-zero": {},
  "refund-beyond-charge": {},
  "write-off-beyond-debt": {},
  "run-of-another-customer": {},
  "period-reversed": {},
  "period-empty": {},
  "price-doubled": {},
  "price-of-storage": {},
  "price-taken": { line: "text", spec: "text" },
  "price-taken-sentence": { line: "text", spec: "text" },
  "price-in-past": {},
  "price-before-run": {},
} as const satisfies CodeShapes;
