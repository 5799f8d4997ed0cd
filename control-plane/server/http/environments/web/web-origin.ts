/** Where an environment's services lie below the gateway's domain, as far as a gateway says that it runs. */
import { z } from "@hono/zod-openapi";
import { WEB_SERVICES, type WebTarget } from "../../../core/environments/web-target.ts";
import { originOf, type WebBase, webBaseFrom } from "../../../core/gateway/origin.ts";
import type { Connection } from "../../../store/database/database.ts";
import { liveWebBase } from "../../../store/gateway/gateways.ts";
import { badField, conflict } from "../../request/refusal.ts";

const MAX_PORT = 65_535;

/** One of the two. */
export const webTargetFields = {
  service: z
    .enum(WEB_SERVICES)
    .optional()
    .openapi({ description: "A service by its name; or a port", example: "jupyter" }),
  port: z.int().min(1).max(MAX_PORT).optional().openapi({
    description: "A port of the container; or a service",
    example: 8000,
  }),
};

/** @throws ApiRefusal unless exactly one is named */
export function targetNamed({
  service,
  port,
}: {
  service?: (typeof WEB_SERVICES)[number] | undefined;
  port?: number | undefined;
}): WebTarget {
  if ((service === undefined) === (port === undefined)) throw badField("service", "service-or-port");
  return service ?? port ?? 0;
}

/** Null while no gateway with a domain runs. */
export async function webBase(sql: Connection, now: Date): Promise<WebBase | null> {
  const text = await liveWebBase(sql, now);
  return text === null ? null : webBaseFrom(text);
}

/** @throws ApiRefusal where there is no web side */
export async function originFor(
  sql: Connection,
  { id, name }: { id: string; name: string },
  { target, now }: { target: WebTarget; now: Date },
): Promise<string> {
  const base = await webBase(sql, now);
  if (base === null) throw conflict({ code: "web-domain-missing", params: { environment_name: name } });
  return originOf(base, id, target);
}
