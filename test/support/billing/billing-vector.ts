/** The form of a billing vector file: inputs and expected results, as their README describes them. */
import { readFileSync } from "node:fs";
import { z } from "zod";

const Time = z.iso.datetime();
/** Text, since a number of JSON is not exact; but a whole number is, as far as it is safe. */
const Decimal = z.string();
const Bytes = z.union([z.string().regex(/^\d+$/), z.int().nonnegative().transform(String)]);

/** What comes of a vector, section by section. */
const Expected = z.object({
  run_totals: z.array(
    z.object({
      run: z.string(),
      workspace: z.string(),
      metered_ms: z.int(),
      waived_ms: z.int(),
      minutes: z.int(),
      amount: Decimal,
    }),
  ),
  records: z.array(
    z.object({
      run: z.string(),
      line: z.string(),
      usage_month: z.string(),
      invoice_month: z.string(),
      minutes: z.int(),
      amount: Decimal,
    }),
  ),
  charges: z.array(z.object({ at: Time, run: z.string(), minutes: z.int(), amount: Decimal })),
  storage_records: z.array(
    z.object({
      workspace: z.string(),
      day: z.string(),
      samples: z.int(),
      average_gb: Decimal.nullable(),
      billable_gb: Decimal,
      amount: Decimal,
    }),
  ),
  balances: z.array(
    z.object({
      at: Time,
      balance: Decimal,
      state: z.string(),
      burn_per_hour: Decimal.optional(),
      hours_left: Decimal.nullable().optional(),
    }),
  ),
  state_changes: z.array(z.object({ at: Time, to: z.string() })),
  stop_orders: z.array(z.object({ at: Time, run: z.string() })),
  start_results: z.array(z.object({ at: Time, workspace: z.string(), accepted: z.boolean() })),
  /** The reason is for people. */
  rejected: z.array(z.object({ id: z.string(), at: Time, reason: z.string().default("") })),
  alerts: z.array(z.object({ at: Time, threshold: Decimal })),
  estimates: z.array(
    z.object({ spec: z.string(), at: Time, minutes: z.int(), instances: z.int(), amount: Decimal }),
  ),
  totals: z.object({
    topups: Decimal,
    charges: Decimal,
    refunds: Decimal,
    adjustments: Decimal,
    closing_balance: Decimal,
  }),
});
export type VectorResult = z.infer<typeof Expected>;
export const SECTIONS = Object.keys(Expected.shape) as (keyof VectorResult)[];

const BillingVector = z.object({
  id: z.string(),
  rule: z.string(),
  config: z.object({
    utc_offset: z.string(),
    free_storage_gb: Decimal,
    storage_price: Decimal,
    /** By an administrator's word; else the disk holds whatever is sampled. */
    pool_disk_gb: Decimal.optional(),
    close_delay_hours: z.int(),
    alert_thresholds: z.array(Decimal).optional(),
    report_runway: z.boolean().optional(),
  }),
  catalog: z
    .array(
      z.object({
        spec: z.string(),
        line: z.string(),
        quantity: Decimal,
        unit_price: Decimal,
        billing_unit: z.enum(["minute", "hour", "day"]),
        effective_from: Time,
      }),
    )
    .default([]),
  boots: z.array(z.object({ node: z.string(), boot: z.string(), utc_at_zero: Time })).default([]),
  runs: z
    .array(
      z.object({
        run: z.string(),
        workspace: z.string(),
        resource_type: z.enum(["environment", "training_job", "inference_service"]),
        resource_id: z.string(),
        spec: z.string(),
        submitted_at: Time.optional(),
      }),
    )
    .default([]),
  usage: z
    .array(
      z.object({
        node: z.string(),
        boot: z.string(),
        seq: z.int(),
        run: z.string(),
        from_ms: z.int(),
        to_ms: z.int(),
        arrives_at: Time,
        proven: z.boolean().default(true),
        final: z.boolean().default(false),
        node_wall_start: Time.optional(),
      }),
    )
    .default([]),
  money: z
    .array(
      z.object({
        at: Time,
        kind: z.enum(["topup", "refund", "adjustment"]),
        id: z.string(),
        amount: Decimal,
        run: z.string().optional(),
      }),
    )
    .default([]),
  storage: z
    .array(
      z.object({
        workspace: z.string(),
        day: z.string(),
        hourly_gb: z.array(Decimal.nullable()).optional(),
        hourly_bytes: z.array(Bytes.nullable()).optional(),
        /** Of datasets that were sealed before the day, beside what is sampled. */
        sealed_gb: Decimal.optional(),
      }),
    )
    .default([]),
  start_attempts: z.array(z.object({ at: Time, workspace: z.string() })).default([]),
  estimates: z
    .array(z.object({ spec: z.string(), at: Time, minutes: z.int(), instances: z.int() }))
    .default([]),
  observe_at: z.array(Time).default([]),
  /** What of it a file lacks is not compared. */
  expected: z.looseObject(Expected.partial().shape),
});
export type BillingVector = z.infer<typeof BillingVector>;

const VectorFile = z.object({
  format: z.literal("remotegpu-billing-vectors/1"),
  vectors: z.array(BillingVector),
});

/** @throws ZodError naming the field that is not of the form */
export function readBillingVectors(path: string): BillingVector[] {
  return VectorFile.parse(JSON.parse(readFileSync(path, "utf8"))).vectors;
}

export const BILLING_VECTORS = new URL("../../fixtures/billing-vectors.json", import.meta.url).pathname;
/** Cases of our own, of what those leave open. */
export const MORE_BILLING_VECTORS = new URL("../../fixtures/more-billing-vectors.json", import.meta.url)
  .pathname;
