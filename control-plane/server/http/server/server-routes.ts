/** What is not the API proper: health for load balancers, metrics, and the files by which a host joins. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { Metrics } from "../metrics/metrics.ts";
import type { StreamFeed } from "../stream/feed.ts";
import { namedReason, reasonCode, reasonParams } from "../request/reason-answer.ts";
import { ApiRefusal, notFound } from "../request/refusal.ts";
import { forEveryone, ok } from "../request/route.ts";

const Status = z.enum(["ok", "ready", "degraded"]);

const Health = z.object({
  status: Status.openapi({ description: "`ok` whenever this answers", example: "ok" }),
  degraded: z
    .array(
      z.object({
        what: z.enum(["nats", "jetstream"]).describe("What is away"),
        why: z.string().openapi({
          description: "In a sentence, without addresses",
          example: "The journal stream has no leader.",
        }),
        why_code: reasonCode("jetstream-without-leader"),
        why_params: reasonParams(),
      }),
    )
    .optional()
    .openapi({
      description: "What is away and what that means; left out where nothing is",
      example: [
        { what: "jetstream", why: "It has no leader.", why_code: "jetstream-without-leader", why_params: {} },
      ],
    }),
});

const Readiness = Health.extend({
  status: Status.openapi({ description: "`ready` whenever this answers with 200", example: "ready" }),
});

const health = createRoute({
  ...forEveryone,
  method: "get",
  path: "/healthz",
  operationId: "getHealth",
  tags: ["server"],
  summary: "This process runs; degraded names what it stands on and is away",
  responses: ok("It runs", Health),
});

const ready = createRoute({
  ...forEveryone,
  method: "get",
  path: "/readyz",
  operationId: "getReadiness",
  tags: ["server"],
  summary: "This process can serve: its database answers; degraded, too",
  responses: ok("It can", Readiness),
});

const textAnswer = (description: string, type: string) => ({
  200: { description, content: { [type]: { schema: z.string() } } },
});

const metrics = createRoute({
  ...forEveryone,
  method: "get",
  path: "/metrics",
  tags: ["server"],
  summary:
    "Prometheus metrics; open to this machine, to keys of the role metrics and to administrators' keys",
  responses: textAnswer("Prometheus text format", "text/plain"),
});

const installScript = createRoute({
  ...forEveryone,
  method: "get",
  path: "/install.sh",
  operationId: "getInstallScript",
  tags: ["server"],
  summary: "The script that joins a host with one command, and upgrades it when run again",
  responses: textAnswer("A POSIX shell script", "text/x-shellscript"),
});

const bundleFile = createRoute({
  ...forEveryone,
  method: "get",
  path: "/bundles/{file}",
  operationId: "getBundleFile",
  tags: ["server"],
  summary: "A file of the agent's bundle",
  request: {
    params: z.object({ file: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}$/) }),
  },
  responses: textAnswer("The file", "application/octet-stream"),
});

export function registerServerRoutes(app: ApiApp, deps: ApiDeps, streams: Pick<StreamFeed, "clients">): void {
  const stateOr = (well: "ok" | "ready"): z.infer<typeof Health> => {
    const degraded = deps.link.degraded().map(({ what, why }) => ({ what, ...namedReason("why", why) }));
    return degraded.length === 0 ? { status: well } : { status: "degraded", degraded };
  };
  app.openapi(health, (c) => c.json(stateOr("ok"), 200));
  app.openapi(ready, async (c) => {
    await deps.db.query("SELECT 1");
    return c.json(stateOr("ready"), 200);
  });
  const served = new Metrics(deps, streams);
  app.openapi(metrics, async (c) =>
    c.body(await served.text(c), 200, { "Content-Type": served.contentType }),
  );
  app.openapi(installScript, (c) => {
    const bundle = deps.config.bundle();
    if (bundle === null) throw notBuilt();
    return c.body(bundle.installScript, 200, { "Content-Type": "text/x-shellscript; charset=utf-8" });
  });
  app.openapi(bundleFile, async (c) => await sendBundleFile(c, deps, c.req.param("file")));
}

async function sendBundleFile(c: ApiContext, deps: ApiDeps, file: string): Promise<Response> {
  const bundle = deps.config.bundle();
  if (bundle === null) throw notBuilt();
  // The name holds no slash and does not begin with a dot, so it cannot leave the folder.
  const path = join(bundle.folder, file);
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile()) throw notFound({ code: "named-bundle-file", params: { file } });
  const stream = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
  return c.body(stream, 200, {
    "Content-Type": "application/octet-stream",
    "Content-Length": String(found.size),
  });
}

function notBuilt(): ApiRefusal {
  return new ApiRefusal("not-found", "bundle-missing");
}
