/**
 * The three packages on bare machines that reach each other and nothing else: installed, configured, upgraded under work,
 * removed, installed again, purged. Containers outlive all but the order that ends them.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { IMAGE, MAKE_IMAGE } from "./built-packages.ts";
import { ControlPlaneMachine, type Installation } from "./control-plane-machine.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";

const BUILDER = new URL("../../control-plane/install/packages/build-packages.ts", import.meta.url).pathname;
const BUILD_MS = 120_000;
/** Where packages lie on a machine: of this release, and of the next. */
const [FIRST, NEXT] = ["/root/first", "/root/next"];
const NEXT_RELEASE = "9.9.9";
const PROBATION_SECONDS = 60;
const AGENT = "remotegpu-agent.service";
const ACCESS = "remotegpu-access.service";
const INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends";
/** What a host of the fleet has before its agent. */
const OF_HOSTS = ["docker.io", "docker-cli", "curl", "iptables", "iproute2", "busybox-static"];
/** One line of what the journal has open. */
const OPEN_RUN = /^ins-\w+ run run-\w+$/m;
const Packages = z.object({
  packages: z.array(z.object({ name: z.string(), file: z.string(), sha256: z.string() })),
});

const FROM_PACKAGES: Installation = {
  packages: ["curl", "iproute2"],
  async install(machine) {
    await bringBuilt(machine);
    await cutOff(machine);
    await machine.run(`${INSTALL} ./remotegpu_*.deb ./remotegpu-control-plane_*.deb`, { folder: FIRST });
    const unit = "remotegpu-control-plane";
    expect((await machine.report(`systemctl is-enabled ${unit}`)).output.trim()).toBe("disabled");
    expect((await machine.report(`systemctl is-active ${unit}`)).output.trim()).toBe("inactive");
  },
  prefix: "",
  folder: "/",
  enableUnit: "systemctl enable --now remotegpu-control-plane",
};

let built: string;
let stage: Stage;
let controlPlane: ControlPlaneMachine;
let host: Machine;
let environment: string;

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), "remotegpu-built-"));
  await build("first");
  await build("next", "--release", NEXT_RELEASE);
  stage = await Stage.open();
  controlPlane = await ControlPlaneMachine.open(stage, "control", FROM_PACKAGES);
  host = await stage.machine("host-1", OF_HOSTS);
  await host.run(MAKE_IMAGE, { folder: "/root" });
  await cutOff(host);
});
afterAll(async () => {
  await stage?.close();
  await rm(built, { recursive: true, force: true });
});

async function build(name: string, ...options: string[]): Promise<void> {
  const began = performance.now();
  await execa(process.execPath, [BUILDER, "--out", join(built, name), ...options], { timeout: BUILD_MS });
  console.log(`built in ${((performance.now() - began) / 1000).toFixed(0)} s`);
}

async function bringBuilt(machine: Machine): Promise<void> {
  for (const [name, to] of [
    ["first", FIRST],
    ["next", NEXT],
  ] as const)
    await machine.bring(await readdir(join(built, name)), { from: join(built, name), to });
}

/** From here on it reaches the machines of its own network alone. */
async function cutOff(machine: Machine): Promise<void> {
  await machine.run("ip route delete default");
}

/** Takes the agent's package from the control plane, as the page for operators describes. */
async function fetchAgent(machine: Machine): Promise<string> {
  const install = `${controlPlane.url}/install`;
  const { packages } = Packages.parse(JSON.parse(await machine.run(`curl -fsSk ${install}/`)));
  const found = packages.find(({ name }) => name === "remotegpu-agent");
  if (found === undefined) throw new Error("the control plane hands out no agent");
  await machine.run(
    `curl -fsSk -O ${install}/${found.file} && echo '${found.sha256}  ${found.file}' | sha256sum --check --quiet`,
    { folder: "/root" },
  );
  return `/root/${found.file}`;
}

async function unit(name: string, property: string): Promise<string> {
  return host.run(`systemctl show --property=${property} --value ${name}`);
}

/** Process, start and restarts of the environment's container. */
async function container(): Promise<string> {
  const format = "{{.Id}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}} {{.State.Running}}";
  return host.run(`docker inspect --format '${format}' $(docker ps --all --quiet)`);
}

