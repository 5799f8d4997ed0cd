/** What a container can reach and what it cannot: folders of the pool, networks, other agents' things. */
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bridgeName } from "@remotegpu/agent/runtime/networks/networks";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { BUSYBOX_IMAGE, desiredOf } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";

let host: RuntimeUnderTest;
let neighbour: RuntimeUnderTest;

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  neighbour = await RuntimeUnderTest.begin();
});

afterAll(async () => {
  await host.end();
  await neighbour.end();
});

async function bridgeOf(network: InstanceSpec["network"], at = host): Promise<string> {
  const name = await at.runtime.networkName(network);
  if (name === null) throw new Error(`${JSON.stringify(network)} has no network`);
  return bridgeName(name);
}

const dataset = (source: string, target: string): InstanceSpec["mounts"][number] => ({
  kind: "dataset",
  source,
  target,
});
const model = (source: string, target: string): InstanceSpec["mounts"][number] => ({
  kind: "model",
  source,
  target,
});

describe("folders of the pool", () => {
  beforeAll(async () => {
    await mkdir(join(host.poolRoot, "acme/cats"), { recursive: true });
    await writeFile(join(host.poolRoot, "acme/cats/one.jpg"), "meow");
    await mkdir(join(host.poolRoot, "acme/bert"));
    await mkdir(join(host.poolRoot, "acme/gpt"));
    await symlink("/etc", join(host.poolRoot, "acme/escape"));
    await symlink("../../..", join(host.poolRoot, "acme/climb"));
    await symlink("cats", join(host.poolRoot, "acme/alias"));
    await writeFile(join(host.poolRoot, "acme/file"), "no folder");
  });

  test("datasets and models are read-only, without setuid and devices, one source at two places, named by the spec's variables", async () => {
    const containerId = await host.launch(
      desiredOf("mounts", {
        mounts: [
          dataset("acme/cats", "/gemini/data-1"),
          dataset("acme/alias", "/gemini/data-2"),
          model("acme/gpt", "/gemini/pretrain2"),
          model("acme/bert", "/gemini/pretrain1"),
          model("acme/bert", "/gemini/pretrain"),
        ],
        env: { GEMINI_DATA_IN1: "/gemini/data-1", GEMINI_PRETRAIN1: "/gemini/pretrain1" },
      }),
    );

    const mounts = await host.sh(containerId, "grep ' /gemini/' /proc/mounts");
    const env = await host.sh(containerId, "env | grep ^GEMINI | sort");

    const targets = ["data-1", "data-2", "pretrain", "pretrain1", "pretrain2"];
    expect(mounts.trim().split("\n")).toHaveLength(targets.length);
    for (const target of targets)
      expect(mounts).toMatch(new RegExp(` /gemini/${target} \\S+ ro,nosuid,nodev[, ]`));
    expect(env).toBe("GEMINI_DATA_IN1=/gemini/data-1\nGEMINI_PRETRAIN1=/gemini/pretrain1\n");
    expect(await host.sh(containerId, "cat /gemini/data-1/one.jpg; touch /gemini/data-1/x")).toMatch(
      /^meow.*Read-only/s,
    );
    await writeFile(join(host.poolRoot, "acme/bert/weights"), "first");
    expect(await host.sh(containerId, "cat /gemini/pretrain/weights")).toBe("first");
  });

  test("its own folders are made, writable for any user, and outlive it", async () => {
    const folders = [
      { source: "ws/env-keep/code", target: "/gemini/code" },
      { source: "ws/env-keep/output", target: "/gemini/output" },
    ];
    const first = desiredOf("keep", { folders });
    const containerId = await host.launch(first);

    await host.sh(
      containerId,
      "echo main > /gemini/code/main.py; su user -c 'echo made > /gemini/output/made'",
    );
    const mounts = await host.sh(containerId, "grep ' /gemini/' /proc/mounts");
    await host.runtime.stop(containerId, { graceSeconds: 3 });
    await host.runtime.remove({ containerId, runId: first.runId });
    const again = await host.launch(desiredOf("keep2", { folders }));

    expect(mounts).toMatch(/ \/gemini\/code \S+ rw,/);
    expect(mounts).toMatch(/ \/gemini\/output \S+ rw,/);
    expect(await host.sh(again, "cat /gemini/code/main.py /gemini/output/made")).toBe("main\nmade\n");
    expect((await stat(join(host.poolRoot, "ws/env-keep/code"))).mode & 0o7777).toBe(0o1777);
    expect((await stat(join(host.poolRoot, "ws"))).mode & 0o7777).toBe(0o700);
    const filters = JSON.stringify({ label: [`remotegpu.run=${first.runId}`] });
    expect((await docker.listVolumes({ filters })).Volumes ?? []).toEqual([]);
  });

  test("a setuid file or a device in its own folders gives nobody anything", async () => {
    const folders = [{ source: "ws/env-suid/code", target: "/gemini/code" }];
    const containerId = await host.launch(desiredOf("suid", { folders }));

    const tried = await host.sh(
      containerId,
      "cp /bin/busybox /gemini/code/busybox; chown 0:0 /gemini/code/busybox; chmod 4755 /gemini/code/busybox; " +
        "su user -c '/gemini/code/busybox id -u'; mknod /gemini/code/disk b 254 0 2>&1",
    );

    expect(tried).toMatch(/^1000$/m);
    expect(tried).toContain("not permitted");
    const program = join(host.poolRoot, "ws/env-suid/code/busybox");
    // By a shell, since setpriv itself looks its program up with the rights it had before.
    const asNobody = [
      "--reuid",
      "65534",
      "--regid",
      "65534",
      "--clear-groups",
      "sh",
      "-c",
      `${program} true`,
    ];
    const outside = await execa("setpriv", asNobody, { reject: false });
    expect(outside.stderr).toMatch(/permission denied/i);
  });

  test.each([
    ["acme/escape", "leaves the storage pool"],
    ["acme/escape/ssl", "leaves the storage pool"],
    ["acme/climb", "leaves the storage pool"],
    ["acme/nothing", "does not exist"],
    ["acme/file", "is not a folder"],
    ["acme/file/below", "does not exist"],
  ])("mount %s is refused: it %s", async (source, reason) => {
    const answer = await host.readiness(desiredOf("m", { mounts: [dataset(source, "/gemini/data-1")] }));

    expect(answer).toMatchObject({ kind: "refused", problem: "mount-missing" });
    expect(answer).toHaveProperty("detail", expect.stringContaining(reason));
  });

  test("a folder of its own is not made through a link that leaves the pool", async () => {
    const folders = [{ source: "acme/climb/made", target: "/gemini/code" }];

    const answer = await host.readiness(desiredOf("m", { folders }));

    expect(answer).toMatchObject({ kind: "refused", problem: "mount-missing" });
    await expect(stat(join(host.poolRoot, "acme/climb/made"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("what a run has written is measured, layer and folders apart", async () => {
    const folders = [{ source: "ws/env-size/output", target: "/gemini/output" }];
    const desired = desiredOf("size", { folders });
    const containerId = await host.launch(desired);

    await host.sh(
      containerId,
      "dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; dd if=/dev/zero of=/gemini/output/b bs=1M count=4 2>/dev/null",
    );

    const ground = await host.runtime.storageGround(containerId, desired.spec);
    if (ground === null) throw new Error("the container is gone");
    const use = await host.runtime.storageUse(containerId, ground);
    expect(use.layerBytes).toBeGreaterThanOrEqual(8 * 1024 * 1024);
    expect(use.layerBytes).toBeLessThan(9 * 1024 * 1024);
    expect(use.folderBytes).toBeGreaterThanOrEqual(4 * 1024 * 1024);
    expect(use.folderBytes).toBeLessThan(5 * 1024 * 1024);
  });
});

describe("networks", () => {
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = createServer((socket) => socket.end("host service\n")).listen(0, "0.0.0.0");
    await new Promise((resolve) => server.once("listening", resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const reach = (address: string, at: number) =>
    `nc -w 2 ${address} ${at} </dev/null && echo reached || echo cut`;
  const listen = "while :; do echo hello | nc -l -p 7000; done";

  async function addressOf(containerId: string): Promise<string> {
    const { NetworkSettings } = await docker.getContainer(containerId).inspect();
    return Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? "";
  }

  test("instances of one workspace reach each other by name, other workspaces are out of reach", async () => {
    const server = await host.launch(desiredOf("served", { network: "ws-10", command: listen }));
    const friend = await host.launch(desiredOf("friend", { network: "ws-10" }));
    const stranger = await host.launch(desiredOf("stranger", { network: "ws-11" }));
    const foreign = await neighbour.launch(desiredOf("foreign", { network: "ws-10" }));
    const address = await addressOf(server);

    expect(address).toMatch(/^10\.210\./);
    // The listener has to come up first.
    const answer = await eventually(async () => {
      const now = await host.sh(friend, reach("served", 7000));
      return now.includes("hello") ? now : undefined;
    });
    expect(answer).toBe("hello\nreached\n");
    expect(await host.sh(stranger, reach(address, 7000))).toContain("cut");
    expect(await neighbour.sh(foreign, reach(address, 7000))).toContain("cut");
  });

  test("the host's services and metadata addresses are out of reach", async () => {
    const containerId = await host.launch(desiredOf("curious", { network: "ws-12" }));
    const gateway = (
      await host.sh(containerId, "ip route | sed -n 's/default via \\([0-9.]*\\).*/\\1/p'")
    ).trim();
    const { stdout } = await execa("ip", ["-o", "-4", "addr", "show", "scope", "global"]);
    const addresses = [...stdout.matchAll(/inet ([0-9.]+)\//g)].map((match) => match[1] ?? "");
    expect(addresses.length).toBeGreaterThan(1);

    const answers = await Promise.all(
      [gateway, ...addresses.slice(0, 4)].map((address) => host.sh(containerId, reach(address, port))),
    );
    expect(answers.filter((answer) => !answer.includes("cut"))).toEqual([]);

    const bridge = await bridgeOf("ws-12");
    const rules = await execa("iptables", ["-t", "mangle", "-S", "FORWARD"]);
    for (const address of ["169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32"])
      expect(rules.stdout).toContain(`-A FORWARD -d ${address} -i ${bridge} -j DROP`);
    expect(rules.stdout).toContain(
      `-A FORWARD -d 168.63.129.16/32 -i ${bridge} -p tcp -m tcp ! --dport 53 -j DROP`,
    );
  });

  test("the runtime's own rules for a bridge stay, through repair and all", async () => {
    const containerId = await host.launch(desiredOf("bridged", { network: "ws-17" }));
    const bridge = await bridgeOf("ws-17");
    const chains = async () =>
      (await execa("iptables-save")).stdout.split("\n").filter((line) => line.includes(bridge));
    const before = await chains();

    await execa("iptables", [
      "-t",
      "mangle",
      "-D",
      "FORWARD",
      "-i",
      bridge,
      "-d",
      "169.254.0.0/16",
      "-j",
      "DROP",
    ]);
    await host.runtime.repairNetworks();

    expect((await chains()).toSorted((a, b) => a.localeCompare(b))).toEqual(
      before.toSorted((a, b) => a.localeCompare(b)),
    );
    expect(before).toContain(`-A FORWARD -i ${bridge} ! -o ${bridge} -j ACCEPT`);
    expect(before).toContain(
      `-A DOCKER-ISOLATION-STAGE-1 -i ${bridge} ! -o ${bridge} -j DOCKER-ISOLATION-STAGE-2`,
    );
    expect(await host.statusOf(containerId)).toMatchObject({ state: "running" });
  });

  test("flushed rules are put back", async () => {
    const containerId = await host.launch(desiredOf("flushed", { network: "ws-13" }));
    const bridge = await bridgeOf("ws-13");
    const gateway = (
      await host.sh(containerId, "ip route | sed -n 's/default via \\([0-9.]*\\).*/\\1/p'")
    ).trim();
    const rule = (await execa("iptables", ["-S", "INPUT"])).stdout
      .split("\n")
      .find((line) => line.includes(bridge));
    await execa("iptables", (rule ?? "").replace("-A", "-D").split(" "));
    expect(await host.sh(containerId, reach(gateway, port))).toBe("host service\nreached\n");

    await host.runtime.repairNetworks();
    await host.runtime.repairNetworks();

    expect(await host.sh(containerId, reach(gateway, port))).toContain("cut");
    const doubles = (await execa("iptables", ["-S", "INPUT"])).stdout.match(new RegExp(bridge, "g"));
    expect(doubles).toHaveLength(1);
  });

  test("without iptables nothing is started, and the sentence states why", async () => {
    const path = process.env["PATH"];
    const desired = desiredOf("unprotected", { network: "ws-15" });
    const ready = await host.readiness(desired);

    process.env["PATH"] = "/nowhere";
    const made = host.create(desired);

    await expect(made).rejects.toThrow(/cannot run iptables-save, without which/);
    process.env["PATH"] = path;
    expect(ready.kind).toBe("ready");
    expect((await host.runtime.list()).some(({ owner }) => owner?.network === "ws-15")).toBe(false);
  });

  test("starts and removals in one workspace at once never take its network away", async () => {
    const all = Array.from({ length: 6 }, (_, at) => desiredOf(`race-${at}`, { network: "ws-16" }));
    const ids = await Promise.all(all.slice(0, 3).map((desired) => host.launch(desired)));

    const later = await Promise.all([
      ...all.slice(3).map((desired) => host.launch(desired)),
      ...all.slice(0, 3).map(async ({ runId }, at) => {
        await host.runtime.remove({ containerId: ids[at] ?? "", runId });
        return null;
      }),
    ]);

    const left = later.filter((id) => id !== null);
    const states = await Promise.all(left.map((id) => host.statusOf(id)));
    expect(states.map((status) => status?.state)).toEqual(["running", "running", "running"]);
  });

  test("a workspace's bridge goes with its last container, rules and all", async () => {
    const one = desiredOf("one", { network: "ws-14" });
    const two = desiredOf("two", { network: "ws-14" });
    const ids = [await host.launch(one), await host.launch(two)];
    const bridge = await bridgeOf("ws-14");
    const links = async () => (await execa("ip", ["-o", "link"])).stdout;

    await host.runtime.remove({ containerId: ids[0] ?? "", runId: one.runId });
    const between = await links();
    await host.runtime.remove({ containerId: ids[1] ?? "", runId: two.runId });

    expect(between).toContain(bridge);
    expect(await links()).not.toContain(bridge);
    expect((await execa("iptables-save")).stdout).not.toContain(bridge);
  });
});

describe("the bridge that is held in reserve", () => {
  const own = async (at: RuntimeUnderTest) => {
    const filters = JSON.stringify({ label: [`remotegpu.host=${at.hostId}`] });
    return (await docker.listNetworks({ filters })).map(({ Name }) => Name);
  };

  test("is protected, taken by the next workspace that has none here, and serves no other afterwards", async () => {
    const agent = await RuntimeUnderTest.begin();
    try {
      await agent.runtime.keepSpareNetwork();
      const [spare = "none"] = await own(agent);
      expect(agent.runtime.hasSpareNetwork).toBe(true);
      expect((await execa("iptables", ["-S", "INPUT"])).stdout).toContain(bridgeName(spare));
      await agent.runtime.keepSpareNetwork();
      expect(await own(agent)).toEqual([spare]);

      const first = desiredOf("spare-1", { network: "ws-30" });
      const containerId = await agent.launch(first);
      await agent.launch(desiredOf("spare-2", { network: "ws-30" }));
      await agent.launch(desiredOf("spare-3", { network: "ws-31" }));
      expect(await agent.runtime.networkName("ws-30")).toBe(spare);
      expect(await agent.runtime.networkName("ws-31")).not.toBe(spare);
      expect(agent.runtime.hasSpareNetwork).toBe(false);

      await agent.runtime.keepSpareNetwork();
      expect((await own(agent)).toSorted()).toHaveLength(3);
      for (const { containerId: id, owner } of await agent.runtime.list())
        if (owner?.network === "ws-30") await agent.runtime.remove({ containerId: id, runId: owner.runId });
      expect(await agent.runtime.inspect(containerId)).toBeNull();
      expect(await own(agent)).not.toContain(spare);
      expect(await own(agent)).toHaveLength(2);
    } finally {
      await agent.end();
    }
  });

  test("of an earlier life goes, since nobody knows whom it served", async () => {
    const agent = await RuntimeUnderTest.begin();
    try {
      await agent.runtime.keepSpareNetwork();
      const before = await own(agent);
      const next = agent.restarted();

      await next.keepSpareNetwork();

      expect(await own(agent)).toHaveLength(1);
      expect(await own(agent)).not.toEqual(before);
    } finally {
      await agent.end();
    }
  });

  test("a container of an agent that named bridges by their workspaces stays with those of its workspace", async () => {
    const agent = await RuntimeUnderTest.begin();
    const name = `rg-${agent.hostId}-ws-32`;
    try {
      await docker.createNetwork({ Name: name, Labels: { "remotegpu.host": agent.hostId } });
      const labels = { "remotegpu.host": agent.hostId, "remotegpu.network": "ws-32" };
      await docker.createContainer({
        Image: BUSYBOX_IMAGE,
        Cmd: ["true"],
        Labels: labels,
        HostConfig: { NetworkMode: name },
      });

      await agent.launch(desiredOf("after", { network: "ws-32" }));

      expect(await own(agent)).toEqual([name]);
    } finally {
      await agent.end();
    }
  });
});

describe("two agents on one machine", () => {
  test("see only their own containers, and cleaning one leaves the other's in place", async () => {
    const mine = desiredOf("same", { network: "ws-20", folders: [{ source: "f", target: "/gemini/code" }] });
    const own = await host.launch(mine);
    const theirs = await neighbour.launch(mine);
    const unlabelled = await docker.createContainer({ Image: BUSYBOX_IMAGE, Cmd: ["sleep", "100"] });
    await unlabelled.start();
    const listed = async (agent: RuntimeUnderTest) =>
      (await agent.runtime.list()).map((container) => container.containerId);
    expect(await listed(host)).toContain(own);
    expect(await listed(host)).not.toContain(theirs);
    expect(await listed(host)).not.toContain(unlabelled.id);
    const bridges = { own: await bridgeOf("ws-20"), theirs: await bridgeOf("ws-20", neighbour) };

    await host.runtime.removeEverything();

    expect(await listed(host)).toEqual([]);
    expect(await neighbour.statusOf(theirs)).toMatchObject({ state: "running" });
    expect(await neighbour.sh(theirs, "touch /gemini/code/x && echo ok")).toBe("ok\n");
    expect((await unlabelled.inspect()).State.Running).toBe(true);
    expect((await execa("iptables-save")).stdout).toContain(bridges.theirs);
    expect((await execa("iptables-save")).stdout).not.toContain(bridges.own);
    await unlabelled.remove({ force: true });
  });
});
