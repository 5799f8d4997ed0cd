/**
 * The proof of a bill: one JSON document with all that the charges of a run came from, in a form that needs neither the
 * server nor a key to be checked. Its shape and the bounds of a file that anybody may have written; what it says is
 * judged by verify-bill.ts.
 */
import { BootId, HostId, InstanceId, JournalId, PublicNkey, RunId } from "@remotegpu/shared/values/ids";
import { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { displayText, text } from "@remotegpu/shared/values/text";
import { z } from "zod";
import { BILLING_UNITS } from "../core/billing/rating.ts";
import { WAIVER_REASONS } from "../core/billing/waived-time.ts";

export const PROOF_FORMAT = "remotegpu-bill-proof/2";

/** Own rows of a run that never ends are a minute each: a year, and some. */
export const MAX_SEGMENTS = 600_000;
/** A batch's rows, and some that stand before a batch which came out of turn. */
export const MAX_SEGMENT_ROWS = 1_000;
const MAX_POSTINGS = 200_000;
const MAX_SET_ASIDE = 100_000;

/** Of a century, so that nothing counts months for ever. */
const Moment = z.iso.datetime().refine((at) => at >= "2000" && at < "2100", "is not of this century");
const Seq = z.int().positive();
const Hash = z.string().regex(/^[0-9a-f]{64}$/);
const Money = z.string().regex(/^-?\d{1,16}\.\d{4}$/);
const Price = z.string().regex(/^\d{1,12}(\.\d{1,6})?$/);
const Quantity = z.string().regex(/^\d{1,30}(\.\d{1,30})?$/);
const Minutes = z.int().min(-1e9).max(1e9);
const Month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/);
const Line = displayText(320);
const BillingUnit = z.enum(BILLING_UNITS);

/** A row of this run, with what was decided about it. */
const OwnRow = z.object({
  kind: z.literal("own"),
  seq: Seq,
  entry: UsageEntry,
  hash: Hash,
  verdict: z.enum(["accepted", "quarantined"]),
  /** Why all of it, or the part in excess, does not count. */
  reason: text(500).nullable(),
  /** Milliseconds of an accepted row that do not count. */
  excess_ms: z.int().nonnegative().nullable(),
  received_at: Moment,
});
export type OwnRow = z.infer<typeof OwnRow>;

const ChainedRow = z.discriminatedUnion("kind", [
  OwnRow,
  /** A row of somebody else: the digest of its entry is enough to follow the chain over it. */
  z.object({ kind: z.literal("other"), seq: Seq, digest: Hash }),
  /** A row that the host found damaged: nobody has its content, and it keeps the hash that it had. */
  z.object({ kind: z.literal("lost"), seq: Seq, hash: Hash }),
]);

/** From a row of this run to the nearest head at or after it that the host has signed. */
const Segment = z.object({
  journal_id: JournalId,
  /** The row before the first; its hash is null where a restored database has lost it. */
  previous: z.object({ seq: z.int().nonnegative(), hash: Hash.nullable() }),
  rows: z.array(ChainedRow).min(1).max(MAX_SEGMENT_ROWS),
  head: z.object({ seq: Seq, hash: Hash, signature: z.string().max(128), received_at: Moment }).nullable(),
});
export type Segment = z.infer<typeof Segment>;

const Run = z.object({
  id: RunId,
  host_id: HostId,
  instance_id: InstanceId,
  placement_epoch: z.int().positive(),
  /** The payer. */
  customer_id: z.int(),
  workspace_id: z.int().nullable(),
  resource_type: text(32),
  resource_id: text(128),
  resource_name: text(512).nullable(),
  spec: text(128),
  gpu_model: text(256).nullable(),
  ordered_at: Moment,
  first_proven_at: Moment.nullable(),
  closed_at: Moment.nullable(),
  /** From here on nothing is charged: a stop order, or the next placement. */
  waive_from: Moment.nullable(),
  waive_reason: text(2_000).nullable(),
  proven_ms: z.int().nonnegative(),
  waived_ms: z.int().nonnegative(),
  billed_minutes: z.int().nonnegative(),
  amount: Money,
  /** True while some of its time waits for the next charge. */
  is_charge_due: z.boolean(),
  /** How many rows of it are below. */
  rows: z.int().nonnegative(),
});

const Waiver = z.object({
  reason: z.enum(WAIVER_REASONS),
  from_at: Moment,
  to_at: Moment.nullable(),
  evidence: z.unknown(),
});

const CatalogueEntry = z.object({
  id: z.int(),
  line: Line,
  unit_price: Price,
  billing_unit: BillingUnit,
  effective_from: z.iso.datetime(),
});

const BillRecord = z.object({
  id: z.int(),
  customer_id: z.int(),
  line: Line,
  quantity: Quantity,
  unit_price: Price,
  billing_unit: BillingUnit,
  billing_minutes: Minutes,
  amount: Money,
  currency: text(20).nullable(),
  start_time: Moment,
  end_time: Moment,
  usage_month: Month,
  invoice_month: Month,
  transaction_id: z.int().nullable(),
  created_at: Moment,
});
export type BillRecord = z.infer<typeof BillRecord>;

const LedgerTransaction = z.object({
  id: z.int(),
  source_kind: text(32),
  source_id: text(320),
  reason: text(10_000).nullable(),
  at: Moment,
  /** Both sides name the customer; the account `customer` is that customer's own. */
  entries: z.array(z.object({ account: text(32), customer_id: z.int().nullable(), amount: Money })).max(16),
});

export const ProofDocument = z.object({
  format: z.literal(PROOF_FORMAT),
  made_at: Moment,
  record_id: z.int(),
  billing_utc_offset_minutes: z
    .int()
    .min(-14 * 60)
    .max(14 * 60),
  run: Run,
  waivers: z.array(Waiver).max(10_000),
  lines: z
    .array(
      z.object({
        line: Line,
        quantity: Quantity,
        unit_price: Price.nullable(),
        billing_unit: BillingUnit.nullable(),
      }),
    )
    .max(100),
  catalogue: z.array(CatalogueEntry).max(10_000),
  boots: z.array(z.object({ boot_id: BootId, utc_at_zero: Moment, measured_at: Moment })).max(10_000),
  host_keys: z
    .array(
      z.object({ nkey: PublicNkey, issued_at: z.iso.datetime(), revoked_at: z.iso.datetime().nullable() }),
    )
    .max(1_000),
  records: z.array(BillRecord).min(1).max(MAX_POSTINGS),
  ledger: z.array(LedgerTransaction).max(MAX_POSTINGS),
  /** What of this run's rows does not count, and why. */
  set_aside: z
    .array(
      z.object({
        journal_id: JournalId.nullable(),
        seq: z.int().nullable(),
        reason: text(500),
        excess_ms: z.int().nonnegative().nullable(),
        entry: z.unknown(),
        at: Moment,
      }),
    )
    .max(MAX_SET_ASIDE),
  segments: z.array(Segment).max(MAX_SEGMENTS),
});
export type ProofDocument = z.infer<typeof ProofDocument>;
