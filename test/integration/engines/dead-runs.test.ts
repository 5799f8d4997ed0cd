/** What a run of the suite that was killed left behind is removed by the next, and nothing that is somebody's. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { ContainerGroups } from "@remotegpu/agent/host/processes/container-groups";
import { leftOnHost, processesIn } from "../../support/containers/leftovers.ts";
import { ownedName } from "../../support/containers/owned-name.ts";
import removeOfDeadRuns from "../../support/suite/dead-runs.ts";

const KILLED = new URL("../../fixtures/killed-run.ts", import.meta.url).pathname;
const Left = z.object({
  runtime: z.string(),
  container: z.string(),
  line: z.string(),
  hostId: z.string(),
  folder: z.string(),
});

const networks = () => readdirSync("/run/netns");

test("what a killed run left is removed by the next one, and what a living one uses stays", async () => {
  const killed = spawn(process.execPath, [KILLED], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: killed.stdout }), "line");
  const left = Left.parse(JSON.parse(String(line)));
  const living = {
    network: `${ownedName("line")}living`,
    folder: mkdtempSync(join(tmpdir(), ownedName("house"))),
  };
  await execa("ip", ["netns", "add", living.network]);
  onTestFinished(async () => {
    await execa("ip", ["netns", "delete", living.network]);
    rmSync(living.folder, { recursive: true });
  });
  await removeOfDeadRuns();
  expect(networks()).toEqual(expect.arrayContaining([left.runtime, left.line, living.network]));
  expect(await leftOnHost(left.hostId)).toHaveLength(1);

  killed.kill("SIGKILL");
  await once(killed, "exit");
  await removeOfDeadRuns();

  expect(networks().filter((name) => [left.runtime, left.line].includes(name))).toEqual([]);
  expect(processesIn(left.runtime)).toEqual([]);
  expect(new ContainerGroups().processesOf(left.container)).toEqual([]);
  expect([join(tmpdir(), left.runtime), left.folder].filter(existsSync)).toEqual([]);
  expect(await leftOnHost(left.hostId)).toEqual([]);
  expect(networks()).toContain(living.network);
  expect(existsSync(living.folder)).toBe(true);
});
