/**
 * A file of a version that is checked, as the answer of a route. Its length and its checksum are what the root proves, and
 * so is what goes of it: the whole by the file's own checksum, a part of it by those of the parts of CHUNK_BYTES that it
 * touches, which are fetched whole for that.
 */
import { byteRange } from "@remotegpu/shared/values/byte-range";
import {
  CHUNK_BYTES,
  DIGEST_HEADER,
  digestText,
  FILE_TYPE_HEADER,
  WANT_DIGEST_HEADER,
} from "@remotegpu/shared/messages/files";
import { type ChunkProof, chunksOf, MAX_PROVED_CHUNKS } from "@remotegpu/shared/proof/sealed-chunks";
import type { HostAnswer } from "../../../core/hosts/host-files.ts";
import type { ApiContext } from "../../deps.ts";
import type { PoolHost } from "../../../store/hosts/pools/pool-hosts.ts";
import { requestMember, fileHeaders, senseless, unlessRefused } from "../../files/pool-files.ts";
import { ApiRefusal } from "../../request/refusal.ts";
import { type CheckedPart, checkedBytes } from "./checked-bytes.ts";
import { INTEGRITY_HEADER, integrityOfRead } from "./integrity.ts";
import { reportOtherBytes } from "./other-bytes.ts";
import { provedParts, type SealedCopy } from "./proved-parts.ts";

/** Enough to tell one content from another; clients make names of it, which have a length. */
const TAG_BYTES = 16;

/** The stretch of a file, whose `end` is not part of it. */
interface Stretch {
  start: number;
  end: number;
}

/**
 * Its tag follows from its checksum, so that no host says what of a file is unchanged.
 * @param place.folder where its files are, and `path` within that
 * @returns null where the version has no such file
 */
export async function answerSealedFile(
  c: ApiContext,
  copy: SealedCopy,
  { path, folder }: { path: string; folder: string },
): Promise<Response | null> {
  const file = await provedParts(c, copy, { path, from: 0, count: 1 });
  if (file === null) return null;
  const etag = `"${Buffer.from(file.sha256, "base64").toString("hex", 0, TAG_BYTES)}"`;
  const reported = {
    ...fileHeaders(path),
    etag,
    "accept-ranges": "bytes",
    [INTEGRITY_HEADER]: "checked",
    ...(c.req.header(WANT_DIGEST_HEADER) !== undefined && { [DIGEST_HEADER]: digestText(file.sha256) }),
  };
  if (c.req.header("if-none-match") === etag) return new Response(null, { status: 304, headers: reported });
  const isOtherTag = (c.req.header("if-range") ?? etag) !== etag;
  const range = byteRange(isOtherTag ? undefined : c.req.header("range"), file.bytes);
  if (range.kind === "beyond")
    return new Response(null, {
      status: 416,
      headers: { ...reported, "content-range": `bytes */${file.bytes}`, "content-length": "0" },
    });
  const wanted = range.kind === "part" ? range : { start: 0, end: file.bytes };
  const touched = range.kind === "part" ? aligned(range, file.bytes) : wanted;
  const { host, answer } = await bytesOf(c, copy, { path, folder, touched, bytes: file.bytes });
  const modified = answer.headers.get("last-modified");
  const headers = {
    ...reported,
    [INTEGRITY_HEADER]: integrityOfRead(copy, { isPart: !isWhole(touched, file.bytes) }),
    ...(modified !== null && { "last-modified": modified }),
    "content-length": String(wanted.end - wanted.start),
    ...(range.kind === "part" && {
      "content-range": `bytes ${wanted.start}-${wanted.end - 1}/${file.bytes}`,
    }),
  };
  const status = range.kind === "part" ? 206 : 200;
  if (c.req.raw.method === "HEAD") return new Response(null, { status, headers });
  try {
    const body = checkedBytes(answer.body, await partsOf(c, copy, { path, file, touched }), {
      skip: wanted.start - touched.start,
      length: wanted.end - wanted.start,
      onDifference: () => reportOtherBytes(c, host, copy),
    });
    return new Response(body, { status, headers });
  } catch (error) {
    answer.cancel();
    throw error;
  }
}

/** Whole parts. */
function aligned({ start, end }: Stretch, bytes: number): Stretch {
  return {
    start: start - (start % CHUNK_BYTES),
    end: Math.min(bytes, Math.ceil(end / CHUNK_BYTES) * CHUNK_BYTES),
  };
}

/** The members of a larger pool that are tried: one that is sound is found by then. */
const MAX_REQUESTED = 4;

interface BytesRequest {
  path: string;
  folder: string;
  touched: Stretch;
  /** The length of the whole file. */
  bytes: number;
}

