/**
 * The list of files of a version, read from a host of its pool as it comes. Its lines are believed only once the last one
 * was read: then its checksum is the one in Postgres, or it fails.
 */
import { createHash } from "node:crypto";
import { MANIFEST_NAME, ManifestLine } from "@remotegpu/shared/files";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/units";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";
import { askPool, senseless } from "../../files/pool-files.ts";
import { ApiRefusal } from "../../request/refusal.ts";

/** A path of 4,095 bytes in base64url, and its sums. */
const MAX_LINE = 16_384;
/** Ten million files have a list of about two gigabytes. */
const WITHIN_MS = 10 * MS_PER_MINUTE;

/** What lies beside the files of a version, as it comes. @throws ApiRefusal, also where it comes too slowly */
export async function* besideFiles(c: ApiContext, copy: CopyRow, name: string): AsyncGenerator<Uint8Array> {
  const place = { pool: copy.storagePool, folder: copy.folder, path: name };
  const answer = await askPool(c, place, { method: "GET", route: "/entry" });
  if (answer.status !== 200) {
    answer.cancel();
    throw senseless();
  }
  const late = AbortSignal.timeout(WITHIN_MS);
  for await (const bytes of answer.body) {
    if (late.aborted)
      throw new ApiRefusal(
        "unavailable",
        `Its host's answer did not end within ${WITHIN_MS / MS_PER_SECOND} s.`,
      );
    yield bytes;
  }
}

/** @throws ApiRefusal where it is not the list that was brought, or has more files than that */
export async function* manifestLines(c: ApiContext, copy: CopyRow): AsyncGenerator<ManifestLine> {
  const hash = createHash("sha256");
  let begun = "";
  let files = 0;
  for await (const bytes of besideFiles(c, copy, MANIFEST_NAME)) {
    hash.update(bytes);
    const lines = (begun + Buffer.from(bytes).toString("latin1")).split("\n");
    begun = lines.pop() ?? "";
    files += lines.length;
    if (begun.length > MAX_LINE || files > copy.fileCount) throw senseless();
    for (const line of lines) yield lineIn(line);
  }
  if (begun !== "" || hash.digest("hex") !== copy.manifest) throw senseless();
}

function lineIn(text: string): ManifestLine {
  try {
    return ManifestLine.parse(JSON.parse(text));
  } catch {
    throw senseless();
  }
}
