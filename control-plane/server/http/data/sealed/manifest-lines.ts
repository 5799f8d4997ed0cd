/**
 * The list of files of a version, read from a host of its pool as it comes. Its lines are believed only once the last one
 * was read: then its checksum is the one in Postgres, or it fails.
 */
import { createHash } from "node:crypto";
import { MANIFEST_NAME, ManifestLine } from "@remotegpu/shared/messages/files";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";
import type { PoolHost } from "../../../store/hosts/pools/pool-hosts.ts";
import { requestMember, senseless, unlessRefused } from "../../files/pool-files.ts";
import { ApiRefusal } from "../../request/refusal.ts";

/** A path of 4,095 bytes in base64url, and its sums. */
const MAX_LINE = 16_384;
/** Ten million files have a list of about two gigabytes. */
const WITHIN_MS = 10 * MS_PER_MINUTE;

/**
 * What lies beside the files of a version, as it comes.
 * @param onHost hears whose it is, before the first of it
 * @param except members of the pool that are not asked
 * @throws ApiRefusal, also where it comes too slowly
 */
export async function* besideFiles(
  c: ApiContext,
  copy: CopyRow,
  {
    name,
    onHost,
    except = [],
  }: { name: string; onHost?: (host: PoolHost) => void; except?: readonly string[] },
): AsyncGenerator<Uint8Array> {
  const place = { pool: copy.storagePool, copyId: copy.id, except, folder: copy.folder, path: name };
  const { host, answer } = await requestMember(c, place, { method: "GET", route: "/entry" });
  onHost?.(host);
  await unlessRefused(answer);
  if (answer.status !== 200) {
    answer.cancel();
    throw senseless();
  }
  const late = AbortSignal.timeout(WITHIN_MS);
  for await (const bytes of answer.body) {
    if (late.aborted)
      throw new ApiRefusal("unavailable", {
        code: "host-answer-late",
        params: { seconds: WITHIN_MS / MS_PER_SECOND },
      });
    yield bytes;
  }
}

/** A host whose list is not the one that was brought, or that lacks what is on it. */
export class OtherListError extends ApiRefusal {
  readonly host: PoolHost | null;
  /** That it has none, where it said so. */
  readonly notFound: ApiRefusal | null;

  constructor(host: PoolHost | null, notFound: ApiRefusal | null = null) {
    super("unavailable", "host-answer-unknown");
    this.host = host;
    this.notFound = notFound;
  }
}

/**
 * @param except members of the pool that are not asked
 * @throws OtherListError where it is not the list that was brought, or has more files than that; ApiRefusal where none comes
 */
export async function* manifestLines(
  c: ApiContext,
  copy: CopyRow,
  except: readonly string[] = [],
): AsyncGenerator<ManifestLine> {
  let host: PoolHost | null = null;
  const hash = createHash("sha256");
  let begun = "";
  let files = 0;
  const list = besideFiles(c, copy, { name: MANIFEST_NAME, onHost: (one) => (host = one), except });
  try {
    for await (const bytes of list) {
      hash.update(bytes);
      const lines = (begun + Buffer.from(bytes).toString("latin1")).split("\n");
      begun = lines.pop() ?? "";
      files += lines.length;
      if (begun.length > MAX_LINE || files > copy.fileCount) throw new OtherListError(host);
      for (const text of lines) {
        const line = lineIn(text);
        if (line === null) throw new OtherListError(host);
        yield line;
      }
    }
  } catch (error) {
    // A host that has lost its mount has no list, and nobody else is to hear that there is none.
    throw isNotFound(error) ? new OtherListError(host, error) : error;
  }
  if (begun !== "" || hash.digest("hex") !== copy.manifest) throw new OtherListError(host);
}

export function isNotFound(error: unknown): error is ApiRefusal {
  return error instanceof ApiRefusal && error.kind === "not-found";
}

function lineIn(text: string): ManifestLine | null {
  try {
    return ManifestLine.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
