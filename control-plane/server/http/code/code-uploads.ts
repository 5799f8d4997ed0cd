/**
 * How the code of jobs is brought: told by its SHA-256, so that what is here already is not sent again; then the parts
 * that are missing; then it is looked at from its first byte to its last. Whoever brought it alone orders with it.
 */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { createRoute, z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { CODE_PART_BYTES, codeParts, MAX_CODE_BYTES, Sha256 } from "@remotegpu/shared/instance/code";
import { CONTENT_DIGEST_HEADER, sha256Of } from "@remotegpu/shared/messages/files";
import { text } from "@remotegpu/shared/values/text";
import type { Connection } from "../../store/database/database.ts";
import {
  beginCode,
  codeIsReady,
  codePart,
  type CodeRow,
  dropCode,
  MAX_CODES_BYTES,
  ownCode,
  putCodePart,
} from "../../store/training/codes.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { ApiRefusal, badField, conflict, notFound } from "../request/refusal.ts";
import { created, forCustomers, forUploads, jsonBody, noContent, ok } from "../request/route.ts";
import { checkArchive } from "./archive-reading.ts";

const tags = ["training jobs"];
/** Each unpacks up to a GiB. */
const MAX_CHECKS = 2;
const RETRY_SECONDS = 2;

const params = z.object({ id: text(64) });
const partParams = params.extend({
  part: z
    .string()
    .regex(/^[0-9]{1,3}$/, inputFailure("part-number-malformed"))
    .transform(Number)
    .openapi({ type: "integer", minimum: 0 }),
});

const CodeOrder = z
  .strictObject({
    // A copy: what shared made before the API's library was loaded takes no description.
    sha256: Sha256.clone().openapi({
      description: "Of the whole archive, in hex",
      example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }),
    size: z.int().min(1).max(MAX_CODE_BYTES).openapi({ description: "Bytes of it", example: 48_213 }),
  })
  .openapi("CodeUploadOrder");

const CodeUpload = z
  .object({
    id: z.string().openapi({ description: "Its id, for an order's code_id", example: "code-81c20a4e" }),
    status: z.enum(["uploading", "ready"]).describe("ready where all of it is there and was checked"),
    sha256: z.string().openapi({
      description: "Of the archive, in hex",
      example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }),
    size: z.int().openapi({ description: "Bytes of the archive", example: 48_213 }),
    part_size: z.int().openapi({ description: "Bytes of each part but the last", example: 524_288 }),
    missing_parts: z.array(z.int()).openapi({
      description: "Numbers of the parts that are still to come",
      example: [0],
    }),
  })
  .openapi("CodeUpload");

const begin = createRoute({
  ...forCustomers,
  method: "post",
  path: "/code-uploads",
  operationId: "uploadCode",
  tags,
  summary: "Upload the code of a job: a gzipped tar of at most 100 MB, identified by its SHA-256",
  description: "Where its status is ready nothing has to be sent: the same was brought before.",
  request: { body: jsonBody(CodeOrder) },
  responses: created("Which parts are still to come", CodeUpload),
});

const put = createRoute({
  ...forUploads,
  method: "put",
  path: "/code-uploads/{id}/parts/{part}",
  operationId: "writeCodePart",
  tags,
  summary: "Bring a part of it, counted from 0, with its SHA-256 as `Content-Digest`",
  request: { params: partParams },
  responses: noContent("It is there"),
});

const complete = createRoute({
  ...forCustomers,
  method: "post",
  path: "/code-uploads/{id}/complete",
  operationId: "completeCodeUpload",
  tags,
  summary: "Have it checked; once it is ready, jobs are ordered with it as code_id",
  request: { params },
  responses: ok("The upload, ready", CodeUpload),
});

export function registerCodeUploadRoutes(api: ApiApp, deps: ApiDeps): void {
  let checks = 0;

  api.openapi(begin, async (c) => {
    const { sha256, size } = c.req.valid("json");
    return await once(c, async (sql) => {
      const { customerId } = c.var.actor;
      const request = { id: deps.newId("code"), customerId, sha256, size, now: deps.now() };
      const code = await beginCode(sql, request);
      if (code === null) throw conflict({ code: "code-space-used", params: { max_bytes: MAX_CODES_BYTES } });
      return c.json(codeAnswer(code), 201);
    });
  });

  api.openapi(put, async (c) => {
    const { id, part } = c.req.valid("param");
    const code = await ownOr404(c, c.var.deps.db, id);
    if (code.isReady) return c.body(null, 204);
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    const digest = sha256Of(c.req.header(CONTENT_DIGEST_HEADER) ?? "");
    if (digest === null) throw badField("Content-Digest", "digest-malformed");
    if (digest !== createHash("sha256").update(bytes).digest("base64"))
      throw badField("Content-Digest", "digest-of-other-bytes");
    if (!(await putCodePart(c.var.deps.db, { id, customerId: c.var.actor.customerId, part, bytes })))
      throw badField("part", "code-part-unknown");
    return c.body(null, 204);
  });

  api.openapi(complete, async (c) => {
    const { id } = c.req.valid("param");
    const code = await ownOr404(c, c.var.deps.db, id);
    if (!code.isReady) {
      if (code.missing.length > 0)
        throw conflict({ code: "code-parts-missing", params: { parts: code.missing.length } });
      if (checks >= MAX_CHECKS)
        throw new ApiRefusal("too-many-requests", "code-checks-busy", {
          retryAfterSeconds: RETRY_SECONDS,
        });
      checks += 1;
      try {
        await refuseUnlessSound(c.var.deps.db, code);
      } finally {
        checks -= 1;
      }
    }
    return await once(c, async (sql) => {
      await codeIsReady(sql, { id, now: deps.now() });
      return c.json(codeAnswer({ ...code, isReady: true }), 200);
    });
  });
}

async function ownOr404(c: ApiContext, sql: Connection, id: string): Promise<CodeRow> {
  const code = await ownCode(sql, { id, customerId: c.var.actor.customerId });
  if (code === null) throw notFound({ code: "named-code", params: { code_id: id } });
  return code;
}

/** What may not be is not kept. @throws ApiRefusal with what is wrong */
async function refuseUnlessSound(sql: Connection, code: CodeRow): Promise<void> {
  const hash = createHash("sha256");
  const check = await checkArchive(Readable.from(partsOf(sql, code), { objectMode: false }));
  // Where the look ended early the rest is read for the checksum alone.
  for await (const bytes of partsOf(sql, code)) hash.update(bytes);
  const isSame = hash.digest("hex") === code.sha256;
  if (isSame && check.isSound) return;
  await dropCode(sql, code.id);
  throw badField(
    "code",
    isSame && !check.isSound
      ? { code: "code-refused", params: { detail: check.why } }
      : "code-of-other-bytes",
  );
}

async function* partsOf(sql: Connection, { id, size }: CodeRow): AsyncGenerator<Buffer> {
  for (let part = 0; part < codeParts(size); part += 1) {
    const bytes = await codePart(sql, { id, part });
    if (bytes === null) throw conflict("code-withdrawn");
    yield bytes;
  }
}

function codeAnswer({ id, isReady, sha256, size, missing }: CodeRow): z.input<typeof CodeUpload> {
  return {
    id,
    status: isReady ? "ready" : "uploading",
    sha256,
    size,
    part_size: CODE_PART_BYTES,
    missing_parts: isReady ? [] : missing,
  };
}
