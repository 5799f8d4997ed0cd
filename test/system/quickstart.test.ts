/** `npm start` and `npm run demo` as a person types them, on folders and ports of the test's own. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { readKernelLimits } from "@remotegpu/agent/host/kernel-limits";
import { PathClient } from "../support/http/path-client.ts";
import {
  ensureStarterImage,
  removeStarterImage,
} from "@remotegpu/control-plane/server/quickstart/starter-image";
import { hasBrowser, openPage } from "../support/engines/chromium/browser.ts";
import { COMPILED } from "../support/suite/compiled.ts";
import { docker } from "../support/containers/docker.ts";
import { eventually } from "../support/eventually.ts";
import { endProcessesIn, leftOnHost, processesIn, removeFromHost } from "../support/containers/leftovers.ts";
import { typed, untrueAfterStart, untrueOfStart } from "../support/pages/after-start.ts";
import { CLEAN, START } from "../support/pages/classes.ts";
import { freePort } from "../support/engines/free-ports.ts";

const REPOSITORY = new URL("../..", import.meta.url).pathname;
const RUNS_WITHIN_MS = 120_000;
const ENDS_WITHIN_MS = 120_000;
const ALL_OF_IT_MS = 400_000;

const Credential = z.looseObject({ grant: z.looseObject({ host_id: z.string() }) });
const Stored = z.object({
  adminKey: z.string(),
  customerId: z.number(),
  customerKey: z.string(),
  environmentId: z.string(),
});

let folder: string;
let madeImage = false;
const hostIds: string[] = [];
const limitsBefore = readKernelLimits();

beforeAll(async () => {
  // Whoever makes the image may take it away again, and here one of the two must not do that to the other.
  madeImage = await ensureStarterImage();
  folder = mkdtempSync(join(tmpdir(), "remotegpu-quickstart-"));
  chmodSync(folder, 0o711);
});
afterAll(async () => {
  await endProcessesIn(folder);
  for (const hostId of hostIds) await removeFromHost(hostId);
  if (madeImage) await removeStarterImage();
  rmSync(folder, { recursive: true, force: true });
});

/** In a process group of its own, as a shell does it, so that Ctrl-C reaches all of it. */
function npm(args: string[], env: Record<string, string> = {}) {
  return execa("npm", args, {
    cwd: REPOSITORY,
    // npm itself would keep what it compiled in the folder for temporary files.
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...COMPILED, ...env },
    extendEnv: false,
    detached: true,
    reject: false,
    all: true,
    timeout: ALL_OF_IT_MS,
  });
}

/** The host that the agent in this folder has joined as. */
function hostIn(agentFolder: string): string {
  const file = join(agentFolder, "credential.json");
  const hostId = Credential.parse(JSON.parse(readFileSync(file, "utf8"))).grant.host_id;
  if (!hostIds.includes(hostId)) hostIds.push(hostId);
  return hostId;
}

function pidIn(stateFolder: string, command: string): number | undefined {
  return processesIn(stateFolder).find((pid) => commandLineOf(pid).includes(command));
}

/** Of what a program said, in an error. */
const PRINTED = 2_000;

/** How many containers of the host run now. */
async function runningOn(hostId: string): Promise<number> {
  const filters = JSON.stringify({ label: [`remotegpu.host=${hostId}`] });
  return (await docker.listContainers({ filters })).length;
}

/** Empty where it has just ended. */
function commandLineOf(pid: number): string {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) ? readFileSync(file, "utf8").replaceAll("\0", " ") : "";
}

async function expectNothingLeftBy(hostId: string, stateFolder: string, output = ""): Promise<void> {
  await eventually(() => processesIn(stateFolder).length === 0, {
    withinMs: ENDS_WITHIN_MS,
    what: `the end of all processes of ${stateFolder}`,
  }).catch((cause: unknown) => {
    const left = processesIn(stateFolder).map(commandLineOf).join("; ");
    throw new Error(`left are ${left}; npm start said ${output.slice(-PRINTED)}`, { cause });
  });
  expect(await leftOnHost(hostId)).toEqual([]);
}

/** Where each link that was printed led at first and the second time, as whom; null: it logged nobody in. */
const ledTo: (string | null)[][] = [];

/** In a browser that nobody is logged in with. */
async function leadsTo(link: string, whenOver: Parameters<typeof openPage>[0]): Promise<string | null> {
  const page = await openPage(whenOver);
  await page.goto(link);
  await page.waitForSelector('nav a[aria-current], [role="alert"]');
  const isIn = (await page.$("nav a[aria-current]")) !== null;
  const account =
    isIn && (await page.$eval("[aria-label^='Account']", (one) => one.getAttribute("aria-label")));
  const { pathname } = new URL(page.url());
  await page.close();
  return isIn ? `${pathname} ${String(account)}` : null;
}

