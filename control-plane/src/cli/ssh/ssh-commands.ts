/**
 * `remotegpu ssh` and what goes with it: OpenSSH's own programs and rsync, told where an environment is reached and which
 * host key it has. Their own options and exit codes are theirs.
 */
import { z } from "zod";
import { CliError } from "../frame/cli-error.ts";
import { argument, command, rest, thing, type Command } from "../frame/command.ts";
import type { Context } from "../frame/context.ts";
import { idOf } from "../frame/things.ts";
import { SSH_CONFIG } from "./config-command.ts";
import { keepHostKeys, knownHostsFile } from "./client-files.ts";
import { argumentsOf } from "./client-options.ts";
import { runInPlace } from "./client-program.ts";
import { type SshWay, sshWay, waits } from "./way-in.ts";

const SSH = command({
  name: "ssh",
  summary: "a shell in an environment, or a command in it; waits while it starts",
  takes: { environment: thing("environment", "environment"), argv: rest("argv"), ...waits() },
  passesThrough: true,
  examples: ["ssh lab", "ssh lab -- nvidia-smi", "ssh lab -- -L 6006:127.0.0.1:6006 -N"],
  more: "Words behind -- go to ssh as they are: a command, or options of ssh before one. Exits with the command's exit code, or 255.",
  run: async (context, { environment, argv, timeout }) => {
    const way = await ready(context, environment, timeout);
    const words = withoutDashes(argv);
    const command = words.findIndex((word, index) => !word.startsWith("-") && !takesValue(words[index - 1]));
    const options = command < 0 ? words : words.slice(0, command);
    const rest = command < 0 ? [] : words.slice(command);
    await runInPlace("ssh", [...args(way), ...options, way.host, ...rest]);
  },
});

const SCP = command({
  name: "scp",
  summary: "copy files to or from an environment, as scp does",
  takes: { argv: rest("argv"), ...waits() },
  passesThrough: true,
  examples: ["scp -- model.py lab:/gemini/code/", "scp -- -r lab:/gemini/output ."],
  more: "A place in an environment is NAME:PATH. Words behind -- go to scp as they are.",
  run: async (context, { argv, timeout }) => {
    const { way, words } = await placed(context, withoutDashes(argv), timeout);
    await runInPlace("scp", [...args(way), ...words]);
  },
});

const RSYNC = command({
  name: "rsync",
  summary: "bring folders to or from an environment up to date, as rsync does",
  takes: { argv: rest("argv"), ...waits() },
  passesThrough: true,
  examples: ["rsync -- -av --delete ./code/ lab:/gemini/code/"],
  more: "A place in an environment is NAME:PATH. Words behind -- go to rsync as they are.",
  run: async (context, { argv, timeout }) => {
    const { way, words } = await placed(context, withoutDashes(argv), timeout);
    const shell = ["ssh", ...args(way)].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    await runInPlace("rsync", ["--rsh", shell, ...words]);
  },
});

const PORT_FORWARD = command({
  name: "port-forward",
  summary: "make a port inside an environment a port of this machine, until Ctrl-C",
  takes: {
    environment: thing("environment", "environment"),
    ports: argument("port[:local]", z.string().transform(readPorts)),
    argv: rest("argv"),
    ...waits(),
  },
  passesThrough: true,
  examples: [
    "port-forward lab 8888",
    "port-forward lab 8888:9999",
    "port-forward lab 8888 -- -i ~/.ssh/work",
  ],
  more: "Words behind -- go to ssh as they are.",
  run: async (context, { environment, ports: { inside, here }, argv, timeout }) => {
    const way = await ready(context, environment, timeout);
    process.stderr.write(`127.0.0.1:${here} leads to port ${inside} of ${way.name}, until Ctrl-C.\n`);
    const forward = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", `127.0.0.1:${here}:127.0.0.1:${inside}`];
    await runInPlace("ssh", [...args(way), ...forward, ...withoutDashes(argv), way.host]);
  },
});

export const SSH_COMMANDS: readonly Command[] = [SSH, SCP, RSYNC, PORT_FORWARD, SSH_CONFIG];

async function ready(context: Context, id: string, seconds: number): Promise<SshWay> {
  const way = await sshWay(context, id, seconds);
  keepHostKeys([way]);
  return way;
}

/** The one environment that the words name a place in, with what the program is to be told in place of its name. */
async function placed(
  context: Context,
  argv: readonly string[],
  seconds: number,
): Promise<{ way: SshWay; words: string[] }> {
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
  const way = await ready(context, await idOf(context.api, "environment", name, {}), seconds);
  const host = way.host.includes(":") ? `[${way.host}]` : way.host;
  return {
    way,
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

function args(way: SshWay): string[] {
  return argumentsOf(way, knownHostsFile());
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
