/** A container's whole way on the real runtime: made, hardened, stopped, removed with all that belongs to it. */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MIB } from "@remotegpu/shared/values/units";
import { CAPABILITIES } from "@remotegpu/agent/core/container/container-spec";
import { BUSYBOX_IMAGE, desiredOf } from "../../support/samples/desired-instance.ts";
import {
  docker,
  EMPTY_IMAGE,
  importEmptyImage,
  importOnce,
  layBusyboxRoot,
} from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { RuntimeUnderTest, textOf } from "../../support/containers/runtime.ts";

let host: RuntimeUnderTest;

async function logOf(containerId: string): Promise<string> {
  return String(await docker.getContainer(containerId).logs({ stdout: true }));
}

beforeAll(async () => {
  await importEmptyImage();
  host = await RuntimeUnderTest.begin();
});

afterAll(() => host.end());

describe("an environment", () => {
  const secret = "line one\nline two; $(touch /tmp/pwned) `id` \"quoted\" 'single' \\ ü";
  const desired = desiredOf("hard", { env: { SECRET: secret, EMPTY: "" }, pidsLimit: 40 });
  let containerId: string;

  beforeAll(async () => {
    containerId = await host.launch(desired);
  });

  test("is seen as running, with everything its labels state", async () => {
    const seen = (await host.runtime.list()).find((container) => container.containerId === containerId);

    expect(seen?.status).toMatchObject({ state: "running", pid: expect.any(Number) });
    expect(seen?.owner).toEqual({
      hostId: host.hostId,
      instanceId: desired.instanceId,
      placementEpoch: 1,
      runId: desired.runId,
      specHash: desired.specHash,
      network: "ws-1",
      gpus: [],
    });
  });

  test("gets its variables to the letter, and they stand on no command line", async () => {
    const inside = await host.sh(containerId, 'printf %s "$SECRET"');
    const commandLines = await execa("sh", ["-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"], {
      reject: false,
    });

    expect(inside).toBe(secret);
    expect(await host.sh(containerId, "env | grep -c ^EMPTY=$; ls /tmp")).toBe("1\n");
    expect(commandLines.stdout).not.toContain("line two");
  });

  test("has the short list of capabilities, no new privileges and a seccomp filter", async () => {
    const status = await host.sh(containerId, "cat /proc/1/status");
    const capEff = BigInt(`0x${/CapEff:\s+([0-9a-f]+)/.exec(status)?.[1] ?? ""}`);
    const numbers = { CHOWN: 0, DAC_OVERRIDE: 1, FOWNER: 3, FSETID: 4, KILL: 5, SETGID: 6, SETUID: 7 };
    const more = { SETPCAP: 8, NET_BIND_SERVICE: 10, SYS_CHROOT: 18, AUDIT_WRITE: 29 };
    const all: Record<string, number> = { ...numbers, ...more };

    const expected = CAPABILITIES.reduce((mask, name) => mask | (1n << BigInt(all[name] ?? 63)), 0n);

    expect(capEff).toBe(expected);
    expect(status).toMatch(/NoNewPrivs:\s+1/);
    expect(status).toMatch(/Seccomp:\s+2/);
  });

  test("shares no namespace with the host and has no runtime socket", async () => {
    const status = await host.statusOf(containerId);
    const pid = status?.state === "running" ? status.pid : 0;

    for (const kind of ["pid", "net", "ipc", "uts", "mnt", "cgroup"]) {
      const { stdout } = await execa("readlink", [`/proc/self/ns/${kind}`, `/proc/${pid}/ns/${kind}`]);
      const [ours, theirs] = stdout.split("\n");
      expect(theirs).toMatch(new RegExp(`^${kind}:`));
      expect(theirs).not.toBe(ours);
    }
    expect(await host.sh(containerId, "ls /var/run/docker.sock 2>&1; ls /dev")).not.toMatch(
      /^\/var|\bvda\b|\bmem\b/m,
    );
  });

  test("has its limits of memory, processor and processes", async () => {
    const { HostConfig } = await docker.getContainer(containerId).inspect();

    expect(HostConfig).toMatchObject({
      Memory: 128 * MIB,
      MemorySwap: 128 * MIB,
      NanoCpus: 500_000_000,
      PidsLimit: 40,
      Privileged: false,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "local", Config: { "max-size": "10m", "max-file": "3", compress: "false" } },
    });
  });

  test("cannot start more processes than its limit", async () => {
    const other = await host.launch(desiredOf("forks", { pidsLimit: 40 }));

    const forks = await host.sh(other, "for i in $(seq 60); do sleep 3 & done");

    expect(forks).toMatch(/can't fork|Resource temporarily unavailable/);
  });

  test("sees the toolbox and cannot change it", async () => {
    const seen = await host.sh(
      containerId,
      "ls /.remotegpu; touch /.remotegpu/x 2>&1; echo >/.remotegpu/init",
    );

    expect(seen).toMatch(
      /^PACKAGES\nbin\nbusybox\ndevice-access\netc\ninit\n.*session\n.*Read-only.*\n.*Read-only/s,
    );
  });

  test("stays stopped once stopped, and its stop takes a moment only", async () => {
    const before = performance.now();

    await host.runtime.stop(containerId, { graceSeconds: 10 });

    expect(performance.now() - before).toBeLessThan(4_000);
    expect(await host.statusOf(containerId)).toMatchObject({ state: "exited", outOfMemory: false });
    await host.runtime.stop(containerId, { graceSeconds: 10 });
    await expect(
      host.runtime.exec({ containerId, argv: ["true"], stdin: null, timeoutSeconds: 5 }),
    ).resolves.toMatchObject({ kind: "refused", reason: "not-running" });
  });

  test("starts again with what was written in it", async () => {
    await host.runtime.start(containerId, desired.spec);
    await host.sh(containerId, "echo kept > /root/file");
    await host.runtime.stop(containerId, { graceSeconds: 5 });

    await host.runtime.start(containerId, desired.spec);
    await host.runtime.start(containerId, desired.spec);

    expect(await host.sh(containerId, "cat /root/file")).toBe("kept\n");
  });

  test("is removed without a trace, and once more without error", async () => {
    const order = { containerId, runId: desired.runId, network: "ws-1" };

    await host.runtime.remove(order);
    await host.runtime.remove(order);

    expect((await host.runtime.list()).map((container) => container.containerId)).not.toContain(containerId);
  });
});

