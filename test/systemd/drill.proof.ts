/**
 * A drill on a host as operators have it: the installed agent, systemd and a Docker of its own. A host that policy holds
 * back plays all six faults and is placed on; and whichever fault the drill itself is killed in, nothing of it stays.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { DRILL_FAULTS, type DrillFault } from "@remotegpu/shared/messages/drill-report";
import { eventually } from "../support/eventually.ts";
import { BuiltPackages, IMAGE, MAKE_IMAGE } from "./built-packages.ts";
import { ControlPlaneMachine } from "./control-plane-machine.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";

const AGENT = "remotegpu-agent.service";
const UNIT = "remotegpu-drill.service";
const STATE = "/var/lib/remotegpu";
const OF_HOSTS = "docker.io docker-cli curl iptables iproute2 busybox-static e2fsprogs".split(" ");
/** A core is the least that an environment takes. It is not what the story is about. */
const MANY_CORES = `NODE_OPTIONS="--max-semi-space-size=1 --import=data:text/javascript,import%20os%20from%20'node:os';os.cpus=()=>Array(64).fill({model:'',speed:0})"`;
/** A disk of its own for the state folder: the machines share that of this one. It is never written whole. */
const OWN_DISK = `mkdir -p ${STATE} && chmod 700 ${STATE} && truncate --size=32G /root/disk && mkfs.ext4 -q -N 65536 /root/disk && \
  for each in $(seq 0 63); do [ -e /dev/loop$each ] || mknod /dev/loop$each b 7 $each; done && mount -o loop /root/disk ${STATE}`;
const LIVE_RESTORE = `printf '{"features":{"cdi":true},"live-restore":true}' >/etc/docker/daemon.json && systemctl restart docker`;
/** As the page for operators starts it. */
const DRILL = `set -a; . /etc/remotegpu/agent.env; set +a
exec /opt/remotegpu/current/node /opt/remotegpu/current/agent.mjs "$@"`;
const DRILL_MS = 560_000;

const Shown = z.looseObject({ id: z.string(), status: z.string(), status_reason: z.string().nullable() });
const HostShown = z.looseObject({
  connection: z.string(),
  degraded: z.array(z.string()),
  drill: z.looseObject({ passed: z.boolean(), canary: z.string() }).nullable(),
});

const ending = new AsyncDisposableStack();
let controlPlane: ControlPlaneMachine;
let host: Machine;
let canary: string;

beforeAll(async () => {
  const built = ending.adopt(await BuiltPackages.build(), (packages) => packages.close());
  const stage = ending.adopt(await Stage.open(), (open) => open.close());
  controlPlane = await ControlPlaneMachine.open(stage, "control", built.controlPlane());
  host = await stage.machine("host-1", OF_HOSTS);
  await host.run(OWN_DISK);
  await host.run(LIVE_RESTORE);
  await host.run(MAKE_IMAGE, { folder: "/root" });
  await host.run(`cat >/root/agent.sh <<'END'\n${DRILL}\nEND`);
  await host.run(`${await controlPlane.joinCommand()} --simulated-gpus 2`);
  await host.run(`cat >>/etc/remotegpu/agent.env <<'END'\n${MANY_CORES}\nEND`);
  await host.run(`systemctl restart ${AGENT}`);
  await controlPlane.isOnline("host-1");
  for (const line of ["cpu", "memory", "gpu"]) await controlPlane.cli(`price set default ${line} 1`);
  await controlPlane.cli(
    "quota set --customer 1 --cpu 64 --memory 64G --gpu 2 --storage 200G --environments 8",
  );
  await controlPlane.cli("customer top-up 1 100000");
  await controlPlane.cli(`image create ${IMAGE}`);
  await controlPlane.cli("setting set HOST_DRILL_MAX_DAYS 90");
});
afterAll(() => ending.disposeAsync());

const shown = async (name: string) =>
  Shown.parse(JSON.parse(await controlPlane.cli(`env show ${name} --json`)));
const hostShown = async () => HostShown.parse(JSON.parse(await controlPlane.cli("host show host-1 --json")));
const agent = (line: string) => host.report(`sh /root/agent.sh ${line}`, { withinMs: DRILL_MS });
const mainPid = (unit: string) => host.run(`systemctl show --property=MainPID --value ${unit}`);
/** Process, start and identity of each container. */
const containers = () =>
  host.run(`docker inspect --format '{{.State.Pid}} {{.State.StartedAt}} {{.Id}}' $(docker ps --quiet)`);

test("a host without a certificate is held back, and owner and order are told why", async () => {
  await controlPlane.cli(`env create waiting --image ${IMAGE} --cpu 1 --memory 64M --gpu 1`);

  await eventually(
    async () => (await shown("waiting")).status_reason?.includes("it has no certificate of a drill") === true,
    { withinMs: 60_000, what: "the reason" },
  );

  expect(await controlPlane.cli("host list -o wide")).toContain("it has no certificate of a drill");
  expect(await controlPlane.cli("host drill host-1")).toContain(
    "Nothing new is placed there: it has no certificate of a drill.",
  );
});

