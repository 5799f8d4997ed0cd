/** Whatever is typed, and whatever a file holds: one line or Commander's usage, a documented exit code, never a stack. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { EXIT_CODES } from "@remotegpu/control-plane/cli/framework/cli-error";
import { isGroup, labelOf, type Command, type Group } from "@remotegpu/control-plane/cli/framework/command";
import { failureOf } from "@remotegpu/control-plane/cli/failure";
import { remotegpu, TREE } from "@remotegpu/control-plane/cli/program";
import { assert, asyncProperty, constantFrom, record, string, array, boolean, oneof } from "fast-check";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "rg-cli-input-"));
const FILES = {
  empty: "",
  binary: Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 7) % 256)),
  huge: "x".repeat(3_000_000),
  list: "[]",
  number: "7",
  torn: '{"server": "http://127',
  profile: JSON.stringify({ server: "http://127.0.0.1:1", key: "k" }),
  strange: JSON.stringify({ server: "http://127.0.0.1:1", key: "k", ca: join(folder, "missing") }),
  certificate: JSON.stringify({ server: "https://127.0.0.1:1", key: "k", ca: join(folder, "binary") }),
  bill: JSON.stringify({ version: 1, record: {}, runs: [{}] }),
};
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
mkdirSync(join(folder, "directory"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PATHS = [...Object.keys(FILES), "directory", "missing", "empty/below"].map((name) =>
  join(folder, name),
);
/** It is there, and nobody may read it from its beginning, not even root. */
const UNREADABLE = "/proc/self/mem";
const VALUES = [
  "",
  " ",
  "-",
  "--",
  "-x",
  "--no-such",
  "1",
  "-1",
  "1e9",
  "9".repeat(40),
  "1G",
  "{",
  "{}",
  "[]",
  "null",
  "=",
  "A=b",
  "on",
  "default",
  "2026-13-45T99:00:00Z",
  "http://[",
  "ftp://there",
  "../../etc",
  "%2e%2e",
  "\u0007\u001b[2J",
  "ü\ud800",
  "x".repeat(70_000),
  UNREADABLE,
  ...PATHS,
];

const realStdin = Object.getOwnPropertyDescriptor(process, "stdin") ?? {};
let output = "";
beforeEach(() => {
  output = "";
  Object.defineProperty(process, "stdin", { configurable: true, get: () => Readable.from([]) });
  vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    output += String(text);
    return true;
  });
  vi.stubEnv("XDG_CONFIG_HOME", join(folder, "config"));
  vi.stubEnv("REMOTEGPU_SERVER", "http://127.0.0.1:1");
  vi.stubEnv("REMOTEGPU_KEY", "rgk_nobody");
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  Object.defineProperty(process, "stdin", realStdin);
  process.exitCode = undefined;
});

async function typed(words: string[]): Promise<{ exitCode: number; output: string }> {
  output = "";
  try {
    await remotegpu().parseAsync(words, { from: "user" });
    return { exitCode: Number(process.exitCode ?? 0), output };
  } catch (error) {
    const failure = failureOf(error);
    return { exitCode: failure.exitCode, output: output + failure.text };
  } finally {
    process.exitCode = undefined;
  }
}

/** What is wrong with how a command ended; null where it ended as it should. */
function oddOf(words: readonly string[], end: { exitCode: number; output: string }): string | null {
  const isKnown = [0, ...Object.values(EXIT_CODES)].includes(end.exitCode);
  const isPlain = !/^\s+at /m.test(end.output) && !end.output.includes("This should not happen");
  const givesReason = end.exitCode === 0 || end.output.trim() !== "";
  if (isKnown && isPlain && givesReason) return null;
  return `${JSON.stringify(words).slice(0, 300)} ended with ${end.exitCode}: ${end.output.slice(0, 500)}`;
}

type Leaf = { words: string[]; command: Command };

function leaves(group: Group, before: string[] = []): Leaf[] {
  return group.members.flatMap((member) => {
    const words = [...before, member.name];
    return isGroup(member) ? leaves(member, words) : [{ words, command: member }];
  });
}

/** All but the one that removes the file it is given. */
const LEAVES = leaves(TREE).filter(({ words }) => words[0] !== "logout");

