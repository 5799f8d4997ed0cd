/** A part of a file that comes goes through to a host of its pool, with its own checksum. */
import { CHUNK_BYTES, CONTENT_DIGEST_HEADER, sha256Of } from "@remotegpu/shared/messages/files";
import type { ApiContext } from "../deps.ts";
import { ApiRefusal, badField } from "../request/refusal.ts";
import { performOnPool, type PoolFile } from "./pool-files.ts";

/** @throws ApiRefusal */
export async function takePart(
  c: ApiContext,
  file: PoolFile,
  { route, query }: { route: string; query: Record<string, string> },
) {
  const digest = c.req.header(CONTENT_DIGEST_HEADER) ?? "";
  if (sha256Of(digest) === null) throw badField("Content-Digest", "digest-malformed");
  const length = c.req.header("content-length");
  if (length === undefined) throw badField("Content-Length", "length-missing");
  if (Number(length) > CHUNK_BYTES)
    throw new ApiRefusal("too-large", { code: "part-too-large", params: { max_bytes: CHUNK_BYTES } });
  if (file.path === "") throw badField("path", "path-not-a-file");
  await performOnPool(c, file, {
    method: "PUT",
    route,
    query,
    headers: { "content-length": length, [CONTENT_DIGEST_HEADER]: digest },
    body: c.req.raw.body ?? new Uint8Array(),
  });
  return c.body(null, 204);
}