test("the drill's canary is placed there all the same", async () => {
  await controlPlane.cli(`host update host-1 --labels '{"drill":"1"}'`);

  await controlPlane.cli(
    `env create canary --image ${IMAGE} --cpu 1 --memory 64M --gpu 1 --host-label drill=1 --wait`,
  );

  [canary = ""] = (await agent("open-runs")).output.split(" ");
  expect(canary).toMatch(/^ins-/);
});

test("beside a container of somebody else nothing is played", async () => {
  await host.run(`docker run --detach --name somebody-elses ${IMAGE} sleep 100000`);
  const before = await containers();

  const { exitCode, output } = await agent(`drill --canary ${canary}`);

  expect(output).toContain("Containers run here that are not of this agent (somebody-elses)");
  expect(exitCode).toBe(1);
  expect(await containers()).toBe(before);
  await host.run("docker rm --force somebody-elses");
});

/** What shows that a fault is being played. */
const BEGUN: Record<DrillFault, (pids: { agent: string; docker: string }) => string> = {
  "agent-kill": ({ agent: pid }) => otherPid(AGENT, pid),
  "clock-jump": () => `grep -q '"clockAheadMs":3600000' ${STATE}/drill/running.json`,
  "lost-network": () => "iptables -w 5 -S OUTPUT | grep -q RGPU-DRILL",
  "disk-full": () => `[ -s ${STATE}/drill/filler ]`,
  "runtime-restart": ({ docker: pid }) => otherPid("docker.service", pid),
  "lost-card": () => `grep -q '"lostCard":"GPU' ${STATE}/drill/running.json`,
};
const otherPid = (unit: string, pid: string) =>
  `! systemctl show --property=MainPID --value ${unit} | grep -qx '${pid}'`;

test.each(DRILL_FAULTS)("a drill that is killed in %s leaves nothing of it", async (fault) => {
  const before = await containers();
  const begun = BEGUN[fault]({ agent: await mainPid(AGENT), docker: await mainPid("docker.service") });
  await host.launch(`sh /root/agent.sh drill --canary ${canary} --only ${fault}`);
  await host.run(`until ${begun} 2>/dev/null; do sleep 0.2; done`, { withinMs: 90_000 });

  await host.run(`systemctl kill --kill-whom=main --signal=KILL ${UNIT}`);

  await host.run(
    `until systemctl show --property=LoadState --value ${UNIT} | grep -qx not-found; do sleep 0.2; done`,
  );
  expect(await host.run(`ls ${STATE}/drill; iptables -w 5 -S; ip6tables -w 5 -S`)).not.toMatch(
    /filler|running|RGPU-DRILL/,
  );
  await eventually(
    async () => {
      const { connection, degraded } = await hostShown();
      return connection === "connected" && degraded.length === 0;
    },
    { withinMs: 150_000, what: "a host that is well" },
  );
  expect(await containers()).toBe(before);
  expect((await hostShown()).drill).toBeNull();
});

test("a drill goes on without whoever called it", async () => {
  const caller = await host.launch(`sh /root/agent.sh drill --canary ${canary} --only clock-jump`);
  const isBegun = BEGUN["clock-jump"]({ agent: "", docker: "" });
  await host.run(`until ${isBegun} 2>/dev/null; do sleep 0.2; done`, { withinMs: 90_000 });

  await caller.interrupt();

  await eventually(async () => !(await caller.isAlive()), { what: "the caller's end" });
  await host.run(
    `until systemctl show --property=LoadState --value ${UNIT} | grep -qx not-found; do sleep 0.2; done`,
  );
  expect(await host.run(`journalctl --unit=${UNIT} --output=cat --lines=1`)).toMatch(
    /Deactivated successfully/,
  );
});

test("all six faults are survived, and the host is placed on by its certificate", async () => {
  const before = await containers();

  const { exitCode, output } = await agent(`drill --canary ${canary}`);

  console.log(output);
  for (const fault of DRILL_FAULTS) expect(output).toMatch(new RegExp(`^ok +${fault} `, "m"));
  expect(output).toMatch(/^Passed on .*: this host has a certificate\.$/m);
  expect(exitCode).toBe(0);
  expect(await containers()).toContain(before);
  await eventually(async () => (await hostShown()).drill?.passed === true, { withinMs: 60_000 });
  expect((await hostShown()).drill).toMatchObject({ canary });
  expect(await controlPlane.cli("host drill host-1")).toMatch(/^The drill of .* passed\.$/m);
  await eventually(async () => (await shown("waiting")).status === "running", {
    withinMs: 60_000,
    what: "what had waited",
  });
});

test("beside a customer's environment nothing is played", async () => {
  const before = await containers();

  const { exitCode, output } = await agent(`drill --canary ${canary}`);

  expect(output).toContain("runs here, too: a drill is played on a host that runs nothing but its canary");
  expect(exitCode).toBe(1);
  expect(await containers()).toBe(before);
});
