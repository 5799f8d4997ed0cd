/**
 * A folder of a checked version with all below it: every file that comes is compared with the list of files, which its
 * checksum in Postgres proves, before it goes on; the end is said only where none is missing. Of versions with many files,
 * and where many are read at once, the list is not held here: then the answer is left without the files' bytes, and they
 * are fetched one by one, as larger ones are.
 */
import { createHash } from "node:crypto";
import { TREE_FILE_BYTES, TREE_TYPE, TreeLine } from "@remotegpu/shared/messages/files";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";
import { OtherBytesError } from "./checked-bytes.ts";
import type { PoolHost } from "../../../store/hosts/pools/pool-hosts.ts";
import { ApiRefusal } from "../../request/refusal.ts";
import { isNotFound, manifestLines, OtherListError } from "./manifest-lines.ts";
import { reportOtherBytes } from "./other-bytes.ts";

/** About 20 MB of one request. */
const MAX_FILES = 100_000;
const MAX_AT_ONCE = 8;
const MAX_LINE_BYTES = 8_192;
const LINE_BREAK = 0x0a;

let held = 0;

type Known = Map<string, { bytes: number; sha256: string }>;

/**
 * What answers it, given all that lies there; null where the list is too long to be held.
 * @param path of the folder, each character a byte
 * @param answer tells which host it is of, and asks none of those that are given
 */
export async function withSealedTree(
  c: ApiContext,
  copy: CopyRow,
  path: string,
  answer: TreeAnswer,
): Promise<Response | null> {
  if (copy.fileCount > MAX_FILES) return null;
  // Nothing of it goes, so that there is nothing to hold a list for.
  if (c.req.raw.method === "HEAD") return await answer(() => undefined, []);
  try {
    return await sealedTree(c, copy, { path, answer, except: [] });
  } catch (error) {
    const host = error instanceof OtherListError ? error.host : null;
    if (host === null) throw error;
    await reportOtherBytes(c, host, copy);
    return await ofOthers(c, copy, { path, answer, host, error });
  }
}

type TreeAnswer = (onHost: (host: PoolHost) => void, except: readonly string[]) => Promise<Response>;

/** The same, without the host whose list was another. @throws `error` where no other has the right one */
async function ofOthers(
  c: ApiContext,
  copy: CopyRow,
  { path, answer, host, error }: { path: string; answer: TreeAnswer; host: PoolHost; error: unknown },
): Promise<Response | null> {
  try {
    return await sealedTree(c, copy, { path, answer, except: [host.id] });
  } catch (second) {
    if (second instanceof OtherListError && second.host !== null)
      await reportOtherBytes(c, second.host, copy);
    throw second instanceof ApiRefusal ? error : second;
  }
}

async function sealedTree(
  c: ApiContext,
  copy: CopyRow,
  { path, answer, except }: { path: string; answer: TreeAnswer; except: readonly string[] },
): Promise<Response | null> {
  if (held >= MAX_AT_ONCE) return null;
  held += 1;
  const release = once(() => (held -= 1));
  try {
    const known = await filesBelow(c, copy, { path, except });
    const found: PoolHost[] = [];
    const response = await answer((host) => found.push(host), except).catch((error: unknown) => {
      // Its host lacks a folder of which the list has files.
      throw isNotFound(error) && known.size > 0 ? new OtherListError(found.at(-1) ?? null) : error;
    });
    // A host of before answers a page of the folder.
    if (response.body === null || response.headers.get("content-type") !== TREE_TYPE) {
      release();
      return response;
    }
    const pieces = checkedTree(response.body, known);
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const next = await pieces.next();
            if (next.done !== true) return controller.enqueue(next.value);
            release();
            controller.close();
          } catch (error) {
            release();
            const host = found.at(-1);
            if (error instanceof OtherBytesError && host !== undefined) await reportOtherBytes(c, host, copy);
            throw error;
          }
        },
        async cancel() {
          release();
          await pieces.return(undefined);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, response);
  } catch (error) {
    release();
    throw error;
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

/** By their paths below the folder, in base64url. @throws ApiRefusal */
async function filesBelow(
  c: ApiContext,
  copy: CopyRow,
  { path, except }: { path: string; except: readonly string[] },
): Promise<Known> {
  const above = path === "" ? "" : `${path}/`;
  const known: Known = new Map();
  for await (const { path: base64, bytes, sha256 } of manifestLines(c, copy, except)) {
    const whole = Buffer.from(base64, "base64url").toString("latin1");
    if (whole.startsWith(above))
      known.set(Buffer.from(whole.slice(above.length), "latin1").toString("base64url"), { bytes, sha256 });
  }
  return known;
}

/** @throws OtherBytesError, or the error of the body. @param known is emptied */
async function* checkedTree(body: AsyncIterable<Uint8Array>, known: Known): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  let isWhole = false;
  for await (const piece of body) {
    rest = Buffer.concat([rest, piece]);
    for (let taken = takenFrom(rest, known); taken !== null; taken = takenFrom(rest, known)) {
      if (isWhole) throw new OtherBytesError();
      isWhole = taken.isEnd;
      yield rest.subarray(0, taken.bytes);
      rest = rest.subarray(taken.bytes);
    }
  }
  if (!isWhole || rest.length > 0) throw new OtherBytesError();
}

/** A line with the bytes behind it, where all of them are there. @throws OtherBytesError */
function takenFrom(bytes: Buffer, known: Known): { bytes: number; isEnd: boolean } | null {
  const end = bytes.indexOf(LINE_BREAK);
  if (end < 0 && bytes.length <= MAX_LINE_BYTES) return null;
  const line = end < 0 || end > MAX_LINE_BYTES ? null : lineIn(bytes.subarray(0, end));
  if (line === null) throw new OtherBytesError();
  const begin = end + 1;
  if ("is_whole" in line) {
    if (known.size > 0) throw new OtherBytesError();
    return { bytes: begin, isEnd: true };
  }
  if (line.type !== "file") return { bytes: begin, isEnd: false };
  const file = known.get(line.path_base64);
  if (file?.bytes !== line.size || (line.sha256 !== null && file.bytes > TREE_FILE_BYTES))
    throw new OtherBytesError();
  const length = line.sha256 === null ? 0 : file.bytes;
  if (bytes.length < begin + length) return null;
  if (line.sha256 !== null) {
    const sum = createHash("sha256")
      .update(bytes.subarray(begin, begin + length))
      .digest("base64");
    if (line.sha256 !== file.sha256 || sum !== file.sha256) throw new OtherBytesError();
  }
  known.delete(line.path_base64);
  return { bytes: begin + length, isEnd: false };
}

function lineIn(bytes: Buffer): TreeLine | null {
  try {
    return TreeLine.safeParse(JSON.parse(bytes.toString("utf8"))).data ?? null;
  } catch {
    return null;
  }
}
