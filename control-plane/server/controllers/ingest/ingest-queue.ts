/**
 * The desk of the hosts' batches: those that come together are decided together, one of each host, and those of one host
 * in the order in which they come.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import { BatchQueue } from "../../store/database/batch-queue.ts";
import { type IngestDeps, type IngestOutcome, type IngestReport, ingestBatches } from "./ingest.ts";
import type { Delivery } from "./ingest-transaction.ts";

/** The rows of one transaction: it holds the journals, runs and payers of all, and its rows are in memory. */
const MAX_ROWS_TOGETHER = 8_000;
const MAX_AT_A_TIME = 4;

/** What it rejects with brings the batch again. */
export function ingestQueue(deps: IngestDeps, now: () => Date): BatchQueue<Delivery, IngestReport> {
  return new BatchQueue<Delivery, IngestReport>({
    atATime: MAX_AT_A_TIME,
    next: firstOfEachHost,
    answer: async (deliveries) => (await ingestBatches(deps, deliveries, now())).map(reportOf),
    isOneAtFault: () => true,
  });
}

/** The first of each host that nobody decides for already, as many as fit. */
function firstOfEachHost(waiting: Iterable<Delivery>, pending: Iterable<Delivery>): Delivery[] {
  const deciding = new Set([...pending].map(({ hostId }) => hostId));
  const next = new Map<HostId, Delivery>();
  let rows = 0;
  for (const delivery of waiting) {
    if (next.has(delivery.hostId) || deciding.has(delivery.hostId)) continue;
    rows += delivery.batch.rows.length;
    if (next.size > 0 && rows > MAX_ROWS_TOGETHER) break;
    next.set(delivery.hostId, delivery);
  }
  return [...next.values()];
}

function reportOf(outcome: IngestOutcome): IngestReport | Promise<IngestReport> {
  return outcome.taken ? outcome.report : Promise.reject(outcome.again);
}
