/**
 * How owners fill a dataset or model: an upload is begun with the list's checksum, its files come in parts to a host of the
 * pool, and it is complete once that host has found all of it on its disk. Until then, and where it is not, whatever is
 * mounted stays what it was.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { DataKind } from "../../../store/accounts/catalogue.ts";
import type { ApiApp } from "../../deps.ts";
import { takePart } from "../../files/part-of-file.ts";
import { fileQuery, pathBytes } from "../../files/pool-files.ts";
import { WholeText } from "../../request/input-fields.ts";
import {
  created,
  forCustomers,
  forUploads,
  jsonBody,
  noContent,
  NumericIdPath,
  ok,
  okStream,
} from "../../request/route.ts";
import { DATA_NAMES, requireOwn } from "../data-access.ts";
import { begin } from "./begin-upload.ts";
import { complete } from "./complete-upload.ts";
import { openUpload } from "./open-upload.ts";
import { takeManifest, sendChunks } from "./upload-parts.ts";
import { Upload, UploadId, UploadOrder } from "./upload-shape.ts";

const params = NumericIdPath;

const routesOf = (kind: DataKind) => {
  const { plural } = DATA_NAMES[kind];
  const tags = [plural];
  const capital = kind === "dataset" ? "Dataset" : "Model";
  return {
    begin: createRoute({
      ...forCustomers,
      method: "post",
      path: `/${plural}/{id}/uploads`,
      operationId: `begin${capital}Upload`,
      "x-problems": [402, 507],
      tags,
      summary: `Begin to fill a ${kind}, or go on; quota and disk are checked before anything is sent`,
      request: { params, body: jsonBody(UploadOrder) },
      responses: created("The upload; another one of it, begun before, ends", Upload),
    }),
    chunks: createRoute({
      ...forUploads,
      method: "get",
      path: `/${plural}/{id}/upload-chunks`,
      operationId: `read${capital}UploadChunks`,
      "x-problems": [409],
      tags,
      summary: "The SHA-256 of each part of a file that is there of an upload, as text",
      request: { params, query: z.strictObject({ upload: UploadId, ...fileQuery }) },
      responses: okStream("A line with its length, and one in base64 for each part", "text/plain"),
    }),
    put: createRoute({
      ...forUploads,
      method: "put",
      path: `/${plural}/{id}/files`,
      operationId: `write${capital}File`,
      "x-problems": [507],
      tags,
      summary: "Bring a part of a file, with its SHA-256 as `Content-Digest`",
      request: {
        params,
        query: z.strictObject({ upload: UploadId, ...fileQuery, offset: WholeText, size: WholeText }),
      },
      responses: noContent("It is there"),
    }),
    manifest: createRoute({
      ...forUploads,
      method: "put",
      path: `/${plural}/{id}/manifest`,
      operationId: `write${capital}Manifest`,
      "x-problems": [507],
      tags,
      summary:
        "Bring the list of its files, a line of JSON for each, in the order of a walk through the tree",
      request: { params, query: z.strictObject({ upload: UploadId }) },
      responses: noContent("It is there"),
    }),
    complete: createRoute({
      ...forCustomers,
      method: "post",
      path: `/${plural}/{id}/complete`,
      operationId: `complete${capital}Upload`,
      tags,
      summary: "Have its host check every file; repeat the request while it is checking",
      request: { params, body: jsonBody(z.strictObject({ upload: UploadId }).openapi("DataCompletion")) },
      responses: ok("How far it is; once it is ready, that is what is mounted", Upload),
    }),
  };
};

export function registerDatasetUploads(api: ApiApp): void {
  registerUploads(api, "dataset");
}

export function registerModelUploads(api: ApiApp): void {
  registerUploads(api, "model");
}

function registerUploads(api: ApiApp, kind: DataKind): void {
  const routes = routesOf(kind);

  api.openapi(routes.begin, async (c) => {
    const entry = await requireOwn(c, kind, c.req.valid("param").id);
    return await begin(c, kind, { entry, order: c.req.valid("json") });
  });

  api.openapi(routes.chunks, async (c) => {
    const { upload, ...path } = c.req.valid("query");
    const open = await openUpload(c, kind, { ...c.req.valid("param"), upload });
    return await sendChunks(c, { ...open.place, path: pathBytes(path) }, open.copy);
  });

  api.openapi(routes.put, async (c) => {
    const { upload, offset, size, ...path } = c.req.valid("query");
    const open = await openUpload(c, kind, { ...c.req.valid("param"), upload });
    const query = { offset: String(offset), size: String(size) };
    return await takePart(c, { ...open.place, path: pathBytes(path) }, { route: "/chunk", query });
  });

  api.openapi(routes.manifest, async (c) => {
    const open = await openUpload(c, kind, { ...c.req.valid("param"), ...c.req.valid("query") });
    return await takeManifest(c, open);
  });

  api.openapi(routes.complete, async (c) => {
    const open = await openUpload(c, kind, {
      ...c.req.valid("param"),
      ...c.req.valid("json"),
      orReady: true,
    });
    return await complete(c, kind, open);
  });
}
