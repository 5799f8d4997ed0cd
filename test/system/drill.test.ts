/**
 * A drill on a real agent with two simulated cards and a canary that holds one of them. Those of its faults that are over
 * in seconds are played to their end; all six, with systemd, by test/systemd/drill.proof.ts.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cleanUpDrill, drill, type DrillOptions } from "@remotegpu/agent/commands/drill";
import { UnplayableError } from "@remotegpu/agent/commands/drill/hands";
import { readConfig, type Config } from "@remotegpu/agent/config/config";
import { DrillFolder } from "@remotegpu/agent/host/drill-folder";
import { DRILL_FAULTS, type DrillFault } from "@remotegpu/shared/messages/drill-report";
import { docker } from "../support/containers/docker.ts";
import { eventually } from "../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House, type HostProcess } from "../support/worlds/house.ts";

const DISK_BYTES = 32 * 2 ** 30;
const ORDER = { image: BUSYBOX_IMAGE, cpu: 1, memory: 128 * 2 ** 20, gpu: 1 };
const QUICK: readonly DrillFault[] = ["agent-kill", "clock-jump"];

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
  await house.admin.put("/settings/HOST_DRILL_MAX_DAYS", { value: "30" });
  await house.admin.patch(`/hosts/${host.id}`, { labels: { drill: "1" } });
  const { id } = await house.customer.post("/environments", {
    ...ORDER,
    name: "canary",
    config: { host_labels: { drill: "1" } },
  });
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

async function play(options: Partial<DrillOptions> = {}): Promise<{ exitCode: number; lines: string[] }> {
  const lines: string[] = [];
  const exitCode = await drill(config, {
    canary,
    faults: QUICK,
    print: (line) => lines.push(line),
    hands: { killAgent, restartRuntime },
    // Other stories have containers of their own here.
    others: () => Promise.resolve([]),
    ...options,
  });
  return { exitCode, lines };
}

const restartRuntime = () => Promise.reject(new UnplayableError("the runtime here is everybody's"));

/** With it goes the canary's process, which no agent that is killed may cost. */
async function killAgent(): Promise<void> {
  await host.agent.kill();
  const [container] = await house.containersOf(host.id);
  await docker.getContainer(container?.id ?? "").restart({ t: 0 });
  host.agent.start();
}

const folder = () => new DrillFolder(host.folder);

test("an order that is no drill's canary waits for the certificate, and is told so", async () => {
  const { id } = await house.customer.post("/environments", { ...ORDER, name: "waiting" });

  await eventually(
    async () => {
      const { status_reason: why } = await house.customer.get(`/environments/${String(id)}`);
      return String(why).includes("it has no certificate of a drill");
    },
    { what: "the reason" },
  );

  expect((await house.admin.get(`/hosts/${host.id}`)).drill_detail_code).toBe("host-undrilled");
});

test("what cannot be a drill is refused, and nothing was played", async () => {
  await expect(play({ canary: "somebody" })).rejects.toThrow(`${canary} runs here, too`);
  await expect(play({ others: () => Promise.resolve(["postgres", "web"]) })).rejects.toThrow(
    "Containers run here that are not of this agent (postgres and 1 more)",
  );

  expect(existsSync(join(host.folder, "drill", "running.json"))).toBe(false);
});

test("what did not hold is named, what did is survived, and all of it is taken back", async () => {
  const { exitCode, lines } = await play();

  expect(lines).toEqual([
    expect.stringMatching(/^FAILED {2}agent-kill \(real\).*had been ended and started again/),
    expect.stringMatching(/^ok {6}clock-jump \(simulated\)/),
    "Not every fault was played: there is no certificate.",
  ]);
  expect(exitCode).toBe(1);
  expect(folder().certificate()).toBeNull();
});

test("what a killed drill has left is taken back by the agent, and by the unit's last command", async () => {
  folder().setSwitches({ pid: 2 ** 22 + 1, startTicks: 1, clockAheadMs: 1, lostCard: null });
  await execa("fallocate", ["--length", "1M", folder().fillerFile]);

  await eventually(() => folder().switches() === null && !existsSync(folder().fillerFile), {
    what: "the agent's tidying",
  });

  await execa("fallocate", ["--length", "1M", folder().fillerFile]);
  await cleanUpDrill(config);
  expect(existsSync(folder().fillerFile)).toBe(false);
});

test("a drill that failed is signed as such, and the host is told what did not hold", async () => {
  const { exitCode, lines } = await play({
    faults: DRILL_FAULTS,
    limits: { noticedMs: 0, overMs: 0 },
    hands: { killAgent: () => Promise.resolve(), restartRuntime },
  });

  expect(lines.at(-1)).toMatch(/^Failed: .*runtime-restart.*\. There is no certificate\.$/);
  expect(exitCode).toBe(1);
  const seen = await eventually(
    async () => {
      const row = await house.admin.get(`/hosts/${host.id}`);
      return row.drill_detail_code === "host-drill-failed" && row;
    },
    { what: "the report" },
  );
  expect(seen.drill).toMatchObject({ passed: false });
  expect(seen.drill_detail).toContain("runtime-restart");
  expect(JSON.stringify(seen.drill)).toContain("It could not be played: the runtime here is everybody's");
  // It was filled, and nobody was given the time to notice it.
  expect(lines).toContainEqual(
    expect.stringMatching(/^FAILED {2}disk-full .*had not noticed it after 0 seconds/),
  );
  expect(existsSync(folder().fillerFile)).toBe(false);
  expect((await execa("iptables", ["-w", "60", "-S"])).stdout).not.toContain("RGPU-DRILL");
});
