/**
 * `remotegpu open ENVIRONMENT rdp`: the file by which a client of RDP finds the environment, and apart from it the password
 * of this run, which is generated for this call. Nothing is generated where the file would lead nowhere. Where the port of
 * its host leads nowhere from here, a port of this machine leads there through the gateway, until Ctrl-C.
 */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { CliError } from "../framework/cli-error.ts";
import type { Context } from "../framework/context.ts";
import { segment } from "../framework/list-command.ts";
import { rdpFile } from "./rdp-file.ts";
import { relayedHere } from "./relayed-here.ts";
import { writeMessage } from "../terminal/outputs.ts";

const Services = z.array(
  z.looseObject({
    service: z.string(),
    reachable: z.boolean(),
    host: z.string().nullable(),
    port: z.int().nullable(),
    reason: z.string().nullable(),
    /** Absent from a server that leads nobody so. */
    gateway_url: z.string().nullish(),
  }),
);
type Service = z.output<typeof Services>[number];

interface Opening {
  environment: string;
  file: string | undefined;
  /** A port of this machine that leads there. */
  through: number | undefined;
  isThroughGateway: boolean;
}

export async function openRdp(context: Context, opening: Opening): Promise<void> {
  const { environment, through, isThroughGateway } = opening;
  if (through !== undefined) return await handOut(context, opening, here(through));
  const route = routeOf(await context.api.get(`/environments/${segment(environment)}/access`));
  const leased = isThroughGateway ? null : leasedPort(route);
  if (leased !== null) return await handOut(context, opening, leased);
  const address = gatewayOf(route);
  const relay = await relayedHere({
    api: context.api,
    address,
    failed: (sentence) => writeMessage(`${sentence}\n`),
  });
  try {
    await handOut(context, opening, here(relay.port));
    writeMessage(`127.0.0.1:${relay.port} leads there through the gateway, until Ctrl-C.\n`);
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  } finally {
    await relay.close();
  }
}

async function handOut(
  { api, output }: Context,
  { environment, file }: Opening,
  at: { host: string; port: number },
): Promise<void> {
  const made = await api.post(`/environments/${segment(environment)}/rdp-password`);
  const text = rdpFile({ ...at, user: String(made.user) });
  if (file !== undefined) await written(file, text);
  if (output.format === "json")
    return output.write(`${JSON.stringify({ ...made, ...at, rdp_file: text }, null, 2)}\n`);
  output.write(file === undefined ? text : `${file} leads to ${at.host}:${at.port}.\n`);
  // Apart from the file, which goes elsewhere by a pipe.
  writeMessage(`Password for ${String(made.user)} (shown this once): ${String(made.password)}\n`);
}

function routeOf({ services }: { services?: unknown }): Service {
  const route = Services.parse(services).find(({ service }) => service === "rdp");
  if (route === undefined)
    throw new CliError("refused", "RDP is switched off for this environment: remotegpu env update --rdp on");
  return route;
}

/** Null where it leads nowhere from here, and the gateway does. */
function leasedPort({ host, port, reason, reachable, gateway_url: url }: Service): {
  host: string;
  port: number;
} | null {
  if (reachable && host !== null && port !== null) return { host, port };
  if (typeof url === "string") return null;
  throw new CliError("refused", `RDP is not reached. ${reason ?? ""}`.trim());
}

function gatewayOf({ reachable, reason, gateway_url: url }: Service): string {
  if (typeof url === "string") return url;
  const why = reachable ? "No gateway of this server leads there: it has no WEB_DOMAIN." : (reason ?? "");
  throw new CliError("refused", `RDP is not reached. ${why}`.trim());
}

function here(port: number): { host: string; port: number } {
  return { host: "127.0.0.1", port };
}

async function written(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw new CliError("usage", `${path} cannot be written.`, { cause });
  }
}
