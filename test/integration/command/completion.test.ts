/** What real shells complete, with a server that answers, one that never does, and none. */
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildCli } from "../../../control-plane/install/build-cli.ts";
import { eventually } from "../../support/eventually.ts";
import { NODE } from "../../support/suite/commands-node.ts";

let folder: string;
let server: Server;
/** Until then it answers nothing. */
let answers = true;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-completion-"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/remotegpu"), await buildCli(), { mode: 0o755 });
  symlinkSync(NODE, join(folder, "bin/node"));
  writeFileSync(join(folder, "key.pub"), "");
  const items = ["lab", "large", "$(touch made)", "other"].map((name, at) => ({ id: `env-${at}`, name }));
  server = createServer((_, response) => {
    if (answers) response.end(JSON.stringify({ items, next_cursor: null }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const environment = () => ({
  HOME: folder,
  PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
  TERM: "dumb",
  REMOTEGPU_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  REMOTEGPU_KEY: "k",
});

/** An interactive shell at a terminal of its own. */
function openShell(command: string) {
  const shell = execa("script", ["--quiet", "--return", "--flush", "--command", command, "/dev/null"], {
    env: environment(),
    extendEnv: false,
    cwd: folder,
    stdin: "pipe",
    reject: false,
    buffer: false,
  });
  onTestFinished(() => void shell.kill("SIGKILL"));
  let output = "";
  shell.stdout.on("data", (chunk: Buffer) => (output += String(chunk)));
  return {
    types: (text: string) => void shell.stdin.write(text),
    text: (what: RegExp) => eventually(() => what.test(output), { what: `${what} in ${output}` }),
  };
}

const isThere = async (shell: string) => !(await execa("which", [shell], { reject: false })).failed;
const [hasZsh, hasFish] = [await isThere("zsh"), await isThere("fish")];

/** What is typed before TAB, and what then stands there; what comes behind it at once would keep zsh from it. */
const LINES: [typed: string, completed: RegExp][] = [
  ["remotegpu env sta", /env start $/],
  ["remotegpu env show oth", /show other $/],
  ["remotegpu env logs lab --ta", /lab --tail $/],
  ["remotegpu ssh-key add ke", /add key\.pub $/],
];

const ALL = LINES.map(([typed]) => typed);

/** @returns what was typed and completed */
async function completedAt(command: string, source: string): Promise<string[]> {
  const done: string[] = [];
  const shell = openShell(command);
  shell.types(`PS1='ok> '; ${source}; echo rea''dy\n`);
  await shell.text(/^ready[^]*ok> /m);
  for (const [typed, completed] of LINES) {
    shell.types(`${typed}\t`);
    await shell.text(completed);
    done.push(typed);
    shell.types("\u0015");
  }
  return done;
}

describe("at a terminal a command, an option, a name and, where none of them stands, a file are completed", () => {
  test("by bash", async () => {
    const source = "source <(remotegpu completion bash)";
    expect(await completedAt("bash --norc --noprofile -i", source)).toEqual(ALL);
  });

  test.skipIf(!hasZsh)("by zsh (left out where it is not installed)", async () => {
    const source = "autoload -U compinit; compinit -u -D; source <(remotegpu completion zsh)";
    expect(await completedAt("zsh -f -i", source)).toEqual(ALL);
  });
});

test.skipIf(!hasFish)("by fish, too (left out where it is not installed)", async () => {
  const requested = ["env sta", "env show oth", "env logs lab --ta", "ssh-key add ke"].map(
    (line) => `complete -C "remotegpu ${line}"`,
  );
  const { stdout } = await execa(
    "fish",
    ["--no-config", "-c", ["remotegpu completion fish | source", ...requested].join("\n")],
    {
      env: environment(),
      extendEnv: false,
      cwd: folder,
    },
  );

  expect(stdout.split("\n").map((line) => line.split("\t")[0])).toEqual([
    "start",
    "other",
    "--tail",
    "key.pub",
  ]);
});

describe("what is requested of the server", () => {
  const complete = async (words: readonly string[], env = {}) => {
    const { exitCode, stdout, stderr } = await execa("remotegpu", ["complete", "--", ...words], {
      env: { ...environment(), ...env },
      extendEnv: false,
      reject: false,
    });
    return { exitCode, stdout, stderr };
  };

  test("are the names that a shell takes as they are", async () => {
    expect(await complete(["env", "show", ""])).toEqual({
      exitCode: 0,
      stdout: "lab\nlarge\nother",
      stderr: "",
    });
  });

  test("is given up where it never answers, and nothing is printed about it", async () => {
    answers = false;
    try {
      // The process ends while the server holds the question still.
      expect(await complete(["env", "show", ""])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      expect(await complete(["env", "sta"])).toMatchObject({ stdout: "start" });
    } finally {
      answers = true;
    }
  });

  test.each([
    ["there is no server", { REMOTEGPU_SERVER: "http://127.0.0.1:9" }],
    ["nobody has logged in", { REMOTEGPU_SERVER: "", REMOTEGPU_KEY: "" }],
  ])("is nothing where %s", async (_, env) => {
    expect(await complete(["env", "show", ""], env)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });
});
