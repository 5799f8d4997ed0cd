/** What the commands of the repository say before they set anything up. A whole set-up is played by proof:systemd. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;
const NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"];

let clone: string;

beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), "remotegpu-setup-"));
  chmodSync(clone, 0o755);
  mkdirSync(join(clone, ".setup"));
  copyFileSync(join(ROOT, ".setup/run"), join(clone, ".setup/run"));
});
afterAll(() => rmSync(clone, { recursive: true, force: true }));

test.each([
  ["start", "npm start"],
  ["test", "npm test"],
  ["demo", "npm run demo"],
])("%s without root is refused in one line that names the command", async (command, typed) => {
  const run = ["sh", join(clone, ".setup/run"), command];

  const { exitCode, stdout, stderr } = await execa("setpriv", [...NOBODY, ...run], { reject: false });

  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toMatch(new RegExp(`^${typed} needs root: [^\n]* Try: sudo ${typed}$`));
});

test("every script of the repository is a command of the set-up", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const usage = /^command=\$\{1:\?usage: \.setup\/run ([\w|:]+)\}$/m.exec(
    readFileSync(join(ROOT, ".setup/run"), "utf8"),
  );
  const run = Object.values(scripts).map((line) => /\bexec sh \.setup\/run ([\w:]+)/.exec(line)?.[1]);

  expect(run.length).toBeGreaterThan(5);
  expect(usage?.[1]?.split("|")).toEqual(expect.arrayContaining(run));
});
