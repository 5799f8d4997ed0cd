/**
 * A desktop by RDP: an image by the recipe, an environment of it, xfreerdp through the leased port with the address and
 * the password that the command gave. A wrong password, and that of before a restart, begin no desktop.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { docker } from "../support/containers/docker.ts";
import { eventually } from "../support/eventually.ts";
import { rdpHandshake } from "../support/rdp.ts";
import { commandFile } from "../support/suite/command-file.ts";
import { House } from "../support/worlds/house.ts";
import { ended, Screen } from "./screen.ts";
import { freePort } from "../support/engines/free-ports.ts";

const IMAGE = "remotegpu-proof/desktop:1";
const RECIPE = new URL("../../agent/install/build-desktop-image.sh", import.meta.url).pathname;
const WITHIN_MS = 120_000;
const PASSWORD = /^Password for root \(shown this once\): (\S+)$/m;

const ending = new AsyncDisposableStack();
let house: House;
let screen: Screen;
let file: string;
const clients: ChildProcess[] = [];

beforeAll(async () => {
  const isHere = await docker
    .getImage(IMAGE)
    .inspect()
    .then(
      () => true,
      () => false,
    );
  if (!isHere) await execa("sh", [RECIPE, IMAGE], { stdin: "ignore" });
  screen = ending.adopt(await Screen.open(), (one) => one.close());
  house = ending.adopt(await House.open({ hosts: 1 }), (one) => one.close());
  file = join(house.folder, "desk.rdp");
  await house.admin.post("/images", { name: IMAGE });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await ended(client);
});
afterAll(() => ending.disposeAsync());

const cli = async (...args: string[]) => {
  const done = await house.cli(args);
  if (done.exitCode !== 0) throw new Error(`${args.join(" ")}: ${done.stderr}`);
  return done;
};
async function opened(): Promise<string> {
  const done = await eventually(
    async () => {
      const tried = await house.cli(["open", "desk", "rdp", "--file", file]);
      return tried.exitCode === 0 && tried;
    },
    { withinMs: WITHIN_MS, what: "an answer of xrdp" },
  );
  return PASSWORD.exec(done.stderr)?.[1] ?? "";
}
async function processes(): Promise<string> {
  const [container] = await house.containersOf(house.hosts[0]?.id ?? "");
  return (await execa("docker", ["top", container?.id ?? "", "-o", "pid,args"])).stdout;
}
const log = async () => (await cli("env", "logs", "desk", "--service", "rdp")).stdout;
const refusals = (text: string) => text.split("AUTHFAIL").length - 1;

/** Where the file leads to. */
async function enters(password: string): Promise<void> {
  const [, address = ""] = /^full address:s:(\S+)\r$/m.exec(await readFile(file, "utf8")) ?? [];
  clients.push(screen.client(address, password));
}

/** A password is there a moment after it was shown, and a client that came too early asks its person. */
async function getsDesktop(password: string): Promise<void> {
  await eventually(
    async () => {
      const before = refusals(await log());
      await enters(password);
      const isIn = async () => /icewm/.test(await processes());
      const isOut = async () => refusals(await log()) > before;
      await eventually(async () => (await isIn()) || (await isOut()), {
        withinMs: WITHIN_MS,
        what: "either",
      });
      if (await isIn()) return true;
      for (const client of clients.splice(0)) await ended(client);
      return false;
    },
    { withinMs: WITHIN_MS, what: "a desktop" },
  );
}

async function isRefused(password: string): Promise<void> {
  const before = refusals(await log());
  await enters(password);
  await eventually(async () => refusals(await log()) > before, { withinMs: WITHIN_MS, what: "a refusal" });
}

test("a wrong password begins no desktop", async () => {
  await cli("env", "create", "desk", "--image", IMAGE, "--rdp", "on", "--memory", "2G", "--cpu", "1");
  await opened();

  await isRefused("wrong-password");
  expect(await processes()).not.toContain("icewm");
});

let first = "";
test("the generated one does, and it is drawn on the client's screen", async () => {
  first = await opened();
  expect(first).toMatch(/^[a-z2-9-]{35}$/);

  await getsDesktop(first);
  const colours = await eventually(
    async () => {
      const now = await screen.colours();
      return now.length > 50 && now;
    },
    { withinMs: WITHIN_MS, what: "a picture of it" },
  );
  // Not one ground with a few dots on it.
  expect(colours.slice(1).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2_000);
  expect(await log()).not.toContain(first);
});

test("a port-forward leads there as well", async () => {
  const key = join(house.folder, "id");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  await cli("ssh-key", "add", `${key}.pub`);
  const here = await freePort();
  const ssh = ["--", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
  const words = [commandFile(), "port-forward", "desk", `3389:${here}`, ...ssh];
  const env = { REMOTEGPU_SERVER: house.url, REMOTEGPU_KEY: house.customerKey, HOME: house.folder };
  const forward = spawn(process.execPath, words, { env: { ...process.env, ...env }, stdio: "ignore" });
  try {
    const answer = async () => (await rdpHandshake(here).catch(() => null))?.isTls;
    expect(await eventually(answer, { withinMs: WITHIN_MS, what: "an answer of xrdp" })).toBe(true);
    await cli("open", "desk", "rdp", "--file", file, "--through", String(here));
  } finally {
    forward.kill();
  }
});

test("the next start has a password of its own, and knows the one of before no more", async () => {
  await cli("env", "restart", "desk");
  const next = await opened();
  expect(next).not.toBe(first);

  await isRefused(first);
  expect(await processes()).not.toContain("icewm");
  await getsDesktop(next);
});
