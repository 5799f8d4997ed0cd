import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { MONEY_CODES } from "../codes/money.ts";

export const MONEY_ENGLISH = messagesFor<typeof MONEY_CODES>()({
  "run-rows-too-many": "Run {run_id} has more rows than one document holds.",
  "record-of-old-system":
    "Record {record_id} is of the old system, which kept nothing that its charges could be proven by.",
  "record-without-journal":
    "Record {record_id} has no journal rows: it was charged for {resource_type} of {resource_id}, {quantity} for {amount}; its samples are at /billing/storage.",
  "payment-repeated": "A payment with this Idempotency-Key was made before.",
  "payment-beyond-column": "is too large: it would carry the balance beyond {max_balance}",
  "amount-not-positive": "must be above zero",
  "amount-zero": "must not be zero",
  "refund-beyond-charge": "is more than the run was charged and not given back yet",
  "write-off-beyond-debt": "is more than the balance is below zero",
  "run-of-another-customer": "is not a run of this customer",
  "period-reversed": "lies after end_time",
  "period-empty": "must lie before end_time",
  "price-doubled": "stands there twice for one line and moment",
  "price-of-storage": "the spec storage has the line storage, and no other spec has it",
  "price-taken": "{line} of {spec} has a price from that moment already",
  "price-taken-sentence": "{line} of {spec} has a price from that moment already.",
  "price-in-past":
    "lies in the past, and no run waits uncharged for this price since then; leave it out for now",
  "price-before-run": "lies before the start of a run that has its price already",
});