// They mostly wait, for a first row of usage above all, so both go on at once.
test.concurrent(
  "npm start, and on it every command of the README and of the pages for customers and operators as documented; an agent and a control plane that die are started again; Ctrl-C ends all of it, whatever died just then, and keeps the state; the second start goes on with it, without the keys of the first, and calls the environment running once it runs; killed, it leaves nothing that runs",
  async ({ onTestFinished }) => {
    const state = join(folder, "start");
    const port = await freePort();
    const startUntil = async (line: string) => {
      const running = npm(["start", "--", "--state", state, "--port", String(port), "--simulated-gpus", "2"]);
      let output = "";
      running.all.on("data", (chunk) => (output += String(chunk)));
      let hasEnded = false;
      void running.finally(() => (hasEnded = true));
      await eventually(() => output.includes(line) || hasEnded, {
        withinMs: RUNS_WITHIN_MS,
        what: `npm start saying "${line}"`,
      });
      expect(output).toContain(line);
      return { running, output };
    };
    const stored = () => Stored.parse(JSON.parse(readFileSync(join(state, "kept.json"), "utf8")));

    const url = `http://127.0.0.1:${port}`;
    const first = await startUntil("removes all it kept.");
    const storedFirst = stored();
    const hostId = hostIn(join(state, "agent"));
    expect(untrueOfStart(START, first.output, { state, url })).toEqual([]);
    const { stdout: another } = await typed(
      `npx --no-install remotegpu --profile ${join(state, "profile.json")} dashboard`,
      folder,
    );
    const links = [...(first.output.match(/http:\/\/localhost:\S+#ticket=\S+/g) ?? []), another];
    if (hasBrowser)
      for (const link of links)
        ledTo.push([await leadsTo(link, onTestFinished), await leadsTo(link, onTestFinished)]);
    const [, enter = ""] = /Enter it: +(.*)/.exec(first.output) ?? [];
    expect(await typed(enter, folder)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("SMI") });
    expect(await untrueAfterStart({ state, url, hostId, folder: join(folder, "pages") })).toEqual([]);
    await eventually(async () => (await runningOn(hostId)) === 1, {
      withinMs: ENDS_WITHIN_MS,
      what: "the end of what the pages had",
    });
    expect(await leftOnHost(hostId)).toContainEqual(expect.stringMatching(/^container /));
    const agentPid = () => pidIn(join(state, "agent"), "agent/src/main.ts run");
    const controlPlanePid = () => pidIn(join(state, "control-plane"), "control-plane/server/main.ts run");
    const killedAndBack = async (pidOf: () => number | undefined, what: string) => {
      const dead = pidOf();
      process.kill(dead ?? 0, "SIGKILL");
      await eventually(() => pidOf() !== undefined && pidOf() !== dead, { withinMs: RUNS_WITHIN_MS, what });
    };
    await killedAndBack(agentPid, "another agent");
    await killedAndBack(controlPlanePid, "another control plane");
    await eventually(async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok === true, {
      withinMs: RUNS_WITHIN_MS,
      what: "the other control plane serving",
    });
    process.kill(agentPid() ?? 0, "SIGKILL");
    process.kill(controlPlanePid() ?? 0, "SIGKILL");
    process.kill(-(first.running.pid ?? 0), "SIGINT");
    const ended = await first.running;
    // Whichever of the two deaths was seen first.
    for (const one of ["agent", "control plane"])
      expect(ended.all).toMatch(new RegExp(`The ${one} is started again \\([12] of at most 5 times\\)\\.`));
    await expectNothingLeftBy(hostId, state, ended.all);
    expect(existsSync(join(state, "running.pid"))).toBe(false);

    const lost = { adminKey: "rgk_revoked", customerKey: "rgk_revoked" };
    writeFileSync(join(state, "kept.json"), JSON.stringify({ ...storedFirst, ...lost }));
    // To Postgres the environment runs, from before: nobody was there to stop it in order.
    const second = await startUntil("6. The environment");
    expect(await runningOn(hostId)).toBe(1);
    expect(second.output).toContain("This host joins the fleet again.");
    expect(second.output).not.toContain("4. Prices:");
    const { adminKey, customerKey, ...others } = stored();
    expect(others).toEqual({ customerId: storedFirst.customerId, environmentId: storedFirst.environmentId });
    const admin = new PathClient({ server: url, key: adminKey });
    const customer = new PathClient({ server: url, key: customerKey });
    expect(await admin.rows("/hosts")).toMatchObject([{ id: hostId, connection: "connected" }]);
    expect(await customer.rows("/environments")).toMatchObject([
      { id: storedFirst.environmentId, status: "running", host_id: hostId },
    ]);
    process.kill(Number(readFileSync(join(state, "running.pid"), "utf8")), "SIGKILL");
    await second.running;
    await expectNothingLeftBy(hostId, state);

    const cleaned = await npm(["start", "--", "--state", state, "--clean"]);
    expect(cleaned).toMatchObject({ exitCode: 0 });
    expect(untrueOfStart(CLEAN, cleaned.all, { state, url })).toEqual([]);
    expect(existsSync(state)).toBe(false);
  },
  ALL_OF_IT_MS,
);

test.concurrent(
  "npm run demo plays the whole story by itself, checks the bill and leaves nothing",
  async () => {
    const scratch = join(folder, "demo");
    mkdirSync(scratch, { mode: 0o711 });
    const playing = npm(["run", "demo"], { TMPDIR: scratch });
    const joined = eventually(
      () => {
        const [root = "none"] = readdirSync(scratch).filter((name) => name.startsWith("remotegpu-demo-"));
        return hostIn(join(scratch, root, "agent"));
      },
      { withinMs: RUNS_WITHIN_MS, what: "the demo's host" },
    );

    const [done, hostId] = await Promise.all([playing, joined]);

    expect(done.all).toContain("checked: every started minute is billed once");
    expect(done.all).toContain("Everything of the demo is cleaned away.");
    expect(done).toMatchObject({ exitCode: 0 });
    await expectNothingLeftBy(hostId, scratch);
    expect(readdirSync(scratch)).toEqual([]);
  },
  ALL_OF_IT_MS,
);

test.skipIf(!hasBrowser)(
  "the links that npm start and remotegpu dashboard print each log one browser in (left out where Chromium is not installed)",
  () => {
    expect(ledTo).toEqual([
      ["/environments Account: you", null],
      ["/fleet Account: admin", null],
      ["/environments Account: you", null],
    ]);
  },
);

test("after both, the host has its own limits of the kernel again, though agents were killed in between", () => {
  expect(readKernelLimits()).toEqual(limitsBefore);
});
