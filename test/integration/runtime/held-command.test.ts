/** A gang's rank: its container runs, and its command begins only when the host lays a file into its live folder. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { makeLiveFolder } from "@remotegpu/agent/toolbox/live-folder";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";
import { importUserImages, USER_BY_NUMBER } from "../../support/containers/images/user-images.ts";

let host: RuntimeUnderTest;

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  await importUserImages();
});

afterAll(() => host.end());

const rank = (name: string, command: string): DesiredInstance =>
  desiredOf(name, { image: USER_BY_NUMBER, gate: "released", command });

/** With its live folder, in which nothing lies yet. */
async function begin(order: DesiredInstance) {
  const livePath = await makeLiveFolder(host.stateDir, order.runId);
  const containerId = await host.runtime.create(order, { ...(await host.ready(order)), livePath });
  await host.runtime.start(containerId, order.spec);
  const status = await host.statusOf(containerId);
  const pid = status?.state === "running" ? status.pid : 0;
  const nameNow = async () => (await readFile(`/proc/${pid}/comm`, "utf8")).trim();
  const named = (name: string) => eventually(async () => (await nameNow()) === name, { what: name });
  return { containerId, named, release: () => writeFile(join(livePath, "released"), "") };
}

const outputOf = async (containerId: string) =>
  (await docker.getContainer(containerId).logs({ stdout: true })).toString();

test("its command begins at its release and not before, as the image's user, and the first process reports by its name", async () => {
  const { containerId, named, release } = await begin(rank("go", "id -u; sleep 1000"));

  await named("rg-held");
  const processes = await host.sh(containerId, "ls /proc | grep -c '^[0-9]' ; cat /proc/1/comm");
  expect(processes).toMatch(/^[1-4]\nrg-held\n$/);
  expect(await outputOf(containerId)).toBe("");

  await release();
  await named("init");
  await eventually(async () => (await outputOf(containerId)).includes("1000\n"), { what: "its output" });
});

test("held, it takes in orphans and ends when it is ordered to", async () => {
  const { containerId, named } = await begin(rank("stop", "echo never"));
  await named("rg-held");

  await host.sh(containerId, "(sleep 0.1 &) ; true");
  await eventually(async () => !(await host.sh(containerId, "cat /proc/[0-9]*/stat")).includes(") Z "), {
    what: "no zombie",
  });
  await host.runtime.stop(containerId, { graceSeconds: 60 });

  expect(await host.statusOf(containerId)).toMatchObject({ state: "exited", exitCode: 143 });
  expect(await outputOf(containerId)).toBe("");
});

test("released before it begins, it holds nothing back, and its end is its command's", async () => {
  const order = rank("early", "exit 7");
  const livePath = await makeLiveFolder(host.stateDir, order.runId);
  await writeFile(join(livePath, "released"), "");
  const containerId = await host.runtime.create(order, { ...(await host.ready(order)), livePath });
  await host.runtime.start(containerId, order.spec);

  const ended = await eventually(async () => {
    const status = await host.statusOf(containerId);
    return status?.state === "exited" && status;
  });
  expect(ended).toMatchObject({ exitCode: 7 });
});
