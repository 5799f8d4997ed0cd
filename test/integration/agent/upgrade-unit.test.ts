/**
 * The upgrade unit on real files with a systemctl that is played: what comes of good and bad versions, killed after each thing
 * that is on the disk and started again, with one working version at every moment.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { UpgradeRequest } from "../../../agent/src/core/upgrade/upgrade-files.ts";
import { DurableDisk } from "../../../agent/src/host/upgrades/durable-disk.ts";
import { removeOldVersions } from "../../../agent/src/upgrade/old-folders.ts";
import { UpgradeHost } from "../../support/agent/upgrade-host.ts";

const [OLD, NEW] = ["1.0.0-111111111111", "2.0.0-222222222222"];
/** More than any upgrade has; one that is killed more often makes no headway. */
const MOST_STEPS = 60;

class Killed extends Error {}

let host: UpgradeHost;
let request: UpgradeRequest;
beforeEach(() => {
  host = new UpgradeHost();
  host.release(OLD);
  host.installed(OLD);
});
afterEach(() => host.close());

function offer(options: { agent?: string } = {}): void {
  request = host.release(NEW, options);
  host.folder.writeRequest(request);
}

const links = () => [
  host.folder.linked("current"),
  host.folder.linked("previous"),
  host.folder.linked("committed"),
];
const left = () =>
  readdirSync(host.opt).filter((name) => /^(upgrade\.json|upgrade-request|upgrade-failed)/.test(name));

test("a version that works is switched to, watched, and committed", async () => {
  offer();

  expect(await host.unit().run()).toBe("ended");

  expect(links()).toEqual([NEW, OLD, NEW]);
  expect([host.running(), host.running("files")]).toEqual([NEW, NEW]);
  expect(host.folder.results()).toMatchObject([
    { attempt: 1, from: OLD, to: NEW, result: "committed", reason: null },
  ]);
  expect(left()).toEqual([]);
  expect(host.read("units/remotegpu-agent.service")).toBe(`# agent of ${NEW} in ${host.opt}/\n`);
  expect(host.read("units/remotegpu-access.service")).toBe(`# access of ${NEW}\n`);
  expect(host.read("opt/upgrade.sh")).toBe(`# shell of ${NEW}\n`);
});

test("while it is on probation, access and the unit itself stay with the committed version", async () => {
  offer();

  expect(await host.unit({ turnMs: 0 }).run()).toBe("more");

  expect(links()).toEqual([NEW, OLD, OLD]);
  expect(existsSync(join(host.path, "units/remotegpu-access.service"))).toBe(false);
  expect(existsSync(join(host.opt, "upgrade.sh"))).toBe(false);
});

test("a version that fails is taken back, stopped before it is started, and refused from then on", async () => {
  offer();
  host.health = () => ({ unorderedEnds: 1 });

  await host.unit().run();

  expect(links()).toEqual([OLD, OLD, OLD]);
  expect(host.running()).toBe(OLD);
  expect(host.read("units/remotegpu-agent.service")).toBe(`# agent of ${OLD} in ${host.opt}/\n`);
  const units = "remotegpu-agent.service remotegpu-files.service";
  expect(
    host
      .calls()
      .filter((call) => !call.startsWith("show"))
      .slice(-3),
  ).toEqual([`stop ${units}`, `reset-failed ${units}`, `start --no-block ${units}`]);
  expect(host.folder.results()).toMatchObject([
    { result: "reverted", reason: { code: "upgrade-work-ended", params: { instances: 1 } } },
  ]);
  expect(host.folder.isRefused(request)).toBe(true);
});

test("a version that hangs is killed first, since it hears no order to end", async () => {
  offer();
  host.health = (nowMs) => ({ lastTickMs: nowMs - 100_000 });

  await host.unit().run();

  expect(host.folder.results()).toMatchObject([{ result: "reverted", reason: { code: "upgrade-hung" } }]);
  const calls = host.calls().filter((call) => /^(kill|stop|start)/.test(call));
  expect(calls.slice(-3).map((call) => call.split(" ")[0])).toEqual(["kill", "stop", "start"]);
  expect(host.running()).toBe(OLD);
});

test("a refused version is not tried again, until an operator allows it", async () => {
  offer();
  host.health = () => ({ unorderedEnds: 1 });
  await host.unit().run();
  const calls = host.calls().length;
  host.health = () => ({});
  host.folder.writeRequest({ ...request, requestedBy: "fleet" });
  await host.unit().run();

  expect(host.calls()).toHaveLength(calls);
  expect(host.folder.results()).toHaveLength(1);
  expect(left()).toEqual([]);
  expect(host.folder.allow(NEW)).toBe(true);
  host.folder.writeRequest(request);
  await host.unit().run();
  expect(links()).toEqual([NEW, OLD, NEW]);
});

