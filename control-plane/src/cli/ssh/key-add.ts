/** `remotegpu ssh-key add`: a public key from a file, from the agent of this login, or from where ssh keeps its own. */
import { readdirSync, readFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { CliError } from "../frame/cli-error.ts";
import { words } from "../frame/arguments.ts";
import { command, option, optionalArgument } from "../frame/command.ts";
import { printDone } from "../frame/output.ts";

const AGENT_WITHIN_MS = 5_000;

/** A public key with where it was found, for people. */
interface Found {
  line: string;
  from: string;
}

export const KEY_ADD = command({
  name: "add",
  summary: "add a public key: a .pub file, or the only one that ssh has here",
  takes: {
    file: optionalArgument("file", z.string()),
    name: option("--name <name>", "what it is called; the key's own comment unless told", words()),
  },
  examples: ["ssh-key add", "ssh-key add ~/.ssh/id_ed25519.pub --name laptop"],
  run: async ({ api, output }, { file, name }) => {
    const { line, from } = file === undefined ? onlyOne(await foundHere()) : fromFile(file);
    const comment = line.trim().split(/\s+/).slice(2).join(" ");
    const row = await api.post("/ssh-keys", {
      name: name ?? (comment === "" ? hostname() : comment),
      public_key: line,
    });
    printDone(output, `The key ${String(row.fingerprint)} of ${from} is added as ${String(row.name)}.`, row);
  },
});

function fromFile(path: string): Found {
  try {
    return { line: readFileSync(path, "utf8").trim(), from: path };
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
    const told = execFileSync("ssh-add", ["-L"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: AGENT_WITHIN_MS,
    });
    return told
      .split("\n")
      .filter((line) => bodyOf(line) !== "")
      .map((line) => ({ line, from: "ssh-agent" }));
  } catch {
    return [];
  }
}

function onlyOne(found: readonly Found[]): Found {
  const [only, ...others] = found;
  if (only === undefined)
    throw new CliError(
      "usage",
      "There is no public key here. Make one (ssh-keygen -t ed25519), or name a file.",
    );
  if (others.length === 0) return only;
  const lines = found.map(
    ({ line, from }) => `  ${from}: ${line.slice(0, 40)}… ${line.split(/\s+/).slice(2).join(" ")}`,
  );
  throw new CliError("usage", `There are several keys here; name one file:\n${lines.join("\n")}`);
}

function bodyOf(line: string): string {
  return line.trim().split(/\s+/)[1] ?? "";
}
