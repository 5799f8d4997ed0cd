/**
 * The payment log: a folder outside of the database with every payment that was answered, so that a restored ledger can
 * take back what came after its backup. Each server writes files of its own there, one line a payment, on disk before the
 * answer leaves. A line has the hash of itself and of the one before it, so that one that was edited or taken out shows.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type LoggedPayment, PAYMENT_KINDS } from "../store/billing/ledger/logged-payments.ts";
import { BackupError } from "./backup-error.ts";
import { syncFolder } from "./checked-files.ts";

/** Below the folder of a backup. */
export const PAYMENTS = "payments";
const FILE = /^payments-[\w-]+\.jsonl$/;
const FIRST_HASH = "0".repeat(64);

const Line = z.object({
  payment: z.strictObject({
    kind: z.enum(PAYMENT_KINDS),
    id: z.string(),
    customerId: z.int(),
    amount: z.string(),
    at: z.iso.datetime(),
    reason: z.string().nullable(),
    actor: z.string(),
    runId: z.string().nullable(),
  }),
  hash: z.string(),
});

/** Where the lines of one server go. A file that a write failed in gets no more: its end may be half a line. */
export class PaymentLog {
  readonly #folder: string;
  /** Booked, and not on disk yet. */
  #waiting: LoggedPayment[] = [];
  #file: { handle: FileHandle; lastHash: string } | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Resolves when the payment is on disk. One that failed is written with the next.
   * @throws where the disk refuses it
   */
  async record(payment: LoggedPayment): Promise<void> {
    this.#waiting.push(payment);
    const before = this.#writing;
    const written = before.catch(() => undefined).then(async () => await this.#write());
    this.#writing = written;
    await written;
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file?.handle.close();
    this.#file = null;
  }

  async #write(): Promise<void> {
    const payments = this.#waiting;
    if (payments.length === 0) return;
    try {
      const file = (this.#file ??= await newFile(this.#folder));
      const { text, lastHash } = linesOf(payments, file.lastHash);
      await file.handle.appendFile(text);
      await file.handle.datasync();
      file.lastHash = lastHash;
      this.#waiting = this.#waiting.slice(payments.length);
    } catch (error) {
      const failed = this.#file;
      this.#file = null;
      await failed?.handle.close().catch(() => undefined);
      throw error;
    }
  }
}

async function newFile(folder: string): Promise<{ handle: FileHandle; lastHash: string }> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const day = new Date().toISOString().slice(0, 10);
  const handle = await open(
    join(folder, `payments-${day}-${randomBytes(6).toString("hex")}.jsonl`),
    "ax",
    0o600,
  );
  await syncFolder(folder);
  return { handle, lastHash: FIRST_HASH };
}

function linesOf(payments: readonly LoggedPayment[], previous: string): { text: string; lastHash: string } {
  let [text, lastHash] = ["", previous];
  for (const payment of payments) {
    lastHash = hashOf(lastHash, payment);
    text += `${JSON.stringify({ payment, hash: lastHash })}\n`;
  }
  return { text, lastHash };
}

/** Of the values in one order, whatever the order of the fields in the line. */
function hashOf(
  previous: string,
  { kind, id, customerId, amount, at, reason, actor, runId }: LoggedPayment,
): string {
  const values = JSON.stringify([previous, kind, id, customerId, amount, at, reason, actor, runId]);
  return createHash("sha256").update(values).digest("hex");
}

/** Names of the folder's files; none where there is no folder. */
export async function paymentFiles(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  return (await readdir(folder)).filter((name) => FILE.test(name)).toSorted();
}

/** Its whole lines: what comes behind the last of them is being written, or was cut off before any answer. */
export async function paymentLines(file: string): Promise<string> {
  const text = await readFile(file, "utf8");
  return text.slice(0, text.lastIndexOf("\n") + 1);
}

/**
 * All payments of these folders in the order of their times, each once.
 * @throws BackupError naming the first line that does not follow from the one before it
 */
export async function loggedPayments(folders: readonly string[]): Promise<LoggedPayment[]> {
  const payments = new Map<string, LoggedPayment>();
  for (const folder of folders)
    for (const name of await paymentFiles(folder))
      for (const payment of await paymentsOf(join(folder, name)))
        payments.set(`${payment.kind} ${payment.id}`, payment);
  return [...payments.values()].toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

async function paymentsOf(file: string): Promise<LoggedPayment[]> {
  const lines = (await paymentLines(file)).split("\n").slice(0, -1);
  let lastHash = FIRST_HASH;
  return lines.map((text, index) => {
    const line = parsedLine(text);
    if (line === null || line.hash !== hashOf(lastHash, line.payment))
      throw new BackupError(
        `${file}:${index + 1} is not what was written there, or does not follow from the line before`,
      );
    lastHash = line.hash;
    return line.payment;
  });
}

function parsedLine(text: string): z.infer<typeof Line> | null {
  try {
    return Line.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
