/** Toolboxes of earlier agents stay for as long as a container has one, and no longer. */
import { mkdir, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ToolboxCleaner } from "@remotegpu/agent/loop/toolbox-cleaner";
import { BUSYBOX_IMAGE } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";

let host: RuntimeUnderTest;
let folder: string;
let own: string;
const ending = new AsyncDisposableStack();

beforeAll(async () => {
  host = ending.adopt(await RuntimeUnderTest.begin(), (begun) => begun.end());
  folder = dirname(host.runtime.toolboxPath);
  own = basename(host.runtime.toolboxPath);
});
afterAll(() => ending.disposeAsync());

/** Made with an older toolbox, by whomever. */
async function containerWith(toolbox: string): Promise<string> {
  const { id } = await docker.createContainer({
    Image: BUSYBOX_IMAGE,
    Cmd: ["sleep", "600"],
    HostConfig: {
      Mounts: [{ Type: "bind", Source: join(folder, toolbox), Target: "/.remotegpu", ReadOnly: true }],
    },
  });
  ending.defer(() =>
    docker
      .getContainer(id)
      .remove({ force: true })
      .catch(() => undefined),
  );
  return id;
}

test("what a container was made with stays, whether it runs or not; all else goes, and at most once an hour", async () => {
  const cleaner = new ToolboxCleaner({ runtime: host.runtime, log: quietLog });
  for (const name of ["running", "stopped", "unused", "unused.new"]) await mkdir(join(folder, name));
  const [running] = [await containerWith("running"), await containerWith("stopped")];
  await docker.getContainer(running).start();

  await cleaner.cleanWhenDue(0);
  const first = await readdir(folder);
  await docker.getContainer(running).remove({ force: true });
  await cleaner.cleanWhenDue(MS_PER_HOUR - 1);
  const early = await readdir(folder);
  await cleaner.cleanWhenDue(MS_PER_HOUR);

  expect(first.toSorted()).toEqual([own, "running", "stopped"].toSorted());
  expect(early).toEqual(first);
  expect((await readdir(folder)).toSorted()).toEqual([own, "stopped"].toSorted());
});
