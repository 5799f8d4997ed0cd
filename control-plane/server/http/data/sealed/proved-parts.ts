/**
 * Parts of a file of a sealed version as the root in Postgres proves them, whichever host of the pool says so. A host that
 * proves nothing is passed over; none of them is believed without a proof.
 */
import { type ChunkProof, ChunkProof as ProofShape, isProved } from "@remotegpu/shared/proof/sealed-chunks";
import { HostRefusal } from "@remotegpu/shared/messages/file-refusal";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { HostAnswer } from "../../../core/hosts/host-files.ts";
import { hostsOfPool } from "../../../store/hosts/pools/pool-hosts.ts";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";
import { refusalOf } from "../../files/pool-files.ts";
import { ApiRefusal } from "../../request/refusal.ts";
import { type CopyPlace, reportOtherBytes } from "./other-bytes.ts";
import { sha256 } from "./sha256.ts";
import { reportedReason } from "../../../core/reasons/host-report.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

/** A version that is checked. */
export type SealedCopy = CopyPlace & Pick<CopyRow, "isRootOfOwner"> & { merkleRoot: string };

export interface PartsRequest {
  /** Within the version; each character is a byte. */
  path: string;
  from: number;
  count: number;
}

/** Null where no host proves it, and one says that there is no such file: then nothing there is shown as a file. @throws ApiRefusal where none proves anything, or no file can have that path */
export async function provedParts(
  c: ApiContext,
  copy: SealedCopy,
  { path, from, count }: PartsRequest,
): Promise<ChunkProof | null> {
  const { db, files } = c.var.deps;
  const parts = { path: Buffer.from(path, "latin1").toString("base64url"), from, count };
  let why: Reason = { code: "pool-unreachable", params: { storage_pool: copy.storagePool } };
  let isMissing = false;
  for (const host of await hostsOfPool(db, { pool: copy.storagePool, copyId: copy.id })) {
    const query = { from: String(from), count: String(count) };
    const question = { method: "GET", route: "/proof", folder: copy.folder, path, query } as const;
    const reply = await files.request(host.id as HostId, question, c.req.raw.signal);
    if (!reply.isReached) {
      why = { code: "host-not-serving-files", params: { host_name: host.name, why: reply.why } };
      continue;
    }
    const reported = await reportedBy(reply.answer);
    if (reported === null) {
      isMissing = true;
      continue;
    }
    if ("why" in reported) {
      why = { code: "host-proves-nothing", params: { host_name: host.name, why: reported.why } };
      continue;
    }
    if (isProved(sha256, copy.merkleRoot, parts, reported)) return reported;
    why = { code: "sealed-bytes-differ", params: { host_name: host.name } };
    await reportOtherBytes(c, host, copy);
  }
  if (isMissing) return null;
  throw new ApiRefusal("unavailable", why);
}

/** A reason where it is no proof; null where there is no such file. @throws ApiRefusal of a path that none can have */
async function reportedBy(answer: HostAnswer): Promise<ChunkProof | { why: Reason } | null> {
  if (answer.status === 200) {
    const read = await answer.json(ProofShape);
    return read.isRead ? read.value : { why: read.why };
  }
  const refused = await answer.json(HostRefusal);
  if (!refused.isRead) return { why: refused.why };
  const { reason, detail, why } = refused.value;
  if (reason === "not-found") return null;
  if (reason === "bad-path") throw refusalOf(refused.value);
  return { why: reason === "bad-request" ? reasonOf("sealed-part-unknown") : reportedReason(detail, why) };
}
