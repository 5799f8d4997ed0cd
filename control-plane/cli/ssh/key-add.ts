/** `remotegpu ssh-key add`: a public key from a file, from the agent of this login, or from where ssh keeps its own. */
import { createSshKey } from "../../client/generated/api.ts";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { chosenOf } from "../framework/choice.ts";
import { CliError } from "../framework/cli-error.ts";
import { words } from "../framework/arguments.ts";
import { command, option, optionalArgument } from "../framework/command.ts";
import { printDone } from "../framework/output.ts";
import { safeText } from "../terminal/safe-text.ts";

const AGENT_WITHIN_MS = 5_000;
/** Characters of a key that tell it from another. */
const LISTED = 40;

/** A public key with where it was found, for people. */
interface Found {
  line: string;
  from: string;
}

export const KEY_ADD = command({
  name: "add",
  summary: "add a public key: a .pub file, one of ssh-agent by its comment, or the one that ssh has here",
  takes: {
    file: optionalArgument("file", z.string()),
    name: option("--name <name>", "what it is called; the key's own comment unless told", words()),
  },
  examples: ["ssh-key add", "ssh-key add ~/.ssh/id_ed25519.pub --name laptop"],
  run: async ({ api, output }, { file, name }) => {
    const { line, from } = file === undefined ? await onlyOne(await foundHere()) : await named(file);
    const comment = commentOf(line);
    const key = { name: name ?? (comment === "" ? hostname() : comment), public_key: line };
    const row = await api.send(createSshKey(key));
    printDone(output, `The key ${row.fingerprint} of ${from} is added as ${row.name}.`, row);
  },
});

/** A secret key leaves this machine by no mistake: of its file the one beside it is taken. */
function fromFile(path: string): Found {
  const line = textOf(path);
  if (!line.includes("PRIVATE KEY-----")) return { line, from: path };
  if (existsSync(`${path}.pub`)) return fromFile(`${path}.pub`);
  throw new CliError("usage", `${path} is a secret key, which is sent to nobody. Name its .pub file.`);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new CliError("usage", `The file ${path} cannot be read.`, { cause });
  }
}

async function foundHere(): Promise<Found[]> {
  const found = [...ofFolder(join(homedir(), ".ssh")), ...(await ofAgent())];
  return [...new Map(found.reverse().map((one) => [bodyOf(one.line), one])).values()].reverse();
}

function ofFolder(folder: string): Found[] {
  try {
    const files = readdirSync(folder).filter((name) => name.endsWith(".pub"));
    return files.toSorted().map((name) => fromFile(join(folder, name)));
  } catch (error) {
    if (error instanceof CliError) throw error;
    return [];
  }
}

/** Without an agent, or without ssh, it has none. */
async function ofAgent(): Promise<Found[]> {
  const { execFileSync } = await import("node:child_process");
  try {
    const reported = execFileSync("ssh-add", ["-L"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: AGENT_WITHIN_MS,
    });
    return reported
      .split("\n")
      .filter((line) => bodyOf(line) !== "")
      .map((line) => ({ line, from: "ssh-agent" }));
  } catch {
    return [];
  }
}

async function onlyOne(found: readonly Found[]): Promise<Found> {
  const [only, ...others] = found;
  if (only === undefined)
    throw new CliError(
      "usage",
      "There is no public key here. Make one (ssh-keygen -t ed25519), or name a file.",
    );
  if (others.length === 0) return only;
  return await chosenOf(found, {
    title: `${found.length} public keys are here`,
    line: ({ line, from }) => safeText(`${from}  ${line.slice(0, LISTED)}…  ${commentOf(line)}`),
    otherwise: "Name one by its file, or by the comment at its end.",
  });
}

/** The key of a file, or the one here that has this comment. */
async function named(word: string): Promise<Found> {
  if (existsSync(word)) return fromFile(word);
  const [only, ...others] = (await foundHere()).filter(({ line }) => commentOf(line) === word);
  return only !== undefined && others.length === 0 ? only : fromFile(word);
}

function commentOf(line: string): string {
  return line.trim().split(/\s+/).slice(2).join(" ");
}

function bodyOf(line: string): string {
  return line.trim().split(/\s+/)[1] ?? "";
}
