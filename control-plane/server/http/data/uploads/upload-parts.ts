/** What is there of an upload, as a host of its pool tells it, and the list of all its files, which goes through to it. */
import { DIGEST_HEADER, digestText, MANIFEST_NAME } from "@remotegpu/shared/messages/files";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";
import { sumsResponse } from "../../files/part-sums.ts";
import { performOnPool, requestPool, type PoolFile } from "../../files/pool-files.ts";
import { base64Of } from "./open-upload.ts";

export async function sendChunks(
  c: ApiContext,
  file: PoolFile,
  { totalSize }: Pick<CopyRow, "totalSize">,
): Promise<Response> {
  return sumsResponse(await requestPool(c, file, { method: "GET", route: "/chunks" }), totalSize);
}

export async function takeManifest(
  c: ApiContext,
  { place, copy }: { place: PoolFile; copy: CopyRow },
): Promise<Response> {
  const length = c.req.header("content-length");
  await performOnPool(
    c,
    { ...place, path: MANIFEST_NAME },
    {
      method: "PUT",
      route: "/entry",
      headers: {
        ...(length !== undefined && { "content-length": length }),
        [DIGEST_HEADER]: digestText(base64Of(copy)),
      },
      body: c.req.raw.body ?? new Uint8Array(),
    },
  );
  return c.body(null, 204);
}