test("whatever is typed behind a command", async () => {
  const value = oneof({ weight: 3, arbitrary: constantFrom(...VALUES) }, { weight: 1, arbitrary: string() });
  const line = record({
    leaf: constantFrom(...LEAVES),
    values: array(record({ value, isGiven: boolean() }), { minLength: 12, maxLength: 12 }),
    more: array(value, { maxLength: 2 }),
    general: array(constantFrom("--json", "-o=wide", "--key", "--server", "--watch"), { maxLength: 1 }),
  });
  await assert(
    asyncProperty(line, async ({ leaf, values, more, general }) => {
      const words = [...leaf.words, ...general];
      leaf.command.fields.forEach(({ field }, at) => {
        const { value: given = "", isGiven = true } = values[at % values.length] ?? {};
        if (field.place === "argument") words.push(given);
        else if (isGiven) words.push(labelOf(field), ...(/[<[]/.test(field.flags) ? [given] : []));
      });
      words.push(...more);

      expect(oddOf(words, await typed(words))).toBeNull();
    }),
    { numRuns: 200, seed: 11 },
  );
});

test.each(PATHS.concat(UNREADABLE))("whatever a file is that is given: %s", async (file) => {
  const lines = [
    ["whoami", "--profile", file],
    ["logout", "--profile", join(file, "below")],
    ["verify-bill", file],
    ["ssh-key", "create", "mine", "--public-key", file],
    ["registry-credential", "add", "ghcr.io", "--username", "ada", "--password-file", file],
    ["login", "--key", "k", "--server", "https://127.0.0.1:1", "--ca", file],
    ["proof", "1", "--output", join(file, "below")],
  ];
  for (const words of lines) {
    vi.stubEnv("REMOTEGPU_KEY", words[0] === "whoami" ? undefined : "rgk_nobody");
    vi.stubEnv("REMOTEGPU_SERVER", words[0] === "whoami" ? undefined : "http://127.0.0.1:1");

    expect(oddOf(words, await typed(words))).toBeNull();
  }
});

/** What is asked of the server, of which none is there. */
test.each([
  ["before the environment", ["--profile", "PROFILE", "mine", "--", "ls", "--json"]],
  ["behind it, before the dashes", ["mine", "--profile", "PROFILE", "--", "ls", "--json"]],
])("options of exec stand %s", async (_where, words) => {
  vi.stubEnv("REMOTEGPU_SERVER", undefined);
  vi.stubEnv("REMOTEGPU_KEY", undefined);
  const profile = join(folder, "profile");

  const end = await typed(["env", "exec", ...words.map((word) => (word === "PROFILE" ? profile : word))]);

  expect(end).toMatchObject({ exitCode: 3, output: expect.stringContaining("http://127.0.0.1:1") });
});

test.each([
  ["mine", "--image", "x", "--", "python", "a.py"],
  ["--image", "x", "mine", "--", "sh", "-c", "echo -- two"],
  ["mine", "--image", "x", "--", "--", "--epochs"],
])("a job has its name before the dashes, and whatever it runs behind them: %s %s %s", async (...words) => {
  const end = await typed(["job", "create", ...words]);

  expect(end).toMatchObject({ exitCode: 3, output: expect.stringContaining("http://127.0.0.1:1") });
});

test("a folder is no profile that could be forgotten", async () => {
  const end = await typed(["logout", "--profile", join(folder, "directory")]);

  expect(end).toMatchObject({ exitCode: 2, output: expect.stringContaining("directory cannot be removed") });
});

test.each([
  [["env", "show"], "environment"],
  [["env", "create", "mine"], "--image"],
  [["env", "create", "mine", "--image", "x", "--memory", "much"], "--memory: Give a size"],
  [["job", "create", "mine", "--image", "x"], "Name what it runs"],
  [["job", "create", "mine", "--image", "x", "--command", "ls", "--", "ls"], "not both"],
  [["job", "create", "mine", "--image", "x", "python", "--epochs", "3"], "--epochs"],
  [["job", "create", "--image", "x", "--", "python", "a.py"], "<name> is missing: it stands before --"],
  [["job", "create", "--image", "x", "--", "python"], "<name> is missing: it stands before --"],
  [["job", "create", "--image", "x", "python", "a.py"], "a.py: the command stands behind --."],
  [
    ["job", "create", "mine", "--image", "x", "python", "--", "a.py"],
    "python: the command stands behind --.",
  ],
  [["env", "exec", "--", "ls"], "<environment> is missing: it stands before --"],
  [["env", "exec", "--", "ls", "-l"], "<environment> is missing: it stands before --"],
  [
    ["job", "create", "mine", "--image", "x", "--max-minutes", "1h", "--", "ls"],
    "--max-minutes: Give a whole",
  ],
  [["env", "list", "--nonsense"], "--nonsense"],
  [["env", "logs", "env-5b1f6c0e0a5b4c3d2e1f", "--tail", "few"], "--tail: Give a whole number."],
  [["customer", "top-up", "1", "a lot"], "<amount>: Give an amount"],
  [
    ["ssh-key", "create", "mine", "--public-key", "/no/such"],
    "--public-key: The file /no/such cannot be read.",
  ],
  [["nonsense"], "nonsense"],
  [["env", "exec", "mine", "--jsn", "--", "ls"], "--jsn is no option of exec"],
  [["env", "exec", "mine", "--json", "ls"], "--json: write -- between"],
])("%j is wrong usage, and the argument is named", async (words, named) => {
  const end = await typed(words);

  expect(end).toMatchObject({ exitCode: 2, output: expect.stringContaining(named) });
});
