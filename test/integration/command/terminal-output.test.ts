/** What the command prints at a real terminal, and into a pipe, of what containers, names and servers say. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildCli } from "../../../control-plane/install/build-cli.ts";
import { NODE } from "../../support/suite/commands-node.ts";

const ESC = "\u001b";
const HOSTILE = "\u001b]0;owned\u0007\u001b[2J\u009b6n\u001b[31mred\u001b[0m\r\u202eend\n";
const LISTED = "\u001b[31mred\u001b[0m\nend\n";
/** Nothing but text, colours and ends of lines, as a terminal writes those. */
const HARMLESS = new RegExp(
  `^(?:[\\n\\r\\t\\u0020-\\u007e\\u00a0-\\u2029\\u202f-\\u2065\\u206a-\\uffff]|${ESC}\\[[\\d;:]*m)*$`,
);
let folder: string;
let server: Server;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-terminal-"));
  writeFileSync(join(folder, "remotegpu.mjs"), await buildCli());
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://server");
    const output = answerOf(pathname);
    response.writeHead(output.status ?? 200, { "Content-Type": "application/json" });
    response.end(output.text);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

function answerOf(path: string): { status?: number; text: string } {
  if (path.endsWith("/logs")) return { text: HOSTILE };
  if (path.endsWith("/exec")) {
    const bytes = Buffer.from(HOSTILE).toString("base64");
    return { text: JSON.stringify({ exit_code: 0, stdout: bytes, stderr: bytes, truncated: false }) };
  }
  const resource = { id: "one-1", name: `lab${HOSTILE}`, status: "running", status_reason: HOSTILE, rank: 0 };
  if (path.endsWith("/stop"))
    return { status: 409, text: JSON.stringify({ title: "no", status: 409, detail: HOSTILE }) };
  if (path.endsWith("one-1")) {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { text: JSON.stringify({ ...resource, endpoint_url: `${origin}/a/logs?` }) };
  }
  return { text: JSON.stringify({ items: [resource], next_cursor: null }) };
}

const environment = () => ({
  HOME: folder,
  PATH: process.env["PATH"] ?? "",
  TERM: "xterm",
  REMOTEGPU_SERVER: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  REMOTEGPU_KEY: "k",
});

/** With both outputs at a terminal, or in a pipe. */
async function printed(words: string, at: "terminal" | "pipe"): Promise<string> {
  const line = `${NODE} ${join(folder, "remotegpu.mjs")} ${words}`;
  const command: [string, string[]] =
    at === "pipe" ? ["sh", ["-c", line]] : ["script", ["--quiet", "--flush", "--command", line, "/dev/null"]];
  const { stdout } = await execa(...command, {
    env: environment(),
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    stripFinalNewline: false,
    encoding: "buffer",
  });
  return Buffer.from(stdout).toString();
}
const atTerminal = async (words: string) => (await printed(words, "terminal")).replaceAll("\r\n", "\n");

test.each([
  "job logs one-1",
  "env logs one-1",
  "service logs one-1",
  "env exec one-1 -- any",
  "service curl one-1 /x",
])(
  "%s gives a terminal text and colours alone, a pipe every byte, and a terminal too with --raw",
  async (words) => {
    const [group = "", verb = "", ...rest] = words.split(" ");

    // What a command prints on either output comes here by one.
    expect([LISTED, `${LISTED}${LISTED}`]).toContain(await atTerminal(words));
    expect(await printed(words, "pipe")).toBe(HOSTILE);
    expect(await atTerminal([group, verb, "--raw", ...rest].join(" "))).toContain(HOSTILE);
  },
);

test("what several ranks print is distinguished, whatever one of them prints", async () => {
  expect(await atTerminal("job logs --all-ranks one-1")).toBe(`[0] ${LISTED.replace("\nend", "\n[0] end")}`);
  expect(await printed("job logs --all-ranks one-1", "pipe")).toBe(`[0] ${HOSTILE}`);
});

test.each(["env list", "env show one-1", "env list --json", "env stop one-1", "job list -o wide"])(
  "%s shows names, reasons and errors as text",
  async (words) => {
    const text = await atTerminal(words);

    expect(text).toMatch(HARMLESS);
    expect(text).toContain("\\u00");
    expect(text).not.toContain("\u001b");
  },
);