test("a request for the version that runs does nothing", async () => {
  const running = host.release("3.0.0-333333333333");
  host.folder.writeRequest({ ...running, version: OLD });

  expect(await host.unit().run()).toBe("ended");

  expect([host.calls(), left(), host.folder.results()]).toEqual([[], [], []]);
});

test.each([
  [
    "self-test",
    'case $2 in self-test) echo "no nvidia-smi" >&2; exit 1 ;; esac',
    "upgrade-self-test-failed",
    "no nvidia-smi",
  ],
  [
    "look at the host",
    'case $2 in observe) echo "it would stop ins-1"; exit 1 ;; esac',
    "upgrade-plan-differs",
    "it would stop ins-1",
  ],
  ["Node", "kill -SEGV $$", "upgrade-self-test-failed", "it ended with SIGSEGV"],
])("a version whose %s fails changes nothing and is refused", async (_, agent, code, why) => {
  offer({ agent });

  await host.unit().run();

  expect(links()).toEqual([OLD, null, OLD]);
  expect(host.calls().filter((call) => /^(stop|start)/.test(call))).toEqual([]);
  expect(host.folder.results()).toMatchObject([{ result: "refused", reason: { code, params: { why } } }]);
  expect(host.folder.isRefused(request)).toBe(true);
});

test("a version that left the journal damaged on the disk is taken back at the end of its probation", async () => {
  offer({
    agent:
      'case "$2 $3" in "self-test --journal") echo "the journal\'s structure: malformed"; exit 1 ;; esac',
  });

  await host.unit().run();

  expect(links()).toEqual([OLD, OLD, OLD]);
  expect(host.folder.results()).toMatchObject([
    {
      result: "reverted",
      reason: { code: "upgrade-self-test-failed", params: { why: "the journal's structure: malformed" } },
    },
  ]);
  expect(host.folder.isRefused(request)).toBe(true);
});

test("where the agent does not run there is nothing to compare with: the self-test alone counts", async () => {
  offer({ agent: '[ "$2" != observe ]' });
  rmSync(join(host.path, "running/remotegpu-agent.service"));

  await host.unit().run();

  expect(host.folder.results()).toMatchObject([{ result: "committed" }]);
});

test("a release that lies here damaged is not begun, and may be mended", async () => {
  offer();
  appendFileSync(join(host.opt, NEW, "agent.mjs"), "x");

  await host.unit().run();

  expect(links()).toEqual([OLD, null, OLD]);
  expect(host.folder.results()).toMatchObject([
    { result: "refused", reason: { code: "upgrade-damaged", params: { file: "agent.mjs" } } },
  ]);
  expect(host.folder.isRefused(request)).toBe(false);
});

describe("killed after each thing that is on the disk", () => {
  /** Starts the unit until it is at its end, once killed after its `at`-th step. Returns how often it was killed. */
  async function untilEnded(at: number): Promise<number> {
    let steps = 0;
    let deaths = 0;
    const onStep = () => {
      expect(existsSync(join(host.opt, host.folder.linked("current") ?? "none", "MANIFEST"))).toBe(true);
      steps += 1;
      if (steps === at) throw new Killed();
    };
    for (let starts = 0; starts < MOST_STEPS; starts += 1)
      try {
        await host.unit({ onStep }).run();
        return deaths;
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        deaths += 1;
      }
    throw new Error("it made no headway");
  }

  test.each([
    ["good", {}, [NEW, OLD, NEW], "committed"],
    ["bad", { unorderedEnds: 1 }, [OLD, OLD, OLD], "reverted"],
  ])("a %s version comes to the same end, whenever that happens", async (_, health, expected, result) => {
    let at = 1;
    for (; at < MOST_STEPS; at += 1) {
      host.close();
      host = new UpgradeHost();
      host.release(OLD);
      host.installed(OLD);
      offer();
      host.health = () => health;
      const deaths = await untilEnded(at);

      expect(links()).toEqual(expected);
      expect(host.running()).toBe(expected[0]);
      expect(host.folder.results().map((one) => one.result)).toEqual([result]);
      expect(left()).toEqual([]);
      if (deaths === 0) break;
    }
    // So many things did it leave on the disk; the run after them was not killed.
    expect(at).toBeGreaterThan(15);
    expect(at).toBeLessThan(MOST_STEPS);
  });

  test("killed between the links and the start, the agent is started all the same", async () => {
    offer();
    const unit = host.unit({
      onStep: () => {
        if (host.folder.upgrade()?.phase === "probation") throw new Killed();
      },
    });
    await expect(unit.run()).rejects.toThrow(Killed);
    expect(host.running()).toBeNull();

    await host.unit().run();

    expect(host.running()).toBe(NEW);
  });
});