describe("the first process", () => {
  test("takes in orphans that end, so that no zombie stays", async () => {
    const containerId = await host.launch(desiredOf("reap"));

    await host.sh(containerId, "for i in 1 2 3 4 5; do (sh -c 'sleep 0.1' &) ; done");

    const left = await eventually(async () => {
      const processes = await host.sh(containerId, "ps -o stat,args");
      return /^Z|sleep 0.1/m.test(processes) ? undefined : processes;
    });
    expect(left).toContain("/.remotegpu/init");
  });

  test("survives that everything else is killed from inside", async () => {
    const containerId = await host.launch(desiredOf("sleeper"));

    await host.sh(containerId, "kill -9 -1; true");

    expect(await host.sh(containerId, "ps -o args")).toContain("/.remotegpu/init");
    expect(await host.statusOf(containerId)).toMatchObject({ state: "running" });
  });

  test("passes TERM on, and what ignores it is killed after the grace", async () => {
    const polite = await host.launch(
      desiredOf("polite", {
        command: "trap 'echo bye > /tmp/said; exit 7' TERM; while :; do sleep 0.1; done",
      }),
    );
    const deaf = await host.launch(
      desiredOf("deaf", { command: "trap '' TERM; touch /tmp/deaf; while :; do sleep 0.1; done" }),
    );
    await eventually(async () => (await host.sh(deaf, "ls /tmp")).includes("deaf"));
    const before = performance.now();

    await Promise.all([
      host.runtime.stop(polite, { graceSeconds: 8 }),
      host.runtime.stop(deaf, { graceSeconds: 1 }),
    ]);

    expect(performance.now() - before).toBeLessThan(7_000);
    expect(await host.statusOf(polite)).toMatchObject({ state: "exited", exitCode: 143 });
    expect(await host.statusOf(deaf)).toMatchObject({ state: "exited", exitCode: 137 });
  });

  test("passes on the signal that the image is ended by", async () => {
    const image = "remotegpu-test-quits:1";
    await importOnce(image, layBusyboxRoot, ["STOPSIGNAL SIGQUIT"]);
    const ends =
      "trap 'echo by quit' QUIT; trap 'echo by term' TERM; echo ready; while :; do sleep 0.1; done";
    const containerId = await host.launch(desiredOf("quits", { image, command: `${ends} 2>&1` }));
    await eventually(async () => (await logOf(containerId)).includes("ready"));

    await host.runtime.stop(containerId, { graceSeconds: 1 });

    // It goes on, and is killed in the end.
    const output = await logOf(containerId);
    expect(output).toContain("by quit");
    expect(output).not.toContain("by term");
  });

  test("ends with its command and its exit code", async () => {
    const containerId = await host.launch(
      desiredOf("command", { command: 'echo "$HOSTNAME|$0|it\'s"; exit 3' }),
    );

    await eventually(async () => (await host.statusOf(containerId))?.state === "exited");

    expect(await host.statusOf(containerId)).toMatchObject({ exitCode: 3 });
    expect(await logOf(containerId)).toContain("it's");
  });

  test("runs in an image that holds nothing to run", async () => {
    const containerId = await host.launch(desiredOf("empty", { image: EMPTY_IMAGE }));

    const listed = await host.runtime.exec({
      containerId,
      argv: ["/.remotegpu/busybox", "ls", "/only-file"],
      stdin: null,
      timeoutSeconds: 10,
    });

    expect(textOf(listed)).toBe("/only-file\n");
  });

  test("a command beyond its memory is killed and reported so", async () => {
    const containerId = await host.launch(
      desiredOf("hungry", { memoryBytes: 16 * MIB, command: "exec tail /dev/zero" }),
    );

    const status = await eventually(async () => {
      const now = await host.statusOf(containerId);
      return now?.state === "exited" ? now : undefined;
    });

    expect(status).toMatchObject({ outOfMemory: true });
  });
});

