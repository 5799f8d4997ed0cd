/**
 * How containers lose their GPUs by a reload of systemd, and what keeps them, under both versions of control groups. The
 * nodes are made with the driver's names and numbers and nothing behind them, since a rule is judged before any driver;
 * NVIDIA's hook is played by one that does as much behind systemd's back.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compiledProgram, OWN_PROGRAMS } from "@remotegpu/agent/toolbox/own-programs";
import { eventually } from "../support/eventually.ts";
import { ControlPlaneMachine } from "./control-plane-machine.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";

const PARTS = new URL("./device-rules/", import.meta.url).pathname;
const FIXTURES = new URL("../fixtures/nvidia-smi/", import.meta.url).pathname;
const IMAGE = "proof/busybox:1";
const CARD = "GPU-11111111-1111-4111-8111-111111111111";
const NODES = ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"];
const DAEMON = JSON.stringify({
  "exec-opts": ["native.cgroupdriver=systemd"],
  runtimes: { nvidia: { path: "runc" } },
  features: { cdi: false },
});
/** Any unit: what matters is that systemd starts one. */
const START = "systemd-run --quiet --wait /bin/true";

let stage: Stage;
let programs: string;
beforeAll(async () => {
  stage = await Stage.open();
  programs = await mkdtemp(join(tmpdir(), "remotegpu-proof-"));
  const probe = OWN_PROGRAMS.find(({ name }) => name === "device-access");
  if (probe === undefined) throw new Error("the toolbox has no device-access");
  await writeFile(join(programs, "device-access"), await compiledProgram(probe), { mode: 0o755 });
  await execa("tcc", [
    "-nostdlib",
    "-static",
    "-o",
    join(programs, "allow-devices"),
    join(PARTS, "allow-devices.c"),
  ]);
});
afterAll(async () => {
  await stage?.close();
  await rm(programs, { recursive: true, force: true });
});

/** A host with Docker as NVIDIA's toolkit sets it up, an image, and the nodes of one card. */
async function withDocker(machine: Machine): Promise<void> {
  await machine.bring(["hook"], { from: PARTS, to: "/root/parts" });
  await machine.bring(["device-access", "allow-devices"], { from: programs, to: "/usr/local/bin" });
  await machine.run("install -m 755 /root/parts/hook /usr/bin/nvidia-container-runtime-hook");
  await machine.run("ln -s /usr/local/bin/allow-devices /usr/bin/allow-devices");
  await machine.run(`mkdir -p /etc/docker && printf '%s' '${DAEMON}' >/etc/docker/daemon.json`);
  await machine.run(
    "DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends docker.io docker-cli iptables busybox-static >/dev/null",
  );
  await machine.run(
    `mkdir -p image/bin image/tmp && cp /usr/bin/busybox image/bin/ && \
     for each in $(busybox --list); do [ $each = busybox ] || ln -s busybox image/bin/$each; done && \
     tar --create --directory=image . | docker import - ${IMAGE}`,
    { folder: "/root" },
  );
  await machine.run(NODES.map((node, minor) => `mknod ${node} c 195 ${minor}`).join(" && "));
}

async function launch(machine: Machine, options: string): Promise<string> {
  return machine.run(`docker run --detach ${options} ${IMAGE} sleep 3600 2>/dev/null`);
}

/** Shell that sets the process of a container and the group by which its devices are judged. */
const groupOf = (containerId: string) => `
  pid=$(docker inspect --format '{{.State.Pid}}' ${containerId})
  if [ -d /sys/fs/cgroup/devices ]
  then group=/sys/fs/cgroup/devices$(sed -n 's/^[0-9]*:devices://p' /proc/$pid/cgroup)
  else group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$pid/cgroup)
  fi`;

/** By the program that the agent asks with: "kept" where each node may be used, "lost" where none may. */
async function access(machine: Machine, containerId: string): Promise<string> {
  const output = await machine.run(
    `${groupOf(containerId)}
     device-access $group/cgroup.procs ${NODES.map((node) => `${node} /proc/$pid/root${node}`).join(" ")}`,
  );
  const verdicts = { "0 0\n0 0\n0 0": "kept", "1 0\n1 0\n1 0": "lost" } as const;
  return output in verdicts ? verdicts[output as keyof typeof verdicts] : output;
}

describe.each([1, 2] as const)("under version %i of control groups", (cgroup) => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await stage.machine(`cgroup-${cgroup}`, ["ca-certificates"], { cgroup });
    await withDocker(machine);
  });

  test("Docker keeps its containers in systemd's groups", async () => {
    expect(await machine.run("docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}' 2>/dev/null")).toBe(
      `systemd ${cgroup}`,
    );
  });

  test("rules that a hook added are gone when the next unit starts after a reload, three times of three", async () => {
    for (let time = 0; time < 3; time += 1) {
      const containerId = await launch(machine, `--gpus device=${CARD}`);
      expect(await access(machine, containerId)).toBe("kept");
      await machine.run(START);
      expect(await access(machine, containerId)).toBe("kept");
      await machine.run("systemctl daemon-reload");
      await machine.run(START);
      expect(await access(machine, containerId)).toBe("lost");

      await machine.run(`docker restart --time 0 ${containerId}`);
      expect(await access(machine, containerId)).toBe("kept");
      await machine.run(`docker rm --force ${containerId}`);
    }
  });

  test("nodes that are given as devices stay, also beside the hook", async () => {
    const devices = NODES.map((node) => `--device=${node}`).join(" ");
    const both = await launch(machine, `--gpus device=${CARD} ${devices}`);
    const plain = await launch(machine, devices);

    for (let time = 0; time < 3; time += 1) await machine.run(`systemctl daemon-reload && ${START}`);

    expect([await access(machine, both), await access(machine, plain)]).toEqual(["kept", "kept"]);
    await machine.run(`docker rm --force ${both} ${plain}`);
  });

  test("the question leaves nobody in the container's group", async () => {
    const containerId = await launch(machine, "");
    for (let time = 0; time < 5; time += 1) await access(machine, containerId);

    // Its own process alone.
    expect(await machine.run(`${groupOf(containerId)}; wc -l <$group/cgroup.procs`)).toBe("1");
    await machine.run(`docker rm --force ${containerId}`);
  });
});