/** Does it, and waits until the fleet has heard from the agent that lives then. */
async function untilHeard(what: () => Promise<unknown>): Promise<void> {
  const since = String((await controlPlane.host("host-1"))?.["last_heartbeat"]);
  await what();
  await controlPlane.isOnline("host-1", { since });
}

test("the packaged command and server answer, and the server hands out the packages that it carries", async () => {
  expect(await controlPlane.machine.run("remotegpu --version")).toMatch(/^\d+\.\d+\.\d+$/);
  expect(await controlPlane.machine.run("systemctl is-active remotegpu-control-plane")).toBe("active");
  const code = "curl -sk -o /dev/null -w '%{http_code}'";
  for (const path of ["/install.sh", "/cli/remotegpu.mjs", "/docs/operators/packages", "/"])
    await eventually(
      async () => expect(await controlPlane.machine.run(`${code} ${controlPlane.url}${path}`)).toBe("200"),
      { withinMs: 60_000 },
    );
});

test("the agent's package lays its files on a host and starts nothing; the host then joins and works", async () => {
  const file = await fetchAgent(host);

  const installed = await host.run(`${INSTALL} ${file}`);

  expect(installed).toContain("has joined no control plane");
  expect((await host.report(`systemctl is-active ${AGENT}`)).output.trim()).toBe("inactive");
  const line = await controlPlane.joinCommand();
  const options = line.slice(line.indexOf("--server"));
  expect(await host.run(`remotegpu-agent join ${options} --simulated-gpus 2`)).toContain("runs version");
  await host.run(`echo REMOTEGPU_UPGRADE_PROBATION_SECONDS=${PROBATION_SECONDS} >>/etc/remotegpu/agent.env`);
  await controlPlane.isOnline("host-1");
  expect(await controlPlane.host("host-1")).toMatchObject({ simulated: true, total_gpu: 2 });
});

test("an environment runs on it", async () => {
  for (const one of ["cpu", "memory", "gpu"]) await controlPlane.cli(`price set default ${one} 1`);
  await controlPlane.cli(
    "quota set --customer 1 --cpu 64 --memory 64G --gpu 2 --storage 200G --environments 64",
  );
  await controlPlane.cli("customer top-up 1 100000");
  await controlPlane.cli(`image create ${IMAGE}`);

  await controlPlane.cli(`env create first --image ${IMAGE} --cpu 1 --memory 256M --gpu 1 --wait`);

  const [, id = ""] = /(env-\w+)/.exec(await controlPlane.cli("env list")) ?? [];
  environment = id;
  expect(await controlPlane.cli(`env exec ${environment} nvidia-smi -L`)).toMatch(/^GPU 0: Simulated/);
});

test("an upgrade of the agent's package switches the version and leaves the container and the access process", async () => {
  const [before, access, version] = [
    await container(),
    await unit(ACCESS, "NRestarts"),
    await host.run("readlink /opt/remotegpu/current"),
  ];
  await host.bring(await readdir(join(built, "next")), { from: join(built, "next"), to: NEXT });

  await untilHeard(() => host.run(`${INSTALL} ./remotegpu-agent_*.deb`, { folder: NEXT }));

  const next = await host.run("readlink /opt/remotegpu/current");
  expect(next).toMatch(new RegExp(`^${NEXT_RELEASE}-`));
  expect(next).not.toBe(version);
  // Until it is committed the access process is of the version before.
  expect(await host.run("readlink /opt/remotegpu/committed")).toBe(version);
  await host.run("until [ ! -e /opt/remotegpu/upgrade.json ]; do sleep 0.5; done");
  expect(await host.run("readlink /opt/remotegpu/committed")).toBe(next);
  expect(await container()).toBe(before);
  expect(await unit(ACCESS, "NRestarts")).toBe(access);
  expect(await host.run("remotegpu-agent open-runs")).toMatch(OPEN_RUN);
});

test("an upgrade of the control plane's packages restarts the server alone", async () => {
  const before = await container();
  const since = await controlPlane.machine.run(
    "systemctl show --property=MainPID --value remotegpu-control-plane",
  );

  await untilHeard(() =>
    controlPlane.machine.run(`${INSTALL} ./remotegpu_*.deb ./remotegpu-control-plane_*.deb`, {
      folder: NEXT,
    }),
  );

  const pid = "systemctl show --property=MainPID --value remotegpu-control-plane";
  expect(await controlPlane.machine.run(pid)).not.toBe(since);
  await eventually(async () => expect((await controlPlane.environment(environment)).status).toBe("running"));
  expect(await container()).toBe(before);
});

