/** What `npm start` does with the folder, the port and the count it is given, before it has started anything. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";

const STARTER = new URL("../../../control-plane/server/quickstart/main.ts", import.meta.url).pathname;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-start-folder-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(...args: string[]) {
  return execa(process.execPath, [STARTER, "start", ...args], { reject: false, timeout: 60_000 });
}

test("--clean leaves a folder alone that npm start has not made", async () => {
  writeFileSync(join(folder, "thesis.txt"), "years of work");

  const done = await start("--clean", "--state", folder);

  expect(done).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("so it stays") });
  expect(readdirSync(folder)).toEqual(["thesis.txt"]);
});

test.each([[".remotegpu-start"], ["kept.json", "control-plane/operator.json"]])(
  "--clean removes a folder with the mark of npm start: %s",
  async (...marks) => {
    mkdirSync(join(folder, "control-plane"));
    for (const mark of marks) writeFileSync(join(folder, mark), "{}");

    const done = await start("--clean", "--state", folder);

    expect(done).toMatchObject({ exitCode: 0, stdout: `${folder} is removed.` });
    expect(existsSync(folder)).toBe(false);
  },
);

test("a folder with somebody's files is not taken for the state", async () => {
  writeFileSync(join(folder, "thesis.txt"), "years of work");

  const done = await start("--state", folder, "--port", String(await closedPort()));

  expect(done).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("has not made") });
  expect(readdirSync(folder)).toEqual(["thesis.txt"]);
});

test("a start that is refused for a taken port leaves no folder", async () => {
  const server = createServer();
  onTestFinished(() => void server.close());
  const port = await listening(server);
  const state = join(folder, "state");

  const done = await start("--state", state, "--port", String(port));

  expect(done).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`Port ${port} is taken`) });
  expect(existsSync(state)).toBe(false);
});

test("a control plane that cannot start at all is not tried again, and has its last words", async () => {
  writeFileSync(join(folder, ".remotegpu-start"), "");
  writeFileSync(join(folder, "control-plane"), "no folder");

  const done = await start("--state", folder, "--port", String(await closedPort()));

  expect(done).toMatchObject({
    exitCode: 1,
    stdout: expect.not.stringContaining("started again"),
    stderr: expect.stringMatching(
      /The control plane ended unexpectedly\. Its last words:\n[^]*control-plane/,
    ),
  });
});

test.each(["-1", "17", "two", "1.5", ""])("%j is no count of simulated GPUs", async (count) => {
  const done = await start("--state", join(folder, "state"), `--simulated-gpus=${count}`);

  expect(done).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("a number from 0 to 16") });
  expect(existsSync(join(folder, "state"))).toBe(false);
});

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** One that is free when nobody took it just now. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
