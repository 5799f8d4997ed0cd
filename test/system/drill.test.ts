/**
 * A drill on a real agent with two simulated cards and a canary that holds one of them: every fault is played but the
 * restart of the runtime, which is everybody's here.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cleanUpDrill, drill, type DrillOptions } from "@remotegpu/agent/commands/drill";
import { readConfig, type Config } from "@remotegpu/agent/config/config";
import { DrillFolder } from "@remotegpu/agent/host/drill-folder";
import { DRILL_FAULTS, readDrillDocument } from "@remotegpu/shared/messages/drill-report";
import { docker } from "../support/containers/docker.ts";
import { eventually } from "../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House, type HostProcess } from "../support/worlds/house.ts";

const DISK_BYTES = 32 * 2 ** 30;
const DRILL_MS = 480_000;

let house: House;
let host: HostProcess;
let disk: string;
let config: Config;
let canary: string;

beforeAll(async () => {
  house = await House.open({ hosts: 0 });
  // A disk of its own, so that filling it is nobody else's trouble. It is a file without content that is never written whole.
  disk = join(house.folder, "agent-1");
  const image = join(house.folder, "disk.img");
  mkdirSync(disk, { mode: 0o711 });
  await execa("truncate", ["--size", String(DISK_BYTES), image]);
  await execa("mkfs.ext4", ["-q", "-N", "65536", image]);
  await execa("mount", ["-o", "loop", image, disk]);
  host = await house.addHost({ REMOTEGPU_SIMULATED_GPUS: "2", REMOTEGPU_DISK_FREE: "3" });
  config = readConfig({
    REMOTEGPU_STATE_DIR: host.folder,
    REMOTEGPU_SERVER: house.url,
    REMOTEGPU_DISK_FREE: "3",
  });
  const order = { image: BUSYBOX_IMAGE, cpu: 1, memory: 128 * 2 ** 20, gpu: 1, name: "canary" };
  const { id } = await house.customer.post("/environments", order);
  await house.environment(String(id), "running");
  const opened = await host.agent.command("open-runs");
  canary = opened.stdout.split(" ")[0] ?? "";
});
afterAll(async () => {
  await host?.agent.stop();
  await host?.access.stop();
  if (disk !== undefined) await execa("umount", ["--lazy", disk], { reject: false });
  await house?.close();
});

async function play(options: Partial<DrillOptions>): Promise<{ exitCode: number; lines: string[] }> {
  const lines: string[] = [];
  const exitCode = await drill(config, {
    canary,
    faults: DRILL_FAULTS,
    print: (line) => lines.push(line),
    hands: {
      async killAgent() {
        await host.agent.kill();
        host.agent.start();
      },
      restartRuntime: async () => undefined,
    },
    ...options,
  });
  return { exitCode, lines };
}

const containers = async () => (await house.containersOf(host.id)).map(({ pid }) => pid);
const chains = async () => (await execa("iptables", ["-w", "5", "-S"])).stdout;

test("what cannot be a drill is refused, and nothing was played", async () => {
  await expect(play({ canary: "somebody" })).rejects.toThrow(`${canary} runs here, too`);
  expect(existsSync(join(host.folder, "drill", "running.json"))).toBe(false);
});

test(
  "a canary that dies with a fault fails it by name, and gives no certificate",
  { timeout: DRILL_MS },
  async () => {
    const { exitCode, lines } = await play({
      faults: ["agent-kill"],
      hands: {
        async killAgent() {
          await host.agent.kill();
          const [container] = await house.containersOf(host.id);
          await docker.getContainer(container?.id ?? "").restart({ t: 0 });
          host.agent.start();
        },
        restartRuntime: async () => undefined,
      },
    });

    expect(lines.join("\n")).toMatch(/^FAILED {2}agent-kill \(real\).*ended and started again/);
    expect(exitCode).toBe(1);
    expect(new DrillFolder(host.folder).certificate()).toBeNull();
  },
);

test("an agent that does not come back fails the drill by name", { timeout: DRILL_MS }, async () => {
  const { exitCode, lines } = await play({
    faults: ["agent-kill"],
    limits: { noticedMs: 3_000, overMs: 3_000 },
    hands: { killAgent: () => host.agent.kill(), restartRuntime: async () => undefined },
  });
  host.agent.start();
  await house.isOnline(host.id);

  expect(lines.join("\n")).toMatch(/^FAILED {2}agent-kill \(real\).*not noticed it after 3 seconds/);
  expect(exitCode).toBe(1);
});

test("what a killed drill has left is taken back by the agent, and by the unit's last command", async () => {
  const folder = new DrillFolder(host.folder);
  folder.setSwitches({ pid: 2 ** 22 + 1, startTicks: 1, clockAheadMs: 1, lostCard: null });
  await execa("fallocate", ["--length", "1M", folder.fillerFile]);

  await eventually(() => folder.switches() === null && !existsSync(folder.fillerFile), {
    what: "the agent's tidying",
  });

  await execa("fallocate", ["--length", "1M", folder.fillerFile]);
  await cleanUpDrill(config);
  expect(existsSync(folder.fillerFile)).toBe(false);
});

test(
  "every fault is noticed and survived: the canary is one process from first to last, and the certificate is signed",
  { timeout: DRILL_MS },
  async () => {
    const before = await containers();

    const { exitCode, lines } = await play({});

    expect(lines.slice(0, -1).map((line) => line.split(/ +/).slice(0, 2).join(" "))).toEqual(
      DRILL_FAULTS.map((fault) => `ok ${fault}`),
    );
    expect(exitCode).toBe(0);
    expect(await containers()).toEqual(before);
    expect(existsSync(new DrillFolder(host.folder).fillerFile)).toBe(false);
    expect(await chains()).not.toContain("RGPU-DRILL");
    const { document = "" } = new DrillFolder(host.folder).certificate() ?? {};
    expect(readDrillDocument(document)).toMatchObject({
      hostId: host.id,
      canary,
      gpus: [expect.any(String), expect.any(String)],
      faults: DRILL_FAULTS.map((fault) => ({ fault, result: "passed", reason: null })),
    });
  },
);
