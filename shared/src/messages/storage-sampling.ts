/**
 * The hourly sample of a storage pool, asked for by its hosts: a question brings an order (folders to measure, with
 * whose they are) or a rest; what was measured goes back as one sum for each owner. Only the control plane knows who an
 * owner is. Folders of one owner may lie within each other or share files, so only their sum means something.
 */
import { z } from "zod";
import { PoolPath } from "../instance/instance.ts";
import { text } from "../values/text.ts";
import { MS_PER_HOUR } from "../values/units.ts";

/**
 * The folders of one page. A path has at most 512 characters, as a rule 50, so the payload limit may end a page before.
 */
export const MAX_FOLDERS_PER_PAGE = 2_000;
/** The checksums of one message. */
const MAX_SUMS_PER_REPORT = 2_000;
/** A PiB of one owner on one pool; whoever claims more is not believed. */
export const MAX_SAMPLE_BYTES = 2 ** 50;

const Owner = text(32);
/** Where the next page of an order begins. */
const Cursor = text(256);
/** The full hour of a sample, in UTC milliseconds. */
const HourMs = z.int().nonnegative().multipleOf(MS_PER_HOUR);
/** How long from now it makes sense to ask again. */
const AgainInMs = z.int().nonnegative().max(MS_PER_HOUR);

const StorageQuestion = z.object({
  kind: z.literal("storage-question"),
  /** Null begins; further pages name what the page before said is next. */
  after: Cursor.nullable(),
});

export const StorageReport = z.object({
  kind: z.literal("storage-report"),
  hourMs: HourMs,
  /** Null: it could not be measured. */
  sums: z
    .array(z.object({ owner: Owner, bytes: z.int().nonnegative().max(MAX_SAMPLE_BYTES).nullable() }))
    .max(MAX_SUMS_PER_REPORT),
  /** With the last part the hour is sampled; before it nothing counts. */
  isLast: z.boolean(),
});
export type StorageReport = z.infer<typeof StorageReport>;

export const StorageRequest = z.discriminatedUnion("kind", [StorageQuestion, StorageReport]);
export type StorageRequest = z.infer<typeof StorageRequest>;

export const StorageFolder = z.object({ owner: Owner, path: PoolPath });
export type StorageFolder = z.infer<typeof StorageFolder>;

export const StorageReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("storage-order"),
    hourMs: HourMs,
    /** All of one owner follow each other, over the ends of pages too. */
    folders: z.array(StorageFolder).max(MAX_FOLDERS_PER_PAGE),
    next: Cursor.nullable(),
    againInMs: AgainInMs,
  }),
  z.object({ kind: z.literal("storage-rest"), reason: text(300), againInMs: AgainInMs }),
  z.object({ kind: z.literal("storage-taken") }),
]);
export type StorageReply = z.infer<typeof StorageReply>;
