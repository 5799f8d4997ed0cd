/** Which public key is sent: of a file, of ssh's folder, of a real ssh-agent. Secret ones never are. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { commandApi } from "../../../../support/http/command-api.ts";
import type { Row } from "../../../../support/http/path-client.ts";
import { KEY_ADD } from "@remotegpu/control-plane/cli/ssh/key-add";

let folder: string;
let home: string;
let sent: Row[];
let agent: { socket: string; pid: number };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rg-key-add-"));
  const reported = execFileSync("ssh-agent", ["-s"], { encoding: "utf8" });
  const [, socket = ""] = /SSH_AUTH_SOCK=([^;]+)/.exec(reported) ?? [];
  const [, pid = ""] = /SSH_AGENT_PID=(\d+)/.exec(reported) ?? [];
  agent = { socket, pid: Number(pid) };
});
afterAll(() => {
  process.kill(agent.pid);
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  home = mkdtempSync(join(folder, "home-"));
  mkdirSync(join(home, ".ssh"));
  sent = [];
  vi.stubEnv("HOME", home);
  vi.stubEnv("SSH_AUTH_SOCK", agent.socket);
});
afterEach(() => {
  execFileSync("ssh-add", ["-D"], { stdio: "ignore", env: { ...process.env, SSH_AUTH_SOCK: agent.socket } });
  vi.unstubAllEnvs();
});

/** @returns its public line */
function newKey(name: string, comment: string): string {
  const file = join(home, ".ssh", name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file]);
  return readFileSync(`${file}.pub`, "utf8").trim();
}

/** It is in the agent alone. */
function toAgent(name: string): void {
  const file = join(home, ".ssh", name);
  execFileSync("ssh-add", ["-q", file], { stdio: "ignore" });
  rmSync(file);
  rmSync(`${file}.pub`);
}

async function add(raw: Record<string, unknown> = {}): Promise<Row> {
  const api = commandApi({
    post: (_: string, body: Row) => {
      sent.push(body);
      return Promise.resolve({ id: 1, ...body });
    },
  });
  const output = { format: "table" as const, width: null, nowMs: 0, write: () => undefined };
  await KEY_ADD.perform({ api, output, where: {} }, raw);
  return sent[0] ?? {};
}

test("the only key of ssh's folder is added under its own comment", async () => {
  const line = newKey("id_ed25519", "ada@laptop");

  expect(await add()).toEqual({ name: "ada@laptop", public_key: line });
});

test("one that is in an agent alone is found there, also by its comment among several", async () => {
  const line = newKey("hardware", "ada's token");
  toAgent("hardware");
  expect(await add()).toEqual({ name: "ada's token", public_key: line });

  newKey("id_ed25519", "ada@laptop");
  sent = [];

  expect(await add({ file: "ada's token", name: "token" })).toEqual({ name: "token", public_key: line });
});

test("of several each is listed, and none is sent", async () => {
  newKey("id_ed25519", "ada@laptop");
  newKey("work", "ada\u001b[2J@work");

  await expect(add()).rejects.toThrow(
    /^2 public keys are here:\n {2}1\) .*id_ed25519\.pub .* ada@laptop\n {2}2\) /,
  );
  await expect(add()).rejects.toThrow("Name one by its file, or by the comment at its end.");
  await expect(add()).rejects.not.toThrow("\u001b");
  expect(sent).toEqual([]);
});

test("a secret key is sent to nobody: its public one is, where it lies beside it", async () => {
  const line = newKey("id_ed25519", "ada@laptop");
  const secret = join(home, ".ssh", "id_ed25519");
  expect(await add({ file: secret })).toEqual({ name: "ada@laptop", public_key: line });
  sent = [];
  renameSync(`${secret}.pub`, `${secret}.elsewhere`);

  await expect(add({ file: secret })).rejects.toThrow("is a secret key, which is sent to nobody");

  writeFileSync(`${secret}.pub`, readFileSync(secret));
  await expect(add({ file: `${secret}.pub` })).rejects.toThrow("is a secret key");
  await expect(add()).rejects.toThrow("is a secret key");
  expect(sent).toEqual([]);
});

test("without any key it names what to do", async () => {
  await expect(add()).rejects.toThrow(
    "There is no public key here. Make one (ssh-keygen -t ed25519), or name a file.",
  );
  await expect(add({ file: "nothing" })).rejects.toThrow("The file nothing cannot be read.");
});