describe("a host of a fleet", () => {
  const AGENT = "remotegpu-agent.service";
  let controlPlane: ControlPlaneMachine;
  let host: Machine;
  let environment: string;
  beforeAll(async () => {
    controlPlane = await ControlPlaneMachine.open(stage, "control");
    host = await stage.machine("host-1", ["curl"]);
    await withDocker(host);
    await host.bring(["two-cards.csv", "two-cards.xml"], { from: FIXTURES, to: "/root/nvidia-smi" });
  });

  /** One card; an old driver that tells no minor number has containers made without nodes. */
  async function playNvidiaSmi(minorNumber: number | null): Promise<void> {
    const tag = minorNumber === null ? "" : `<minor_number>${minorNumber}</minor_number>`;
    await host.run(`cat >/usr/local/bin/nvidia-smi <<'SCRIPT'
#!/bin/sh
cd /root/nvidia-smi
case "$*" in
  *-x*) awk '/<gpu /{n++} n<2 || /<\\/nvidia_smi_log>/' two-cards.xml | sed -e '/<minor_number>/d' -e 's#</gpu>#${tag}</gpu>#' ;;
  *) sed -n '1,2p' two-cards.csv ;;
esac
SCRIPT
chmod +x /usr/local/bin/nvidia-smi`);
  }
  const containerOf = async () => (await host.run("docker ps --quiet --no-trunc")).split("\n")[0] ?? "";
  const visible = async () => await controlPlane.environment(environment);
  const doctor = () =>
    host.report(
      "set -a; . /etc/remotegpu/agent.env; /opt/remotegpu/current/node /opt/remotegpu/current/agent.mjs doctor",
    );

  test("gives a card by NVIDIA's hook alone where its minor number is not known, which its doctor names", async () => {
    await playNvidiaSmi(null);
    await host.run(await controlPlane.joinCommand());
    await controlPlane.isOnline("host-1");
    for (const line of ["cpu", "memory", "gpu"]) await controlPlane.cli(`price set default ${line} 1`);
    await controlPlane.cli(
      "quota set --customer 1 --cpu 8 --memory 8G --gpu 1 --storage 20G --environments 2",
    );
    await controlPlane.cli("customer top-up 1 100000");
    await controlPlane.cli(`image create ${IMAGE}`);
    await controlPlane.cli(`env create first --image ${IMAGE} --cpu 1 --memory 256M --gpu 1 --wait`);
    environment = /(env-\w+)/.exec(await controlPlane.cli("env list"))?.[1] ?? "";
    await playNvidiaSmi(0);

    expect(await access(host, await containerOf())).toBe("kept");
    expect(await doctor()).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("gpus-given-as-devices"),
    });
  });

  test("sees within two probes that a reload took it, closes the card and tells the customer what to do", async () => {
    await host.run(`systemctl daemon-reload && ${START}`);
    const lost = await eventually(
      async () => {
        const { status_reason: reason, status } = await visible();
        return typeof reason === "string" && reason.includes("lost access") && { status, reason };
      },
      { what: "the environment's reason", withinMs: 150_000 },
    );
    const refusals = await host.run(
      `journalctl --unit=${AGENT} --output=cat | grep --only-matching '"refusals":[0-9]*'`,
    );

    expect(refusals.split("\n").slice(0, 2)).toEqual(['"refusals":1', '"refusals":2']);
    expect(lost).toMatchObject({
      status: "running",
      reason: expect.stringContaining("Restart it to get it back"),
    });
    expect(await access(host, await containerOf())).toBe("lost");
    expect(await controlPlane.cli("host gpus host-1")).toContain("device rules");
  });

  test("gives it back with the customer's restart, and what it gives then stays", async () => {
    const before = await containerOf();
    await controlPlane.cli(`env restart ${environment} --wait`);
    const after = await containerOf();
    for (let time = 0; time < 3; time += 1) await host.run(`systemctl daemon-reload && ${START}`);

    expect(after).not.toBe(before);
    expect(await access(host, after)).toBe("kept");
    expect(await visible()).toMatchObject({ status: "running", status_reason: null });
    expect((await doctor()).output).not.toContain("gpus-not-given-as-devices");
  });

  test("loses nothing by an installation that changes no unit", async () => {
    // Later than the last second in which this story had units read.
    const since = await host.run("sleep 1.1; date +%s");
    await host.run(await controlPlane.joinCommand());

    expect(
      await host.run(`journalctl --output=cat --since=@${since} _PID=1 | grep -c 'Reloading' || true`),
    ).toBe("0");
  });
});
