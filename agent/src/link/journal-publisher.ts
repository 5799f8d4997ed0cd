/**
 * Hands batches of journal rows to the stream. That it was taken is not a licence to forget: only the watermark,
 * which comes with the heartbeat's reply, says that rows are decided.
 */
import { strict as assert } from "node:assert";
import { z } from "zod";
import type { HostId } from "@remotegpu/shared/values/ids";
import { MAX_BATCH_BYTES, type OutgoingBatch } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import { up } from "@remotegpu/shared/messages/subjects";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import { LinkDownError } from "./connection.ts";

const TAKEN_WITHIN_MS = 10_000;

const PublishAnswer = z.union([
  z.object({ error: z.object({ description: z.string() }) }),
  z.object({ stream: z.string(), seq: z.int() }),
]);

export type Handover = { taken: true } | { taken: false; reason: string };

/** The part of a connection that publishing needs. */
interface Requester {
  request(
    subject: string,
    data: Uint8Array,
    options: { timeoutMs: number; messageId: string },
  ): Promise<Uint8Array>;
}

/**
 * Refused when this host has too much in the stream already. The same batch under the same incarnation is one
 * message to the stream; a restored database asks under a new one.
 * @throws LinkDownError
 */
export async function publishBatch(
  connection: Requester,
  host: HostId,
  { batch, dbIncarnation }: { batch: OutgoingBatch; dbIncarnation: number },
): Promise<Handover> {
  const bytes = encode(batch);
  assert(bytes.byteLength <= MAX_BATCH_BYTES, `a batch has ${bytes.byteLength} bytes`);
  // The whole content with its signature: no other host can guess it and have the stream drop ours as a double.
  const messageId = `${dbIncarnation}.${sha256(JSON.stringify(batch))}`;
  const answer = await connection.request(up(host, "j"), bytes, { timeoutMs: TAKEN_WITHIN_MS, messageId });
  const handover = decode(PublishAnswer, answer);
  if (!handover.ok) throw new LinkDownError(`the stream's answer makes no sense: ${handover.reason}`);
  return "error" in handover.message
    ? { taken: false, reason: handover.message.error.description }
    : { taken: true };
}
