/**
 * `remotegpu ssh` and what goes with it: OpenSSH's own programs and rsync, told where an environment is reached and which
 * host key it has. Their own options and exit codes are theirs.
 */
import { z } from "zod";
import { CliError } from "../framework/cli-error.ts";
import { argument, command, flag, rest, resourceField, type Command } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { idOf } from "../framework/resource-fields.ts";
import { oursOf, SSH_CONFIG } from "./config-command.ts";
import { keepHostKeys } from "./client-files.ts";
import { argumentsOf } from "./client-options.ts";
import { runInPlace } from "../programs/client-program.ts";
import { passOn, SSH_PROXY } from "./proxy-command.ts";
import { gatewayOf, type SshTarget, sshTarget, waits } from "./ssh-target.ts";
import { writeMessage } from "../terminal/outputs.ts";

const SSH = command({
  name: "ssh",
  summary: "a shell in an environment, or a command in it; waits while it starts",
  takes: { environment: resourceField("environment", "environment"), argv: rest("argv"), ...entering() },
  passesThrough: true,
  examples: ["ssh lab", "ssh lab -- nvidia-smi", "ssh lab -- -L 6006:127.0.0.1:6006 -N"],
  more: "Words behind -- go to ssh as they are: a command, or options of ssh before one. Exits with the command's exit code, or 255.",
  run: async (context, { environment, argv, ...how }) => {
    const target = await ready(context, environment, how);
    const words = withoutDashes(argv);
    const command = words.findIndex((word, index) => !word.startsWith("-") && !takesValue(words[index - 1]));
    const options = command < 0 ? words : words.slice(0, command);
    const rest = command < 0 ? [] : words.slice(command);
    await runInPlace("ssh", [...args(context, target), ...options, target.host, ...rest]);
  },
});

const SCP = command({
  name: "scp",
  summary: "copy files to or from an environment, as scp does",
  takes: { argv: rest("argv"), ...entering() },
  passesThrough: true,
  examples: ["scp -- model.py lab:/gemini/code/", "scp -- -r lab:/gemini/output ."],
  more: "A place in an environment is NAME:PATH. Words behind -- go to scp as they are.",
  run: async (context, { argv, ...how }) => {
    const { route: target, words } = await placed(context, withoutDashes(argv), how);
    await runInPlace("scp", [...args(context, target), ...words]);
  },
});

const RSYNC = command({
  name: "rsync",
  summary: "bring folders to or from an environment up to date, as rsync does",
  takes: { argv: rest("argv"), ...entering() },
  passesThrough: true,
  examples: ["rsync -- -av --delete ./code/ lab:/gemini/code/"],
  more: "A place in an environment is NAME:PATH. Words behind -- go to rsync as they are.",
  run: async (context, { argv, ...how }) => {
    const { route: target, words } = await placed(context, withoutDashes(argv), how);
    const shell = ["ssh", ...args(context, target)]
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(" ");
    await runInPlace("rsync", ["--rsh", shell, ...words]);
  },
});

const PORT_FORWARD = command({
  name: "port-forward",
  summary: "make a port inside an environment a port of this machine, until Ctrl-C",
  takes: {
    environment: resourceField("environment", "environment"),
    ports: argument("port[:local]", z.string().transform(readPorts)),
    argv: rest("argv"),
    ...entering(),
  },
  passesThrough: true,
  examples: [
    "port-forward lab 8888",
    "port-forward lab 8888:9999",
    "port-forward lab 8888 -- -i ~/.ssh/work",
  ],
  more: "Words behind -- go to ssh as they are.",
  run: async (context, { environment, ports: { inside, here }, argv, ...how }) => {
    const target = await ready(context, environment, how);
    writeMessage(`127.0.0.1:${here} leads to port ${inside} of ${target.name}, until Ctrl-C.\n`);
    const forward = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", `127.0.0.1:${here}:127.0.0.1:${inside}`];
    await runInPlace("ssh", [...args(context, target), ...forward, ...withoutDashes(argv), target.host]);
  },
});

export const SSH_COMMANDS: readonly Command[] = [SSH, SCP, RSYNC, PORT_FORWARD, SSH_CONFIG, SSH_PROXY];

/** The options of every command that runs one of OpenSSH's programs. */
function entering() {
  return {
    ...waits(),
    "through-gateway": flag("--through-gateway", "through the gateway, though its own port may be reachable"),
  };
}
type How = { timeout: number; "through-gateway": boolean };

async function ready(context: Context, id: string, how: How): Promise<SshTarget> {
  const target = await sshTarget(context, id, how.timeout);
  keepHostKeys([target]);
  passOn(context);
  if (!how["through-gateway"] || target.isThroughGateway) return target;
  // Refused before ssh begins, whose own words would say less.
  await gatewayOf(context, target.id);
  return { ...target, isThroughGateway: true };
}

/** The one environment that the words name a place in, with what the program is to be told in place of its name. */
async function placed(
  context: Context,
  argv: readonly string[],
  how: How,
): Promise<{ route: SshTarget; words: string[] }> {
  const names = new Set(argv.flatMap((word) => PLACE.exec(word)?.[1] ?? []));
  const [name, ...others] = names;
  if (name === undefined)
    throw new CliError(
      "usage",
      "Name a place in an environment: NAME:PATH, behind -- where options are given.",
    );
  if (others.length > 0)
    throw new CliError(
      "usage",
      `Between two environments (${[...names].join(", ")}) nothing is copied at once.`,
    );
  const target = await ready(context, await idOf(context.api, "environment", name, {}), how);
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return {
    route: target,
    words: argv.map((word) => (PLACE.exec(word) === null ? word : word.replace(PLACE, `${host}:`))),
  };
}

/** As scp tells a place elsewhere from a file: a colon before any slash, and no option. */
const PLACE = /^(?!-)([^/:]+):(?!\/\/)/;

/** Options of ssh with a value as a word of its own. */
const WITH_VALUE = /^-[46AaCfGgKkMNnqsTtVvXxYy]*[BbcDEeFIiJLlmOoPpQRSWw]$/;

function takesValue(before: string | undefined): boolean {
  return before !== undefined && WITH_VALUE.test(before);
}

function args(context: Context, target: SshTarget): string[] {
  return argumentsOf(target, oursOf(context));
}

function withoutDashes(argv: readonly string[]): string[] {
  return argv[0] === "--" ? argv.slice(1) : [...argv];
}

function readPorts(text: string, context: z.RefinementCtx): { inside: number; here: number } {
  const match = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text);
  const [inside, here] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if ([inside, here].every((port) => port >= 1 && port <= 65_535)) return { inside, here };
  context.addIssue({
    code: "custom",
    message: "Give a port such as 8888, or 8888:9999 for another one here.",
  });
  return z.NEVER;
}
