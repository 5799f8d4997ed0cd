/**
 * `remotegpu ssh-proxy`, which OpenSSH runs as its ProxyCommand where an environment is reached through the gateway alone:
 * its standard input and output are the bytes of the connection.
 */
import type { Duplex } from "node:stream";
import { CliError } from "../framework/cli-error.ts";
import { command, resourceField } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { gatewayOf } from "./ssh-target.ts";

export const SSH_PROXY = command({
  name: "ssh-proxy",
  summary: "the bytes of an SSH connection through the gateway, for OpenSSH's ProxyCommand",
  takes: { environment: resourceField("environment", "environment") },
  isHidden: true,
  run: async (context, { environment }) => {
    const bytes = await context.api.webSocket(await gatewayOf(context, environment));
    await carried(bytes);
  },
});

/** Resolves when the other side has ended. */
async function carried(bytes: Duplex): Promise<void> {
  process.stdin.pipe(bytes);
  bytes.pipe(process.stdout);
  // ssh has gone.
  process.stdout.on("error", () => bytes.destroy());
  await new Promise<void>((resolve, reject) => {
    bytes.once("close", () => resolve());
    bytes.once("error", (cause) => reject(new CliError("unavailable", "The gateway broke off.", { cause })));
  });
  process.stdin.destroy();
}

/** As OpenSSH's ProxyCommand takes it: a line for the shell, in which % begins something of ssh's own. */
export function proxyCommand({ where }: Pick<Context, "where">, environmentId: string): string {
  const [node, script = ""] = [process.execPath, process.argv[1]];
  const profile = where.profile === undefined ? [] : ["--profile", where.profile];
  return [node, script, "ssh-proxy", ...profile, environmentId].map(quoted).join(" ").replaceAll("%", "%%");
}

/** What stands on the command line for this one alone goes on by the variables: a key in a command is for all to see. */
export function passOn({ where: { server, key } }: Pick<Context, "where">): void {
  if (server !== undefined) process.env["REMOTEGPU_SERVER"] = server;
  if (key !== undefined) process.env["REMOTEGPU_KEY"] = key;
}

function quoted(word: string): string {
  return /^[\w@+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
