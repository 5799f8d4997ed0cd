/**
 * Code and output of an environment, whether it runs or not: listed, read, written, and linked to for a browser. Whoever
 * may see the environment reads them, and whoever may manage it writes.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { DIGEST_HEADER, sha256Of } from "@remotegpu/shared/messages/files";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { isExpired, scopeRefusal } from "../../../core/accounts/key-scopes.ts";
import { FILE_ROOTS, filePlace } from "../../../core/environments/file-place.ts";
import { actorOfKeyId } from "../../../store/accounts/api-keys.ts";
import { idOnHosts } from "../../../store/database/values/id-on-hosts.ts";
import type { ApiApp, ApiDeps } from "../../deps.ts";
import { API_BASE } from "../../documentation/api-base.ts";
import {
  answerFile,
  performOnPool,
  entryResponse,
  type FileEntryResponse,
  FilePage,
  fileFields,
  fileQuery,
  FileQuery,
  pathBytes,
} from "../../files/pool-files.ts";
import { recordBeforehand } from "../../request/audit.ts";
import { once } from "../../request/idempotency.ts";
import { badField, forbidden } from "../../request/refusal.ts";
import {
  created,
  forCustomers,
  forEveryone,
  jsonBody,
  noContent,
  okFile,
  Timestamp,
  WorkloadIdPath,
} from "../../request/route.ts";
import { environmentFor } from "../environment-access.ts";
import { fileOf, namedFile } from "./file-of.ts";

const DOWNLOAD_LINK_MS = 10 * MS_PER_MINUTE;

const tags = ["environments"];
const params = WorkloadIdPath;

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments/{id}/files",
  operationId: "readEnvironmentFiles",
  "x-problems": [409],
  tags,
  summary: "List a folder of /gemini/code or /gemini/output, or read a file there, also while it is stopped",
  request: { params, query: FileQuery },
  responses: okFile("A page of the folder, or the file's bytes; `Range` is taken", FilePage),
});

const put = createRoute({
  ...forCustomers,
  method: "put",
  path: "/environments/{id}/files",
  operationId: "writeEnvironmentFile",
  "x-problems": [507],
  tags,
  summary: "Put a file, of any length, creating parent folders; it appears whole",
  request: {
    params,
    query: z.strictObject({
      ...fileQuery,
      executable: z.enum(["true", "false"]).optional().describe("true: it may be run as a program"),
    }),
  },
  responses: noContent("It is there, and agrees with `Repr-Digest` where that was sent"),
});

const DownloadLink = z
  .object({
    url: z.string().openapi({
      description: "Where a browser fetches the file",
      example: "https://gpu.example.com/api/v1/downloads/WyJlbnYtMSJd.c2lnbmVk",
    }),
    expires_at: Timestamp.describe("Until when it leads there"),
  })
  .openapi("DownloadLink");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/environments/{id}/download-links",
  tags,
  operationId: "createDownloadLink",
  summary:
    "Make an address by which a browser fetches one file, for ten minutes and as long as this key opens it",
  request: {
    params,
    body: jsonBody(z.strictObject(fileFields).openapi("DownloadLinkOrder")),
  },
  responses: created("The address", DownloadLink),
});

const download = createRoute({
  ...forEveryone,
  method: "get",
  path: "/downloads/{token}",
  tags,
  operationId: "readDownload",
  summary: "The file that a link leads to",
  request: { params: z.object({ token: z.string().max(8_000) }) },
  responses: okFile("The file's bytes; `Range` is taken", FilePage),
});

export function registerEnvironmentFileRoutes(api: ApiApp, deps: ApiDeps): void {
  api.openapi(get, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "read-workload");
    const query = c.req.valid("query");
    const path = pathBytes(query);
    if (filePlace(idOnHosts(environment.id), path).kind === "roots") return c.json(rootPage(path), 200);
    return await answerFile(c, fileOf(environment, path), query);
  });

  api.openapi(put, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const query = c.req.valid("query");
    const file = namedFile(environment, pathBytes(query));
    await recordBeforehand(c, { path: Buffer.from(pathBytes(query), "latin1").toString("utf8") });
    const length = c.req.header("content-length");
    const digest = c.req.header(DIGEST_HEADER);
    if (digest !== undefined && sha256Of(digest) === null) throw badField("Repr-Digest", "digest-malformed");
    await performOnPool(c, file, {
      method: "PUT",
      route: "/entry",
      query: query.executable === "true" ? { executable: "1" } : {},
      headers: {
        ...(length !== undefined && { "content-length": length }),
        ...(digest !== undefined && { [DIGEST_HEADER]: digest }),
      },
      body: c.req.raw.body ?? new Uint8Array(),
    });
    return c.body(null, 204);
  });

  api.openapi(post, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "read-workload");
    const path = pathBytes(c.req.valid("json"));
    namedFile(environment, path);
    const expiresMs = deps.now().getTime() + DOWNLOAD_LINK_MS;
    const { apiKeyId } = c.var.actor;
    const token = deps.downloadLinks.make({ environmentId: environment.id, path, apiKeyId, expiresMs });
    return await once(c, async () =>
      c.json(
        {
          url: `${deps.config.publicUrl}${API_BASE}/downloads/${token}`,
          expires_at: new Date(expiresMs).toISOString(),
        },
        201,
      ),
    );
  });

  api.openapi(download, async (c) => {
    const claim = deps.downloadLinks.open(c.req.valid("param").token);
    if (claim === null) throw badField("token", "link-unknown");
    const now = deps.now();
    if (claim.expiresMs <= now.getTime()) throw forbidden("link-expired");
    const holder = await actorOfKeyId(deps.db, claim.apiKeyId);
    const isOver =
      holder === null ||
      holder.customerStatus !== "active" ||
      (holder.actor.keyExpiresAt !== null && isExpired(holder.actor.keyExpiresAt, now)) ||
      scopeRefusal(holder.actor.keyRights, "read") !== null;
    if (isOver) throw forbidden("link-key-closed");
    c.set("actor", holder.actor);
    const environment = await environmentFor(c, claim.environmentId, "read-workload");
    return await answerFile(c, fileOf(environment, claim.path));
  });
}

function rootPage(path: string): { items: FileEntryResponse[]; next_cursor: null } {
  const items = FILE_ROOTS.map((name) => entryResponse(path, name, { type: "folder" }));
  return { items, next_cursor: null };
}
