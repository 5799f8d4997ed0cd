/**
 * `remotegpu open ENVIRONMENT rdp`: the file by which a client of RDP finds the environment, and apart from it the password
 * of this run, which is generated for this call. Nothing is generated where the file would lead nowhere. Where the port of
 * its host leads nowhere from here, a port of this machine leads there through the gateway, until Ctrl-C.
 */
import { getEnvironmentAccess, setEnvironmentRdpPassword } from "../../../client/generated/api.ts";
import type { Access, AccessService } from "../../../client/generated/api.schemas.ts";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { CliError } from "../../framework/cli-error.ts";
import type { Context } from "../../framework/context.ts";
import { rdpFile } from "./rdp-file.ts";
import { relayedHere } from "./relayed-here.ts";
import { writeMessage } from "../../terminal/outputs.ts";

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
  const route = routeOf(await context.api.send(getEnvironmentAccess(environment)));
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
  const made = await api.send(setEnvironmentRdpPassword(environment));
  const text = rdpFile({ ...at, user: made.user });
  if (file !== undefined) await written(file, text);
  if (output.format === "json")
    return output.write(`${JSON.stringify({ ...made, ...at, rdp_file: text }, null, 2)}\n`);
  output.write(file === undefined ? text : `${file} leads to ${at.host}:${at.port}.\n`);
  // Apart from the file, which goes elsewhere by a pipe.
  writeMessage(`Password for ${made.user} (shown this once): ${made.password}\n`);
}

function routeOf({ services }: Access): AccessService {
  const route = services.find(({ service }) => service === "rdp");
  if (route === undefined)
    throw new CliError("refused", "RDP is switched off for this environment: remotegpu env update --rdp on");
  return route;
}

/** Null where it leads nowhere from here, and the gateway does. */
function leasedPort({ host, port, reason, reachable, gateway_url: url }: AccessService): {
  host: string;
  port: number;
} | null {
  if (reachable && host !== null && port !== null) return { host, port };
  if (typeof url === "string") return null;
  throw new CliError("refused", `RDP is not reached. ${reason ?? ""}`.trim());
}

function gatewayOf({ reachable, reason, gateway_url: url }: AccessService): string {
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
