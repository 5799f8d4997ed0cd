/**
 * Two hosts of a pool show each other files: each writes what nobody could know and the other reads it, then again over
 * the same file within seconds. What hosts answer is read with a bound of bytes and of time, and believed in nothing but
 * the bytes that were to be read.
 */
import { randomBytes } from "node:crypto";
import { BodyTooLongError, boundedBody } from "@remotegpu/shared/bounded-body";
import type { HostId } from "@remotegpu/shared/values/ids";
import { PoolNonceWritten } from "@remotegpu/shared/messages/files";
import { POOL_NONCE_BYTES, POOL_PROOF_ROUTE } from "@remotegpu/shared/proof/pool-proof";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type GivenReason, reasonOf } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { HostAnswer, HostFiles } from "../../core/hosts/host-files.ts";
import type { Pair, PairOutcome, RoundMember } from "../../core/hosts/pools/pool-round.ts";

const ANSWERED_WITHIN_MS = 10 * MS_PER_SECOND;
/** From a nonce that was written on, until the other has read it. */
const READ_WITHIN_MS = 15 * MS_PER_SECOND;
/** A shared file system may show for a moment what was there before. */
const READS = 4;
const BETWEEN_READS_MS = MS_PER_SECOND;
const MAX_ANSWER_BYTES = 1_024;
const NAME_BYTES = 16;
/** Once fresh, and once written over. */
const STAGES = 2;

export interface PairDeps {
  files: HostFiles;
  pause: (ms: number) => Promise<void>;
  /** Is over so many milliseconds from now. */
  deadline?: (ms: number) => AbortSignal;
}

export async function provePair(deps: PairDeps, [a, b]: Pair): Promise<PairOutcome> {
  const lost: string[] = [];
  const visible = [
    { writer: a, reader: b, name: randomBytes(NAME_BYTES).toString("base64url") },
    { writer: b, reader: a, name: randomBytes(NAME_BYTES).toString("base64url") },
  ];
  try {
    for (let stage = 1; stage <= STAGES; stage += 1) {
      const nonces = visible.map(() => randomBytes(POOL_NONCE_BYTES));
      const written = await Promise.all(
        visible.map(
          async ({ writer, name }, index) => await write(deps, writer, name, nonces[index] as Buffer),
        ),
      );
      for (const [index, { writer }] of visible.entries()) {
        const result = written[index] as Written;
        if (result.kind === "silent") return { ...result, lost };
        if (result.hasLost) lost.push(writer.id);
        if (result.kind === "nowhere") return { kind: "apart", detail: withoutFolder(writer), lost };
      }
      const signal = (deps.deadline ?? deadlineIn)(READ_WITHIN_MS);
      const read = await Promise.all(
        visible.map(
          async ({ reader, name }, index) =>
            await reads(deps, reader, { name, nonce: nonces[index] as Buffer, signal }),
        ),
      );
      const silent = read.find((one) => one.kind === "silent");
      if (silent !== undefined) return { ...silent, lost };
      for (const [index, { writer, reader }] of visible.entries())
        if (read[index]?.kind === "other") return { kind: "apart", detail: unseen({ reader, writer }), lost };
    }
    return { kind: "shared", lost };
  } finally {
    await Promise.all(
      visible.map(async ({ writer, name }) => await answerOf(deps, writer, { method: "DELETE", name })),
    );
  }
}

const deadlineIn = (ms: number) => AbortSignal.timeout(ms);

function withoutFolder({ name }: RoundMember): Reason {
  return { code: "pool-folder-absent", params: { host_name: name } };
}

function unseen({ reader, writer }: { reader: RoundMember; writer: RoundMember }): Reason {
  return { code: "pool-writes-unseen", params: { reader_name: reader.name, writer_name: writer.name } };
}

type Silent = { kind: "silent"; hostId: string; detail: Reason };
type Written = { kind: "written" | "nowhere"; hasLost: boolean } | Silent;

async function write(deps: PairDeps, host: RoundMember, name: string, nonce: Buffer): Promise<Written> {
  const answer = await answerOf(deps, host, { method: "PUT", name, body: nonce });
  if (answer.kind === "silent") return answer;
  if (answer.status === 404) return { kind: "nowhere", hasLost: true };
  const reported = answer.status === 200 ? writtenIn(answer.bytes) : null;
  if (reported === null)
    return silentOf(host, { code: "pool-nonce-unwritten", params: { status: answer.status } });
  // Each proof leaves the folder there.
  return { kind: "written", hasLost: reported.isFolderNew && host.provedAtMs !== null };
}

function writtenIn(bytes: Buffer): PoolNonceWritten | null {
  try {
    return PoolNonceWritten.safeParse(JSON.parse(bytes.toString("utf8"))).data ?? null;
  } catch {
    return null;
  }
}

/** What a reader answers to a name that it does not find, or finds to be something else. */
const NOT_THERE = new Set([403, 404, 409]);

async function reads(
  deps: PairDeps,
  host: RoundMember,
  { name, nonce, signal }: { name: string; nonce: Buffer; signal: AbortSignal },
): Promise<{ kind: "seen" | "other" } | Silent> {
  for (let tries = 1; ; tries += 1) {
    const answer = await answerOf(deps, host, { method: "GET", name, signal });
    if (answer.kind === "silent") return answer;
    if (answer.status === 200 && answer.bytes.equals(nonce)) return { kind: "seen" };
    if (answer.status !== 200 && !NOT_THERE.has(answer.status))
      return silentOf(host, { code: "pool-nonce-unread", params: { status: answer.status } });
    if (tries >= READS) return { kind: "other" };
    await deps.pause(BETWEEN_READS_MS);
  }
}

type Answer = { kind: "answer"; status: number; bytes: Buffer } | Silent;

async function answerOf(
  { files, deadline = deadlineIn }: PairDeps,
  host: RoundMember,
  {
    method,
    name,
    body = null,
    signal: within,
  }: { method: "GET" | "PUT" | "DELETE"; name: string; body?: Buffer | null; signal?: AbortSignal },
): Promise<Answer> {
  const own = deadline(ANSWERED_WITHIN_MS);
  const signal = within === undefined ? own : AbortSignal.any([own, within]);
  const late = silentOf(host, "pool-answer-overdue");
  const requested = files
    .request(
      host.id as HostId,
      {
        method,
        route: POOL_PROOF_ROUTE,
        folder: "",
        path: "",
        query: { name },
        ...(body !== null && { headers: { "content-length": String(body.length) }, body }),
      },
      signal,
    )
    .then(async (reply): Promise<Answer> => {
      if (!reply.isReached) {
        const unreached: Reason = { code: "pool-host-unreached", params: { why: reply.why } };
        return signal.aborted ? late : silentOf(host, unreached);
      }
      return { kind: "answer", status: reply.answer.status, bytes: await bytesOf(reply.answer, signal) };
    })
    .catch(() => late);
  return await Promise.race([requested, aborted(signal).then(() => late)]);
}

/** Nothing of what is longer than any proof. @throws the signal's reason, or the body's own error */
async function bytesOf(answer: HostAnswer, signal: AbortSignal): Promise<Buffer> {
  try {
    return Buffer.from(await boundedBody(answer.body, { maxBytes: MAX_ANSWER_BYTES, signal }));
  } catch (error) {
    if (error instanceof BodyTooLongError) return Buffer.alloc(0);
    throw error;
  } finally {
    answer.cancel();
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function silentOf({ id, name }: RoundMember, why: GivenReason): Silent {
  const detail: Reason = { code: "pool-host-silent", params: { host_name: name, why: reasonOf(why) } };
  return { kind: "silent", hostId: id, detail };
}
