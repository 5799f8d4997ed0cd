/** What is sent for an upload goes through to a host of its pool: parts of files, and the list of all of them. */
import {
  CHUNK_BYTES,
  CONTENT_DIGEST_HEADER,
  DIGEST_HEADER,
  digestText,
  MANIFEST_NAME,
  sha256Of,
} from "@remotegpu/shared/files";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";
import { askPool, type PoolFile } from "../../files/pool-files.ts";
import { ApiRefusal, badField } from "../../request/refusal.ts";
import { base64Of } from "./open-upload.ts";

export async function takePart(
  c: ApiContext,
  file: PoolFile,
  { offset, size }: { offset: number; size: number },
): Promise<Response> {
  const digest = c.req.header(CONTENT_DIGEST_HEADER) ?? "";
  if (sha256Of(digest) === null) throw badField("Content-Digest", "must be sha-256=:…:");
  const length = c.req.header("content-length");
  if (length === undefined) throw badField("Content-Length", "is needed");
  if (Number(length) > CHUNK_BYTES)
    throw new ApiRefusal("too-large", `A part may have at most ${CHUNK_BYTES} bytes.`);
  if (file.path === "") throw badField("path", "must name a file");
  await askPool(c, file, {
    method: "PUT",
    route: "/chunk",
    query: { offset: String(offset), size: String(size) },
    headers: { "content-length": length, [CONTENT_DIGEST_HEADER]: digest },
    body: c.req.raw.body ?? new Uint8Array(),
  });
  return c.body(null, 204);
}

export async function tellChunks(c: ApiContext, file: PoolFile): Promise<Response> {
  const response = await askPool(c, file, { method: "GET", route: "/chunks" });
  return new Response(response.body, { headers: { "content-type": "text/plain" } });
}

export async function takeManifest(
  c: ApiContext,
  { place, copy }: { place: PoolFile; copy: CopyRow },
): Promise<Response> {
  const length = c.req.header("content-length");
  await askPool(
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
