/** A probe whose child cannot be made: nothing is known then, and the next question is asked all the same. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DeviceProbe } from "@remotegpu/agent/host/processes/device-probe";
import { gpu } from "../../../../support/samples/run-samples.ts";

const GROUPS = { deviceProcsOf: () => "/dev/null", isFrozen: () => false, disregard: () => () => undefined };
const FINE = [{ access: 0, lookup: 0 }];
const own = { containerId: "c", pid: process.pid };
const node = (path: string) => [{ node: path, inside: "/dev/null", gpus: [gpu("a").uuid] }];

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-probe-"));
  program = join(folder, "says-fine");
  await writeFile(program, "#!/bin/sh\necho 0 0\n", { mode: 0o755 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a child that the kernel refuses to make ends no further one", async () => {
  const probe = new DeviceProbe({ program, groups: GROUPS });
  // More than an argument may be long.
  const refused = probe.errorsOf(own, node(`/dev/${"x".repeat(200_000)}`));
  await expect(refused).rejects.toThrow("E2BIG");

  expect(await probe.errorsOf(own, node("/dev/null"))).toEqual(FINE);
});

test("a child for which no file can be opened leaves the agent alive, and ends no further one", () => {
  const script = `
    import { closeSync, openSync } from "node:fs";
    import { DeviceProbe } from "@remotegpu/agent/host/processes/device-probe";
    const groups = { deviceProcsOf: () => "/dev/null", isFrozen: () => false, disregard: () => () => {} };
    const probe = new DeviceProbe({ program: ${JSON.stringify(program)}, groups });
    const own = { containerId: "c", pid: process.pid };
    const nodes = [{ node: "/dev/null", inside: "/dev/null", gpus: [] }];
    await probe.errorsOf(own, nodes);
    const open = [];
    try { for (;;) open.push(openSync("/dev/null", "r")); } catch {}
    // Two are left for reading of the container's process, which is fewer than a child's pipes take.
    for (let n = 0; n < 2; n += 1) closeSync(open.pop());
    const without = await probe.errorsOf(own, nodes);
    for (const file of open) closeSync(file);
    console.log(JSON.stringify([without, await probe.errorsOf(own, nodes)]));`;
  const line = ["-c", 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, script];
  const output = execFileSync("sh", line, { encoding: "utf8", cwd: import.meta.dirname });

  expect(JSON.parse(output)).toEqual([null, FINE]);
});