test("a removal stops the agent, and leaves container, journal and settings; installed again it goes on", async () => {
  const before = await container();

  await host.run("DEBIAN_FRONTEND=noninteractive apt-get remove -qq remotegpu-agent");

  for (const name of [AGENT, ACCESS, "remotegpu-files.service"])
    expect((await host.report(`systemctl is-active ${name}`)).output.trim()).toBe("inactive");
  expect(await container()).toBe(before);
  await host.run("test -s /var/lib/remotegpu/journal.sqlite && test -s /etc/remotegpu/agent.env");
  await untilHeard(() => host.run(`${INSTALL} ./remotegpu-agent_*.deb`, { folder: NEXT }));
  expect(await container()).toBe(before);
  expect(await controlPlane.cli(`env exec ${environment} echo here`)).toBe("here");
});

test("a purge is refused while a run is open, names it, and the package can be installed again", async () => {
  const before = await container();

  const { exitCode, output } = await host.report(
    "DEBIAN_FRONTEND=noninteractive apt-get purge -qq remotegpu-agent",
  );

  expect(exitCode).not.toBe(0);
  expect(output).toMatch(OPEN_RUN);
  expect(output).toContain("purge once nothing runs");
  expect(await container()).toBe(before);
  await untilHeard(() => host.run(`${INSTALL} ./remotegpu-agent_*.deb`, { folder: NEXT }));
  expect(await container()).toBe(before);
  expect(await host.report("remotegpu-agent doctor")).toMatchObject({ exitCode: 0 });
});

test("after the run's end a purge takes everything but the files of environments", async () => {
  await controlPlane.cli(`env delete ${environment}`);
  await eventually(async () => expect(await host.run("remotegpu-agent open-runs")).toBe(""), {
    withinMs: 120_000,
  });

  await host.run("DEBIAN_FRONTEND=noninteractive apt-get purge -qq remotegpu-agent");

  const left =
    "find /opt/remotegpu /etc/remotegpu /var/lib/remotegpu /usr/lib/remotegpu-agent -not -path '/var/lib/remotegpu/pool*' 2>/dev/null; true";
  // The pool has the files of the environment, which are its customer's.
  expect(await host.run(left)).toBe("/var/lib/remotegpu");
  expect(await host.run("ls /etc/systemd/system | grep remotegpu; true")).toBe("");
  expect(await host.run("docker ps --all --quiet")).toBe("");
});

test("a purge of the control plane leaves the fleet's keys and reports where they are", async () => {
  const purge = "DEBIAN_FRONTEND=noninteractive apt-get purge -qq remotegpu-control-plane remotegpu";
  const output = await controlPlane.machine.run(purge);

  expect(output).toContain("they hold the fleet's keys");
  await controlPlane.machine.run("test -s /var/lib/remotegpu-control-plane/operator.json");
  expect(await controlPlane.machine.run("ls /usr/lib/remotegpu 2>/dev/null; true")).toBe("");
});

describe("on Debian 12", () => {
  let older: Machine;
  beforeAll(async () => {
    older = await stage.machine("older", ["docker.io", "curl", "iptables", "iproute2", "nats-server"], {
      codename: "bookworm",
    });
    await bringBuilt(older);
    await cutOff(older);
  });

  test("all three install without a network, and the small control plane answers from its database", async () => {
    await older.run(`${INSTALL} ./*.deb`, { folder: FIRST });

    expect(await older.run("cat /etc/debian_version")).toMatch(/^12\./);
    const server = await older.launch("remotegpu-control-plane run --listen 127.0.0.1:8080");
    await eventually(
      async () => expect(await older.run("curl -fsS http://127.0.0.1:8080/readyz")).toContain('"status"'),
      { withinMs: 60_000 },
    );
    await server.interrupt();
    expect(await older.run("/opt/remotegpu/current/node /opt/remotegpu/current/agent.mjs --version")).toMatch(
      /^\d/,
    );
  });

  test("the agent's package is purged from a host that never joined", async () => {
    await older.run("DEBIAN_FRONTEND=noninteractive apt-get purge -qq remotegpu-agent");

    expect(await older.run("ls /opt/remotegpu /etc/remotegpu 2>/dev/null; true")).toBe("");
  });
});