describe("by the control plane's hash", () => {
  const requests: string[] = [];
  let spoiled = "";
  const server = createServer((asked, response) => {
    const name = (asked.url ?? "").replace("/bundles/", "");
    requests.push(name);
    const path = join(host.path, "shelf", name);
    if (!existsSync(path)) response.writeHead(404).end();
    else response.end(name === spoiled ? "spoiled" : readFileSync(path));
  });
  beforeEach(async () => {
    requests.length = 0;
    spoiled = "";
    request = host.release(NEW);
    new DurableDisk().rename(join(host.opt, NEW), join(host.path, "shelf"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    host.folder.writeRequest({ ...request, requestedBy: "fleet", source: `http://127.0.0.1:${port}` });
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test("a release is fetched, but for what the running version has", async () => {
    await host.unit().run();

    expect(links()).toEqual([NEW, OLD, NEW]);
    expect(requests).toContain("agent.mjs");
    expect(requests).not.toContain("node");
    expect(readFileSync(join(host.opt, NEW, "agent.mjs"), "utf8")).toBe(NEW);
  });

  test("a file that is not the listed one ends it, and the fleet's next request waits", async () => {
    spoiled = "agent.mjs";
    await host.unit().run();
    const again = host.folder.results();
    host.folder.writeRequest({ ...request, requestedBy: "fleet", source: "http://127.0.0.1:1" });
    await host.unit().run();

    expect(again).toMatchObject([{ result: "refused", reason: { code: "upgrade-damaged" } }]);
    expect(host.folder.results()).toEqual(again);
    expect(existsSync(join(host.opt, NEW))).toBe(false);
  });

  test("a list with another hash is fetched and left at that", async () => {
    spoiled = "MANIFEST";

    await host.unit().run();

    expect(requests).toEqual(["MANIFEST"]);
    expect(host.folder.results()).toMatchObject([
      { result: "refused", reason: { code: "upgrade-damaged", params: { file: "MANIFEST" } } },
    ]);
  });

  test.each(["the operator's", "another", "no"])(
    "where the host has a key, %s signature decides",
    async (whose) => {
      const [own, other] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
      writeFileSync(
        join(host.path, "etc/release.pub"),
        own.publicKey.export({ type: "spki", format: "pem" }),
      );
      const key = whose === "another" ? other.privateKey : own.privateKey;
      const signature = sign(null, readFileSync(join(host.path, "shelf/MANIFEST")), key).toString("base64");
      if (whose !== "no") writeFileSync(join(host.path, "shelf/MANIFEST.sig"), `${signature}\n`);

      await host.unit().run();

      const code = whose === "no" ? "upgrade-not-fetched" : "upgrade-not-signed";
      const refused = { result: "refused", reason: { code } };
      expect(host.folder.results()).toMatchObject([
        whose === "the operator's" ? { result: "committed" } : refused,
      ]);
    },
  );
});

describe("versions of before", () => {
  const removed = (nowMs: number) =>
    removeOldVersions({ folder: host.folder, disk: new DurableDisk() }, nowMs);
  const nextDay = Date.parse("2030-01-02T00:00:01Z");

  test("the one before a commit stays while it is linked, and goes a day after it was left", async () => {
    offer();
    await host.unit().run();
    expect(removed(nextDay)).toEqual([]);
    const third = host.release("3.0.0-333333333333");
    host.folder.writeRequest(third);
    await host.unit().run();

    expect(removed(Date.parse("2030-01-01T23:59:00Z"))).toEqual([]);
    expect(removed(nextDay)).toEqual([OLD]);
    expect(links()).toEqual([third.version, NEW, third.version]);
  });

  test("after a revert the version that runs stays, and the one that failed goes", async () => {
    offer();
    host.health = () => ({ unorderedEnds: 1 });
    await host.unit().run();

    expect(removed(nextDay)).toEqual([NEW]);
    expect(existsSync(join(host.opt, OLD, "MANIFEST"))).toBe(true);
  });

  test("one that a process still runs from stays", async () => {
    offer();
    host.health = () => ({ unorderedEnds: 1 });
    await host.unit().run();
    const program = join(host.opt, NEW, "held");
    copyFileSync("/bin/sleep", program);
    const held = spawn(program, ["60"]);
    await once(held, "spawn");

    expect(removed(nextDay)).toEqual([]);
    held.kill();
    await once(held, "exit");
    expect(removed(nextDay)).toEqual([NEW]);
  });
});
