/** Where people get the remotegpu command: the file itself, and the lines that install it. No key is needed for either. */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { COMMAND_PATH, installLines } from "../documentation/install-lines.ts";
import { ApiRefusal } from "../request/refusal.ts";
import { forEveryone } from "../request/route.ts";

/** How long a copy on the way may be taken for the newest. */
const FRESH_SECONDS = 300;

const text = (description: string, type: string) => ({
  200: { description, content: { [type]: { schema: z.string() } } },
});

const file = createRoute({
  ...forEveryone,
  method: "get",
  path: COMMAND_PATH,
  operationId: "getCommandFile",
  tags: ["server"],
  summary: "The remotegpu command as one file, for Node 20 or newer; its ETag is its SHA-256",
  responses: {
    ...text("The file, which runs by itself", "text/javascript"),
    304: { description: "It is still the one that If-None-Match names" },
  },
});

const lines = createRoute({
  ...forEveryone,
  method: "get",
  path: "/cli",
  operationId: "getCommandInstallation",
  tags: ["server"],
  summary: "The lines that install the remotegpu command from this server",
  responses: text("Lines for a shell, with comments", "text/plain"),
});

export function registerCommandRoutes(app: ApiApp, { config }: ApiDeps): void {
  app.openapi(lines, (c) =>
    c.body(installLines(config.publicUrl), 200, { "Content-Type": "text/plain; charset=utf-8" }),
  );
  app.openapi(file, async (c) => {
    const made = await config.commandFile();
    if (made === null) throw new ApiRefusal("not-found", "command-file-missing");
    const tag = `"${made.hash}"`;
    const headers = {
      "Cache-Control": `public, max-age=${FRESH_SECONDS}`,
      ETag: tag,
      "X-RemoteGPU-Version": config.version,
    };
    const known = c.req.header("if-none-match") ?? "";
    if (known.split(",").some((one) => one.trim().replace(/^W\//, "") === tag))
      return c.body(null, 304, headers);
    return c.body(made.text, 200, { ...headers, "Content-Type": "text/javascript; charset=utf-8" });
  });
}