/** Members that have it in another length, or not at all, are passed over. @throws ApiRefusal where all of them do, or one answers another part of it */
async function bytesOf(
  c: ApiContext,
  copy: SealedCopy,
  request: BytesRequest,
): Promise<{ host: PoolHost; answer: HostAnswer }> {
  const except: string[] = [];
  let refusal: ApiRefusal | null = null;
  while (except.length < MAX_REQUESTED) {
    const { host, answer } = await requestBytes(c, copy, { ...request, except, refusal });
    if (isOther(answer, request)) {
      answer.cancel();
      await reportOtherBytes(c, host, copy);
      refusal = new ApiRefusal("unavailable", {
        code: "sealed-bytes-differ",
        params: { host_name: host.name },
      });
      except.push(host.id);
      continue;
    }
    await unlessRefused(answer);
    if (isIt(answer, request)) return { host, answer };
    answer.cancel();
    throw senseless();
  }
  throw refusal ?? senseless();
}

/** @param wish.refusal of the member before, which holds where none of the others is reached */
async function requestBytes(
  c: ApiContext,
  { storagePool: pool, id: copyId }: SealedCopy,
  {
    path,
    folder,
    touched,
    bytes,
    except,
    refusal,
  }: BytesRequest & { except: readonly string[]; refusal: ApiRefusal | null },
): Promise<{ host: PoolHost; answer: HostAnswer }> {
  const range = rangeOf(touched, bytes);
  try {
    return await requestMember(
      c,
      { pool, copyId, except, folder, path },
      {
        method: c.req.raw.method === "HEAD" ? "HEAD" : "GET",
        route: "/entry",
        ...(range !== null && { headers: { range: `bytes=${range}` } }),
      },
    );
  } catch (error) {
    throw error instanceof ApiRefusal ? (refusal ?? error) : error;
  }
}

/** Null where the whole file is asked for. */
function rangeOf(touched: Stretch, bytes: number): string | null {
  return isWhole(touched, bytes) ? null : `${touched.start}-${touched.end - 1}`;
}

/** What the root proves to be there has gone, or is of another length. */
function isOther({ status, headers }: HostAnswer, { touched, bytes }: BytesRequest): boolean {
  if (status === 404 || status === 416) return true;
  if (headers.get(FILE_TYPE_HEADER) !== "file") return false;
  if (status === 200) return isWhole(touched, bytes) && headers.get("content-length") !== String(bytes);
  return status === 206 && headers.get("content-range")?.endsWith(`/${bytes}`) === false;
}

function isIt({ status, headers }: HostAnswer, { touched, bytes }: BytesRequest): boolean {
  const range = rangeOf(touched, bytes);
  return (
    status === (range === null ? 200 : 206) &&
    headers.get(FILE_TYPE_HEADER) === "file" &&
    headers.get("content-length") === String(touched.end - touched.start) &&
    (range === null || headers.get("content-range") === `bytes ${range}/${bytes}`)
  );
}

function isWhole({ start, end }: Stretch, bytes: number): boolean {
  return start === 0 && end === bytes;
}

/** The checksums by which a stretch is checked; the first of them are there before anything goes. */
async function partsOf(
  c: ApiContext,
  copy: SealedCopy,
  { path, file, touched }: { path: string; file: ChunkProof; touched: Stretch },
): Promise<AsyncIterable<CheckedPart>> {
  if (isWhole(touched, file.bytes)) return only({ bytes: file.bytes, sha256: file.sha256 });
  const [first, end] = [touched.start / CHUNK_BYTES, chunksOf(touched.end)];
  const sumsFrom = async (from: number) => {
    const count = Math.min(MAX_PROVED_CHUNKS, end - from);
    const proved = from === 0 && count === 1 ? file : await provedParts(c, copy, { path, from, count });
    if (proved === null) throw new ApiRefusal("unavailable", "sealed-file-lost");
    return proved.sums;
  };
  return following(await sumsFrom(first), { first, end, bytes: file.bytes, sumsFrom });
}

async function* only(part: CheckedPart): AsyncGenerator<CheckedPart> {
  yield part;
}

async function* following(
  sums: readonly string[],
  {
    first,
    end,
    bytes,
    sumsFrom,
  }: { first: number; end: number; bytes: number; sumsFrom: (from: number) => Promise<readonly string[]> },
): AsyncGenerator<CheckedPart> {
  for (let from = first, known = sums; from < end; known = from < end ? await sumsFrom(from) : []) {
    for (const [at, sha256] of known.entries())
      yield { sha256, bytes: Math.min(CHUNK_BYTES, bytes - (from + at) * CHUNK_BYTES) };
    from += known.length;
  }
}
