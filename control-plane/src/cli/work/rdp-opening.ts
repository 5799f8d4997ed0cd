/**
 * `remotegpu open ENVIRONMENT rdp`: the file by which a client of RDP finds the environment, and apart from it the password
 * of this run, which is generated for this call. Nothing is generated where the file would lead nowhere.
 */
import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { CliError } from "../frame/cli-error.ts";
import type { Context } from "../frame/context.ts";
import { segment } from "../frame/list-command.ts";
import { rdpFile } from "./rdp-file.ts";

const Services = z.array(
  z.looseObject({
    service: z.string(),
    reachable: z.boolean(),
    host: z.string().nullable(),
    port: z.int().nullable(),
    reason: z.string().nullable(),
  }),
);

/** @param through a port of this machine that leads there */
export async function openRdp(
  { api, output }: Context,
  {
    environment,
    file,
    through,
  }: { environment: string; file: string | undefined; through: number | undefined },
): Promise<void> {
  const path = `/environments/${segment(environment)}`;
  const at = through === undefined ? leasedPort(await api.get(`${path}/access`)) : here(through);
  const made = await api.post(`${path}/rdp-password`);
  const text = rdpFile({ ...at, user: String(made.user) });
  if (file !== undefined) await written(file, text);
  if (output.format === "json")
    return output.write(`${JSON.stringify({ ...made, ...at, rdp_file: text }, null, 2)}\n`);
  output.write(file === undefined ? text : `${file} leads to ${at.host}:${at.port}.\n`);
  // Apart from the file, which goes elsewhere by a pipe.
  process.stderr.write(`Password for ${String(made.user)} (shown this once): ${String(made.password)}\n`);
}

function leasedPort({ services }: { services?: unknown }): { host: string; port: number } {
  const way = Services.parse(services).find(({ service }) => service === "rdp");
  if (way === undefined)
    throw new CliError("refused", "RDP is switched off for this environment: remotegpu env update --rdp on");
  const { host, port, reason, reachable } = way;
  if (!reachable || host === null || port === null)
    throw new CliError("refused", `RDP is not reached. ${reason ?? ""}`.trim());
  return { host, port };
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
