/** The Debian packages of the agent and of the command, with their hashes. No key is needed: they hold no secret. */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { ApiRefusal, notFound } from "../request/refusal.ts";
import { forEveryone, ok } from "../request/route.ts";

const DebianPackage = z.object({
  name: z.string().openapi({ description: "The package's name", example: "remotegpu-agent" }),
  version: z.string().openapi({
    description: "Its version: the release, and the time and name of the commit",
    example: "0.1.0+20260301120000.1a2b3c4d5e",
  }),
  file: z.string().openapi({
    description: "Its file's name, below /install/",
    example: "remotegpu-agent_0.1.0+20260301120000.1a2b3c4d5e_amd64.deb",
  }),
  bytes: z.int().openapi({ description: "The file's size", example: 49500000 }),
  sha256: z.string().openapi({
    description: "SHA-256 of the file, in hex",
    example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  }),
});

const list = createRoute({
  ...forEveryone,
  method: "get",
  path: "/install/",
  operationId: "listPackages",
  tags: ["server"],
  summary: "The Debian packages of the agent and the command, with their hashes",
  responses: ok(
    "The packages",
    z.object({ packages: z.array(DebianPackage).describe("Each package once, in the order of the files") }),
  ),
});

const file = createRoute({
  ...forEveryone,
  method: "get",
  path: "/install/{package}",
  operationId: "getPackage",
  tags: ["server"],
  summary: "One of the Debian packages",
  request: {
    params: z.object({ package: z.string().regex(/^[a-z][A-Za-z0-9.+~_-]{0,150}\.deb$/) }),
  },
  responses: {
    200: {
      description: "The file",
      content: { "application/vnd.debian.binary-package": { schema: z.string() } },
    },
  },
});

export function registerPackageRoutes(app: ApiApp, { config }: ApiDeps): void {
  const served = async () => {
    const found = await config.packages();
    if (found === null) throw new ApiRefusal("not-found", "packages-missing");
    return found;
  };
  app.openapi(list, async (c) => c.json({ packages: (await served()).packages }, 200));
  app.openapi(file, async (c) => {
    const { folder, packages } = await served();
    const requested = c.req.param("package");
    const found = packages.find((one) => one.file === requested);
    if (found === undefined) throw notFound({ code: "named-package", params: { file: requested } });
    return sendPackage(c, join(folder, found.file), found);
  });
}

function sendPackage(c: ApiContext, path: string, { bytes, sha256 }: { bytes: number; sha256: string }) {
  const stream = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
  return c.body(stream, 200, {
    "Content-Type": "application/vnd.debian.binary-package",
    "Content-Length": String(bytes),
    ETag: `"${sha256}"`,
  });
}
