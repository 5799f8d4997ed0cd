/**
 * Files of an environment that come in parts, so that one that broke off goes on: which file it will be is said with each
 * part by its length and its SHA-256, and what is there of it is told from the disk, so that nothing is kept of it here.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { inputFailure } from "../../request/input-failure.ts";
import { SealState } from "@remotegpu/shared/messages/files";
import type { ApiApp, ApiContext } from "../../deps.ts";
import { takePart } from "../../files/part-of-file.ts";
import { sumsResponse } from "../../files/part-sums.ts";
import {
  requestPool,
  fileFields,
  fileQuery,
  jsonOf,
  pathBytes,
  type PoolFile,
} from "../../files/pool-files.ts";
import { recordBeforehand } from "../../request/audit.ts";
import { once } from "../../request/idempotency.ts";
import { Int53, WholeText } from "../../request/input-fields.ts";
import { conflict } from "../../request/refusal.ts";
import {
  forCustomers,
  forUploads,
  jsonBody,
  noContent,
  ok,
  okStream,
  WorkloadIdPath,
} from "../../request/route.ts";
import { environmentFor } from "../environment-access.ts";
import { namedFile } from "./file-of.ts";

const tags = ["environments"];
const params = WorkloadIdPath;
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, inputFailure("sha256-malformed"));
const whole = {
  ...fileQuery,
  size: WholeText,
  sha256: sha256.openapi({
    description: "SHA-256 of the whole file, in hex",
    example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  }),
};

const chunks = createRoute({
  ...forUploads,
  method: "get",
  path: "/environments/{id}/upload-chunks",
  operationId: "readEnvironmentUploadChunks",
  "x-problems": [409],
  tags,
  summary: "The SHA-256 of each part that is there of a file that comes in parts, as text",
  request: { params, query: z.strictObject(whole) },
  responses: okStream("A line with its length, and one in base64 for each part", "text/plain"),
});

const put = createRoute({
  ...forUploads,
  method: "put",
  path: "/environments/{id}/upload-chunks",
  operationId: "writeEnvironmentUploadChunk",
  "x-problems": [409, 507],
  tags,
  summary:
    "Bring a part of a file, with its SHA-256 as `Content-Digest`; it takes its place once it is completed",
  request: { params, query: z.strictObject({ ...whole, offset: WholeText }) },
  responses: noContent("It is there"),
});

const Completed = z
  .object({
    status: z.enum(["checking", "ready"]).openapi({
      description: "checking: repeat the request; ready: it is in its place",
      example: "ready",
    }),
    checked_size: z.int().openapi({ description: "Bytes that its host has read", example: 44_040_192 }),
  })
  .openapi("FileCompletion");

const complete = createRoute({
  ...forCustomers,
  method: "post",
  path: "/environments/{id}/complete-file",
  operationId: "completeEnvironmentFile",
  tags,
  summary:
    "Have its host check a file that came in parts, and publish it; repeat the request while it is checking",
  request: {
    params,
    body: jsonBody(
      z
        .strictObject({
          ...fileFields,
          path: fileFields.path.openapi({ example: "/gemini/code/data.tar" }),
          size: Int53.openapi({
            description: "Its length in bytes, as named with each part",
            example: 44_040_192,
          }),
          sha256: sha256.openapi({
            description: "Its SHA-256 in hex, as named with each part",
            example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
          }),
          executable: z.boolean().default(false).openapi({
            description: "Whether programs may run it",
            example: false,
          }),
        })
        .openapi("FileCompletionOrder"),
    ),
  },
  responses: ok("How far it is; once it is ready, it is in its place", Completed),
});

export function registerFilesInParts(api: ApiApp): void {
  api.openapi(chunks, async (c) => {
    const { size, sha256: sum, ...path } = c.req.valid("query");
    const file = await writtenFile(c, c.req.valid("param").id, pathBytes(path));
    const question = { method: "GET", route: "/parts", query: of(size, sum) } as const;
    return sumsResponse(await requestPool(c, file, question, WHOLE), size);
  });

  api.openapi(put, async (c) => {
    const { size, sha256: sum, offset, ...path } = c.req.valid("query");
    const file = await writtenFile(c, c.req.valid("param").id, pathBytes(path));
    return await takePart(c, file, { route: "/part", query: { ...of(size, sum), offset: String(offset) } });
  });

  api.openapi(complete, async (c) => {
    const { size, sha256: sum, executable, ...path } = c.req.valid("json");
    const file = await writtenFile(c, c.req.valid("param").id, pathBytes(path));
    await recordBeforehand(c, { path: Buffer.from(pathBytes(path), "latin1").toString("utf8") });
    const answer = await requestPool(c, file, {
      method: "POST",
      route: "/whole",
      query: { ...of(size, sum), ...(executable && { executable: "1" }) },
    });
    const { isSealed, checkedBytes } = await jsonOf(answer, SealState);
    const status = isSealed ? ("ready" as const) : ("checking" as const);
    return await once(c, async () => c.json({ status, checked_size: checkedBytes }, 200));
  });
}

const WHOLE = conflict("files-in-parts-unknown");

async function writtenFile(c: ApiContext, id: string, path: string): Promise<PoolFile> {
  return namedFile(await environmentFor(c, id, "manage-workload"), path);
}

function of(size: number, sha256Hex: string): Record<string, string> {
  return { size: String(size), sha256: Buffer.from(sha256Hex, "hex").toString("base64") };
}