describe("what the runtime refuses or does not have", () => {
  test("a second create of one run finds the first one's container", async () => {
    const desired = desiredOf("twice");
    const ready = await host.ready(desired);

    const first = await host.runtime.create(desired, ready);
    const second = await host.runtime.create(desired, ready);

    expect(second).toBe(first);
  });

  test("a name that another's container holds is an error, and that container is left alone", async () => {
    const desired = desiredOf("taken");
    const foreign = await docker.createContainer({
      name: `rg-${host.hostId}-env-taken-1-run-taken`,
      Image: BUSYBOX_IMAGE,
      Cmd: ["true"],
    });
    const ready = await host.ready(desired);

    await expect(host.runtime.create(desired, ready)).rejects.toMatchObject({
      name: "RuntimeError",
      status: 409,
    });

    await expect(foreign.inspect()).resolves.toMatchObject({ Id: foreign.id });
    await foreign.remove();
  });
});

test("that a container of ours ends wakes the loop", async () => {
  const ended = new AbortController();
  const before = host.wakes;
  const watching = host.runtime.watch(ended.signal);
  await eventually(() => host.wakes > before);
  const connected = host.wakes;

  const containerId = await host.launch(desiredOf("event"));

  await docker.getContainer(containerId).kill();

  await expect(eventually(() => host.wakes > connected)).resolves.toBe(true);
  ended.abort();
  await watching;
});
