/**
 * Podman through its compatible socket: what an environment needs of a runtime, by the same adapter. Where Podman is not
 * installed only the last test runs, and the others are shown as left out.
 */
import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CdiSpecFiles, cdiDevicesOf } from "@remotegpu/agent/host/gpus/cdi";
import {
  removeSimulatedCdiSpec,
  writeSimulatedCdiSpec,
} from "@remotegpu/agent/host/gpus/simulated/simulated-cdi";
import { prepareSimulatedGpus, simulatedGpuUuid } from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";
import { readContainers, readProcessLife } from "@remotegpu/agent/host/processes/process-liveness";
import { bridgeName } from "@remotegpu/agent/runtime/networks/networks";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { eventually } from "../../support/eventually.ts";
import { hasPodman, startPodman, type Podman } from "../../support/containers/podman.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";

if (!hasPodman)
  console.warn("Podman, netavark and aardvark-dns are not all installed here: what needs them is left out.");

describe.skipIf(!hasPodman)("an environment on Podman", () => {
  let podman: Podman;
  let host: RuntimeUnderTest;
  /** Ended from the last to the first, each although another fails. */
  const ending = new AsyncDisposableStack();
  beforeAll(async () => {
    podman = ending.adopt(await startPodman(), (one) => one.close());
    const { socketPath } = podman;
    host = ending.adopt(await RuntimeUnderTest.begin({ socketPath }), (one) => one.end());
  });
  afterAll(() => ending.disposeAsync());

  test("its host reports which runtime it has, and that restarting it ends no container", async () => {
    const { name, version, liveRestore } = await host.runtime.info();

    expect(name).toBe("podman");
    expect(version).toMatch(/^\d+\.\d+/);
    expect(liveRestore).toBe(true);
  });

  test("starts, is listed by its labels, is found by /proc, and wakes the loop", async () => {
    const watching = new AbortController();
    const watched = host.runtime.watch(watching.signal);
    await eventually(() => host.wakes > 0, { what: "the event stream" });
    const wakes = host.wakes;

    const containerId = await host.launch(desiredOf("a"));

    const [seen] = (await host.runtime.list()).filter((container) => container.containerId === containerId);
    expect(seen).toMatchObject({
      owner: { hostId: host.hostId, instanceId: "env-a", runId: "run-a", placementEpoch: 1 },
      status: { state: "running" },
    });
    const pid = seen?.status.state === "running" ? seen.status.pid : 0;
    expect(await readProcessLife(pid)).toMatchObject({ alive: true });
    expect(await readContainers(pid)).toEqual([containerId]);
    await eventually(() => host.wakes > wakes, { what: "an event" });
    watching.abort();
    await watched;
  });

  test("takes commands with their input and exit code, and kills one that outlives its time", async () => {
    const containerId = await host.launch(desiredOf("b"));
    const run = (argv: [string, ...string[]], stdin: Buffer | null, timeoutSeconds: number) =>
      host.runtime.exec({ containerId, argv, stdin, timeoutSeconds });

    const echoed = await run(["sh", "-c", "cat; exit 7"], Buffer.from("in"), 20);
    const words = "OCI runtime exec failed: exec failed: of a program that prints it";
    const printed = await run(["printf", words], null, 20);
    const late = await run(["sleep", "1001"], null, 1);

    expect(echoed).toMatchObject({ kind: "exited", exitCode: 7, stdout: Buffer.from("in") });
    expect(printed).toMatchObject({ kind: "exited", exitCode: 0, stdout: Buffer.from(words) });
    expect(late).toMatchObject({ kind: "refused", reason: "timeout" });
    expect(await host.sh(containerId, "ps -o args")).not.toContain("sleep 1001");
  });

  test("is stopped, starts again with what was written in it, and is removed without a trace", async () => {
    const desired = desiredOf("c", { folders: [{ source: "code/c", target: "/gemini/code" }] });
    const containerId = await host.launch(desired);
    await host.sh(containerId, "echo kept >/root/file; echo shared >/gemini/code/file");

    await host.runtime.stop(containerId, { graceSeconds: 2 });
    expect(await host.statusOf(containerId)).toMatchObject({ state: "exited", exitCode: 143 });
    await host.runtime.start(containerId, desired.spec);
    expect(await host.sh(containerId, "cat /root/file /gemini/code/file")).toBe("kept\nshared\n");
    expect(await readFile(`${host.poolRoot}/code/c/file`, "utf8")).toBe("shared\n");
    await host.runtime.remove({ containerId, runId: desired.runId });

    expect(await host.statusOf(containerId)).toBeUndefined();
    const { Volumes: volumes } = await podman.client.listVolumes();
    expect((volumes ?? []).filter(({ Name }) => Name.includes("run-c"))).toEqual([]);
  });

  test("has few capabilities and its limits, and runs out of memory by name", async () => {
    const containerId = await host.launch(desiredOf("d", { pidsLimit: 40 }));
    const greedy = await host.launch(desiredOf("e", { command: "tail /dev/zero" }));

    const status = await host.sh(containerId, "cat /proc/1/status");
    expect(status).toMatch(/^CapEff:\s+00000000200405fb$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(await host.sh(containerId, "for i in $(seq 60); do sleep 9 & done")).toContain("can't fork");
    const ended = await eventually(async () => {
      const now = await host.statusOf(greedy);
      return now?.state === "exited" && now;
    });
    expect(ended).toMatchObject({ exitCode: 137, outOfMemory: true });
  });

  test("reaches its workspace by name, and neither other workspaces nor its host", async () => {
    const first = await host.launch(desiredOf("f", { network: "ws-7" }));
    const second = await host.launch(desiredOf("g", { network: "ws-7" }));
    const other = await host.launch(desiredOf("h", { network: "ws-8" }));
    const address = (
      await host.sh(first, "ip -4 -o addr show eth0 | sed 's|.*inet \\([0-9.]*\\)/.*|\\1|'")
    ).trim();
    for (const listener of [first])
      await host.sh(listener, "sh -c 'while true; do echo here | nc -l -p 8000; done' >/dev/null 2>&1 &");

    expect(await host.sh(second, "nc -w 3 f 8000 </dev/null")).toBe("here\n");
    expect(await host.sh(other, `nc -w 3 ${address} 8000 </dev/null`)).not.toContain("here");
    const bridge = bridgeName((await host.runtime.networkName("ws-7")) ?? "none");
    expect((await execa("iptables", ["-S"])).stdout).toContain(`-A INPUT -i ${bridge}`);
  });

  test("sees its card where the CDI specification lists it, attached plainly", async () => {
    const { hostId, stateDir } = host;
    const files = await prepareSimulatedGpus({ stateDir, hostId, count: 2, nowMs: 0 });
    const gpus = [0, 1].map((index) => ({ index, uuid: simulatedGpuUuid(hostId, index) }));
    await writeSimulatedCdiSpec({ hostId, gpus, files });
    const { specs } = await new CdiSpecFiles().read();
    const devices = cdiDevicesOf(specs, gpus);

    const uuid = simulatedGpuUuid(hostId, 1);
    const desired = desiredOf("i", { gpus: [{ uuid, memoryMib: null }] });
    const containerId = await host.launch(desired, { mode: "plain", devices, nodes: new Map() });

    expect(await host.sh(containerId, "nvidia-smi --query-gpu=uuid --format=csv,noheader")).toBe(`${uuid}\n`);
    await removeSimulatedCdiSpec(hostId);
  });
});

test("a bridge's rules are made once each, and go with its bridge, and the last ones with the rule between bridges", async () => {
  const firewall = new URL("../../../agent/src/runtime/networks/firewall.ts", import.meta.url).pathname;
  const script = `const { protectFrom, unprotectFrom } = await import("${firewall}");
    const { execFileSync } = await import("node:child_process");
    const saved = () => execFileSync("iptables-save").toString().split("\\n").filter((line) => line.startsWith("-A"));
    await protectFrom("rgtest", { hasResolver: true }); await protectFrom("rgtest", { hasResolver: true }); await unprotectFrom("rgother");
    console.log(JSON.stringify(saved()));
    await unprotectFrom("rgtest"); console.log(JSON.stringify(saved()));`;

  const { stdout } = await execa("unshare", [
    "--net",
    process.execPath,
    "--input-type=module",
    "--eval",
    script,
  ]);

  const [made = [], left] = stdout.split("\n").map((line) => JSON.parse(line) as string[]);
  expect(made.filter((line) => line.startsWith("-A FORWARD "))).toEqual([
    "-A FORWARD -i rgtest -o rgtest -j ACCEPT",
    expect.stringContaining("-d 168.63.129.16/32 -i rgtest"),
    "-A FORWARD -d 192.0.0.192/32 -i rgtest -j DROP",
    "-A FORWARD -d 100.100.100.200/32 -i rgtest -j DROP",
    "-A FORWARD -d 169.254.0.0/16 -i rgtest -j DROP",
    "-A FORWARD -i rg+ -o rg+ -j DROP",
  ]);
  expect(made.filter((line) => line.startsWith("-A INPUT "))).toEqual([
    expect.stringMatching(/-p udp .*--dport 53 .*-j ACCEPT$/),
    expect.stringMatching(/-p tcp .*--dport 53 .*-j ACCEPT$/),
    expect.stringMatching(/-i rgtest .*-j DROP$/),
  ]);
  expect(left).toEqual([]);
});
