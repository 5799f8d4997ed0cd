/** A control plane and a host under systemd: join, work, upgrade in place, crash, reboot. Work outlives all but the last. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { IMAGE, MAKE_IMAGE } from "./built-packages.ts";
import { ControlPlaneMachine } from "./control-plane-machine.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";

const AGENT = "remotegpu-agent.service";
const ACCESS = "remotegpu-access.service";
const FILES = "remotegpu-files.service";
/** A second access process, with all that its unit allows and forbids, and a list that no agent makes. */
const TRIED = "tried-access.service";
const ENVIRONMENTS = 20;
/**
 * A core is the least that an environment takes, and twenty must fit; and whoever waits for the watchdog should not
 * wait for two minutes. Neither is what the story is about.
 */
const MANY_CORES = `NODE_OPTIONS="--max-semi-space-size=1 --import=data:text/javascript,import%20os%20from%20'node:os';os.cpus=()=>Array(64).fill({model:'',speed:0})"`;
const WATCHDOG_SECONDS = 15;
/** The page for operators, "Remove the agent itself". */
const UNINSTALL =
  "systemctl disable --now remotegpu-upgrade.timer remotegpu-upgrade-cleanup.timer remotegpu-agent remotegpu-access remotegpu-files && (set -a; . /etc/remotegpu/agent.env; /opt/remotegpu/current/node /opt/remotegpu/current/agent.mjs restore-limits) && rm -r /etc/systemd/system/remotegpu-[afu]* /opt/remotegpu /etc/remotegpu && systemctl daemon-reload";

let stage: Stage;
let controlPlane: ControlPlaneMachine;
let host: Machine;
let environment: string;

beforeAll(async () => {
  stage = await Stage.open();
  controlPlane = await ControlPlaneMachine.open(stage, "control");
  host = await stage.machine("host-1", ["curl"]);
});
afterAll(() => stage?.close());

async function unit(on: Machine, name: string, property: string): Promise<string> {
  return on.run(`systemctl show --property=${property} --value ${name}`);
}

/** Process, start and identity of every container on the host. */
async function containers(): Promise<string> {
  const format = "{{.State.Pid}} {{.State.StartedAt}} {{.Id}} {{.State.Running}}";
  return host.run(`docker inspect --format '${format}' $(docker ps --all --quiet)`);
}

/** What the doctor of the host says of all that was written down so far. */
async function doctor(): Promise<{ exitCode: number; output: string }> {
  return host.report(
    "set -a; . /etc/remotegpu/agent.env; /opt/remotegpu/current/node /opt/remotegpu/current/agent.mjs doctor",
  );
}
const WELL = { exitCode: 0, output: expect.stringContaining("All is well") };

async function running(): Promise<number> {
  const listed = JSON.parse(await controlPlane.cli("env list --json")) as { items: { status: string }[] };
  return listed.items.filter(({ status }) => status === "running").length;
}

/** Does it, and waits until the fleet has heard from the agent that lives then. */
async function throughAnotherAgent(what: () => Promise<unknown>): Promise<{ before: string; after: string }> {
  const before = await unit(host, AGENT, "MainPID");
  const since = String((await controlPlane.host("host-1"))?.["last_heartbeat"]);
  await what();
  await eventually(async () => (await unit(host, AGENT, "ActiveState")) === "active");
  await controlPlane.isOnline("host-1", { since });
  return { before, after: await unit(host, AGENT, "MainPID") };
}

test("the control plane serves as its unit, with nothing but its own user's rights", async () => {
  const name = "remotegpu-control-plane";
  expect(await unit(controlPlane.machine, name, "ActiveState")).toBe("active");
  expect(await unit(controlPlane.machine, name, "NRestarts")).toBe("0");
  const pid = await unit(controlPlane.machine, name, "MainPID");
  const uids = await controlPlane.machine.run(`stat --format=%u /proc/${pid} /var/lib/${name}/operator.json`);
  expect(uids).toMatch(/^([1-9]\d+)\n\1$/);
  expect(await controlPlane.machine.run(`journalctl --unit=${name} --output=cat`)).toContain(
    '"msg":"the control plane serves"',
  );
});

/** A client of the web side that is connected from before a reload until after it, and has its request answered then. */
const LATE_REQUEST = `
  const fs = require("fs");
  const socket = require("tls").connect({ port: 8445, host: "127.0.0.1", rejectUnauthorized: false }, () => {
    fs.writeFileSync("/root/connected", "");
    const polling = setInterval(() => {
      if (!fs.existsSync("/root/reloaded")) return;
      clearInterval(polling);
      socket.write("GET / HTTP/1.1\\r\\nHost: control\\r\\n\\r\\n");
    }, 100);
  });
  socket.on("data", (bytes) => (console.log("answered: " + String(bytes).slice(0, 8)), process.exit(0)));
  socket.on("close", () => console.log("cut"));`;

test("the control plane serves by files that root alone can read, and a reload takes in renewed ones and cuts nobody", async () => {
  const { machine } = controlPlane;
  const name = "remotegpu-control-plane";
  expect(await machine.run("stat --format='%a %U' /etc/remotegpu/credentials/web-key.pem")).toBe("600 root");
  const first = await controlPlane.webCertificates();
  expect(first.presented).toBe(first.file);
  const pid = await unit(machine, name, "MainPID");
  await machine.run(`cat >/root/late-request.cjs <<'END'\n${LATE_REQUEST}\nEND`);
  const client = await machine.launch(`${controlPlane.node} /root/late-request.cjs`);
  await eventually(async () => (await machine.report("test -e /root/connected")).exitCode === 0);

  await controlPlane.renewWebCertificate();
  const settings = "/etc/remotegpu/control-plane.env";
  expect(await machine.run(`stat --format='%a %U' ${settings}`)).toBe("600 root");
  await machine.run(`echo REMOTEGPU_LOG_LEVEL=debug >>${settings} && systemctl reload ${name}`);

  await eventually(
    async () => {
      const { file, presented } = await controlPlane.webCertificates();
      return file !== first.file && presented === file;
    },
    { withinMs: 60_000, what: "the renewed certificate" },
  );
  await machine.run("touch /root/reloaded");
  await eventually(async () => (await client.output()) !== "", { what: "an answer to who was connected" });
  expect((await client.output()).trim()).toBe("answered: HTTP/1.1");
  expect(await unit(machine, name, "MainPID")).toBe(pid);
  const lines = await machine.run(`journalctl --unit=${name} --output=cat`);
  expect(lines).toMatch(/"logLevel":"debug".*"msg":"the settings were read again"/);
});

test("a machine with curl alone joins by the printed line and works", async () => {
  const output = await host.run(`${await controlPlane.joinCommand()} --simulated-gpus 2`);

  expect(output).toContain("Docker is missing: installing docker.io");
  expect(output).toContain("==> this host runs version");
  expect(await unit(host, AGENT, "ActiveState")).toBe("active");
  expect(await unit(host, AGENT, "StatusText")).toBe("looking after this host");
  expect(await host.run(`systemctl is-enabled ${AGENT}`)).toBe("enabled");
  expect(await host.run(`journalctl --unit=${AGENT} --output=cat`)).toContain('"msg":"connected to NATS"');
  await controlPlane.isOnline("host-1");
  expect(await controlPlane.host("host-1")).toMatchObject({ simulated: true, total_gpu: 2, degraded: [] });
  await eventually(async () => (await unit(host, ACCESS, "ActiveState")) === "active");
  expect(await unit(host, ACCESS, "StatusText")).toBe("holding the ports of this host's leases");
  expect(await host.run(`systemctl is-enabled ${ACCESS}`)).toBe("enabled");
});

test("a system call that the agent's unit denies fails with EPERM and ends nothing", async () => {
  const tried = "tried-agent.service";
  await host.run(
    `sed -e 's|^ExecStart=.*|ExecStart=/bin/sh -c "date --set=@0; echo went on"|' -e 's/^Type=.*/Type=oneshot/' \
         -e '/^\\(Restart\\|WatchdogSec\\)/d' /etc/systemd/system/${AGENT} >/etc/systemd/system/${tried} && \
     systemctl daemon-reload && systemctl start ${tried}`,
  );

  const output = await host.run(`journalctl --unit=${tried} --output=cat`);

  expect(output).toContain("cannot set date: Operation not permitted");
  expect(output).toContain("went on");
  await host.run(`rm /etc/systemd/system/${tried} && systemctl daemon-reload`);
});

test("the units that run are no more exposed than they may be", async () => {
  const exposure = async (on: Machine, name: string) => {
    const output = await on.run(`systemd-analyze security --no-pager ${name} | tail -n 1`);
    console.log(output);
    return Number(/Overall exposure level for \S+: (\d+\.\d)/.exec(output)?.[1]);
  };

  expect(await exposure(host, AGENT)).toBeLessThanOrEqual(7);
  expect(await exposure(host, ACCESS)).toBeLessThanOrEqual(4);
  expect(await exposure(host, FILES)).toBeLessThanOrEqual(3);
  expect(await exposure(controlPlane.machine, "remotegpu-control-plane.service")).toBeLessThanOrEqual(1.5);
});

test("an environment with a GPU runs on it and is entered from the control plane", async () => {
  const dropIn = `/etc/systemd/system/${AGENT}.d`;
  await host.run(
    `mkdir ${dropIn} && printf '[Service]\\nWatchdogSec=${WATCHDOG_SECONDS}s\\n' >${dropIn}/proof.conf`,
  );
  await host.run(
    `cat >>/etc/remotegpu/agent.env <<'LINES'\n${MANY_CORES}\nREMOTEGPU_UPGRADE_PROBATION_SECONDS=60\nLINES`,
  );
  await throughAnotherAgent(() => host.run(`systemctl daemon-reload && systemctl restart ${AGENT}`));
  await host.run(`DEBIAN_FRONTEND=noninteractive apt-get install -qq busybox-static`);
  await host.run(MAKE_IMAGE, { folder: "/root" });
  for (const line of ["cpu", "memory", "gpu"]) await controlPlane.cli(`price set default ${line} 1`);
  await controlPlane.cli(
    "quota set --customer 1 --cpu 64 --memory 64G --gpu 2 --storage 200G --environments 64",
  );
  // For days: who is near the end of their money is stopped where a host is cut off for hours, and the clock of a machine
  // in a container does not begin anew when that boots.
  await controlPlane.cli("customer top-up 1 100000");
  await controlPlane.cli(`image create ${IMAGE}`);

  await controlPlane.cli(`env create first --image ${IMAGE} --cpu 1 --memory 256M --gpu 1 --wait`);

  const [, id = ""] = /(env-\w+)/.exec(await controlPlane.cli("env list")) ?? [];
  environment = id;
  expect(await controlPlane.cli(`env exec ${environment} nvidia-smi -L`)).toMatch(/^GPU 0: Simulated/);
});

test("what the access process's unit allows is enough to lead a client into a container", async () => {
  const [id = ""] = (await host.run("docker ps --quiet --no-trunc")).split("\n");
  await host.run(`docker exec --detach ${id} nc -ll -p 7000 -e echo hello`);
  await host.run(
    `sed -e 's/^StateDirectory=remotegpu$/StateDirectory=tried-access/' \
         -e '/^EnvironmentFile=/a EnvironmentFile=/etc/remotegpu/tried.env' /etc/systemd/system/${ACCESS} \
       >/etc/systemd/system/${TRIED} && \
     printf 'REMOTEGPU_STATE_DIR=/var/lib/tried-access\\nREMOTEGPU_LEASE_PORTS=19000-19009\\n' >/etc/remotegpu/tried.env && \
     systemctl daemon-reload && systemctl start ${TRIED}`,
  );
  const script = `
    const pid = Number(process.argv[2]);
    const startTicks = Number(require("fs").readFileSync("/proc/" + pid + "/stat", "utf8").split(") ")[1].split(" ")[19]);
    const lease = { leaseId: "a", workloadId: "w", service: "custom", internalPort: 7000, autoReleaseHours: 1, want: "held" };
    const list = { kind: "list", serial: 1, term: 1, generation: 1, bundle: null, leases: [lease],
      instances: [{ workloadId: "w", instanceId: "i", pid, startTicks }], gateway: null };
    const socket = require("net").connect("/var/lib/tried-access/access.sock");
    socket.write(JSON.stringify(list) + "\\n");
    socket.on("data", (news) => {
      const port = /"externalPort":(\\d+)/.exec(String(news));
      if (port === null) return;
      require("net").connect(Number(port[1]), "127.0.0.1").on("data", (said) => {
        process.stdout.write(said);
        process.exit(0);
      });
    });`;
  await host.run(`cat >/root/try.cjs <<'END'\n${script}\nEND`);
  const pid = await host.run(`docker inspect --format '{{.State.Pid}}' ${id}`);

  const output = await host.run(`timeout 30 /opt/remotegpu/current/node /root/try.cjs ${pid}`);

  expect(output).toBe("hello");
  await host.run(`systemctl stop ${TRIED} && rm /etc/systemd/system/${TRIED} && systemctl daemon-reload`);
});

test("files of an environment go in and come out by the files process as its unit has it, killed or not", async () => {
  expect(await unit(host, FILES, "ActiveState")).toBe("active");
  expect(await host.run(`systemctl is-enabled ${FILES}`)).toBe("enabled");
  const { machine } = controlPlane;
  await machine.run("dd if=/dev/urandom of=/root/there bs=1M count=8 status=none");
  const [sum = "none"] = (await machine.run("sha256sum /root/there")).split(" ");

  await controlPlane.cli(`env put ${environment} /root/there code/there`);

  expect(await controlPlane.cli(`env exec ${environment} sha256sum /gemini/code/there`)).toContain(sum);
  expect(await controlPlane.cli(`env ls ${environment} code`)).toContain("there");
  await host.run(`systemctl kill --signal=KILL ${FILES}`);
  const comesBack = async () => {
    await controlPlane.cli(`env get ${environment} code/there /root/back`);
    return (await machine.run("sha256sum /root/back")).startsWith(sum);
  };
  await eventually(comesBack, { withinMs: 60_000, what: "the file" });
  expect(await unit(host, FILES, "NRestarts")).toBe("1");
});

test("nineteen more run beside it", async () => {
  for (let number = 2; number <= ENVIRONMENTS; number += 1)
    await controlPlane.cli(`env create number-${number} --image ${IMAGE} --cpu 1 --memory 64M`);

  await eventually(async () => (await running()) === ENVIRONMENTS, { withinMs: 120_000, what: "twenty" });

  expect((await containers()).split("\n")).toHaveLength(ENVIRONMENTS);
  expect(await doctor()).toMatchObject(WELL);
});

test("the same line again changes nothing", async () => {
  const pid = await unit(host, AGENT, "MainPID");

  const output = await host.run(await controlPlane.joinCommand());

  expect(output).toContain("nothing has changed; the agent runs on");
  expect(await unit(host, AGENT, "MainPID")).toBe(pid);
});

/**
 * A client of a leased port: says a line every few milliseconds, and that it is done once a file is there; at the end
 * it tells whether everything that it said came back.
 */
const TALKER = `
  const said = [], net = require("net"), fs = require("fs");
  const socket = net.connect(Number(process.argv[2]), "127.0.0.1").setEncoding("utf8");
  let heard = "";
  socket.on("data", (text) => (heard += text));
  socket.on("error", (error) => console.log("broken off:", error.code));
  socket.on("close", () => {
    console.log(heard === said.join("") ? "all came back of" : "not all came back of", said.length);
    process.exit(0);
  });
  const talking = setInterval(() => {
    if (fs.existsSync("/root/enough")) {
      clearInterval(talking);
      return socket.end();
    }
    said.push("line " + said.length + "\\n");
    socket.write(said.at(-1));
  }, 5);`;

test("a newer agent takes over in place; containers keep their processes, and who is connected notices nothing", async () => {
  await controlPlane.cli(`env exec ${environment} -- sh -c 'nc -ll -p 7100 -e cat >/dev/null 2>&1 &'`);
  const opened = await controlPlane.cli(`port open ${environment} 7100 --json`);
  const { external_port: port } = JSON.parse(opened) as { external_port: number };
  await host.run(`cat >/root/talk.cjs <<'END'\n${TALKER}\nEND`);
  const talk = await host.launch(`/opt/remotegpu/current/node /root/talk.cjs ${port}`);
  const running = await containers();
  const access = await unit(host, ACCESS, "MainPID");
  await controlPlane.offerAgent({ release: "9.0.0", line: "// newer" });

  const agent = await throughAnotherAgent(async () => host.run(await controlPlane.joinCommand()));

  expect(agent.after).not.toBe(agent.before);
  expect(await host.run("readlink /opt/remotegpu/current")).toMatch(/^9\.0\.0-/);
  expect(await containers()).toBe(running);
  expect(await unit(host, ACCESS, "MainPID")).toBe(access);
  await host.run("until [ ! -e /opt/remotegpu/upgrade.json ]; do sleep 0.5; done");
  // The access process hands over once the new version is committed, and serves who is connected.
  const successor = await eventually(
    async () => {
      const [pid, state] = [await unit(host, ACCESS, "MainPID"), await unit(host, ACCESS, "ActiveState")];
      return pid !== access && pid !== "0" && state === "active" && pid;
    },
    { withinMs: 120_000, what: "another access process" },
  );
  expect(await host.run(`readlink /proc/${successor}/exe`)).toMatch(/\/9\.0\.0-/);
  expect(await unit(host, ACCESS, "NRestarts")).toBe("0");
  expect(await talk.isAlive()).toBe(true);
  await host.run("touch /root/enough");
  await eventually(async () => (await talk.output()) !== "", { what: "the client's end" });
  const [, lines] = /^all came back of (\d+)$/.exec((await talk.output()).trim()) ?? [];
  expect(Number(lines)).toBeGreaterThan(100);
  await eventually(async () => (await host.report(`kill -0 ${access}`)).exitCode !== 0, {
    withinMs: 60_000,
    what: "the end of the one before, to which nobody is connected any more",
  });
  expect(await doctor()).toMatchObject(WELL);
});

test("an agent that cannot start is taken back, and the one before goes on", async () => {
  const running = await containers();
  await controlPlane.offerAgent({ release: "9.0.1", line: "process.exit(7)" });

  const { exitCode, output } = await host.report(await controlPlane.joinCommand());

  expect(exitCode).toBe(1);
  expect(output).toMatch(/version 9\.0\.1-\w+ was refused: /);
  expect(await host.run("readlink /opt/remotegpu/current")).toMatch(/^9\.0\.0-/);
  expect(await unit(host, AGENT, "ActiveState")).toBe("active");
  await controlPlane.isOnline("host-1");
  expect(await containers()).toBe(running);
});

test.each(["systemctl restart", "systemctl kill --signal=KILL", "systemctl kill --signal=ABRT"])(
  "after %s the agent is back, and no container noticed",
  async (how) => {
    const running = await containers();

    const agent = await throughAnotherAgent(() => host.run(`${how} ${AGENT}`));

    expect(agent.after).not.toBe(agent.before);
    expect(await containers()).toBe(running);
    expect(await controlPlane.cli(`env exec ${environment} echo still here`)).toBe("still here");
  },
);

test("an agent that hangs is ended by the watchdog and replaced; no container noticed, and no second is missing", async () => {
  const running = await containers();
  const restarts = Number(await unit(host, AGENT, "NRestarts"));

  const agent = await throughAnotherAgent(async () => {
    await host.run(`systemctl kill --signal=STOP ${AGENT}`);
    await eventually(async () => Number(await unit(host, AGENT, "NRestarts")) > restarts, {
      withinMs: 120_000,
      what: "the watchdog",
    });
  });

  expect(agent.after).not.toBe(agent.before);
  expect(await host.run(`journalctl --unit=${AGENT} --output=cat`)).toContain("Watchdog timeout");
  expect(await containers()).toBe(running);
  // The agent is heard from before its first look at twenty containers is written down.
  await eventually(async () => expect(await doctor()).toMatchObject(WELL), { withinMs: 60_000 });
});

test("after a restart of Docker no container noticed", async () => {
  const running = await containers();

  await host.run("systemctl restart docker");

  await eventually(async () => (await controlPlane.cli(`env exec ${environment} echo here`)) === "here", {
    withinMs: 60_000,
  });
  expect(await containers()).toBe(running);
});

test("after a restart of all that is central the host works for it again", async () => {
  const running = await containers();
  const since = String((await controlPlane.host("host-1"))?.["last_heartbeat"]);

  await controlPlane.machine.run("systemctl restart remotegpu-control-plane nats-server postgresql");

  await eventually(() => controlPlane.isOnline("host-1", { since }).then(() => true), { withinMs: 90_000 });
  expect(await containers()).toBe(running);
  expect(await controlPlane.cli(`env exec ${environment} echo still here`)).toBe("still here");
});

test("after a reboot of the host its agent and its environment come back", async () => {
  const before = await host.run("cat /proc/sys/kernel/random/boot_id");

  await throughAnotherAgent(() => host.reboot());

  expect(await host.run("cat /proc/sys/kernel/random/boot_id")).not.toBe(before);
  await eventually(
    async () => (await controlPlane.cli(`env exec ${environment} nvidia-smi -L`)).startsWith("GPU 0"),
    {
      withinMs: 90_000,
      what: "the environment after the reboot",
    },
  );
  expect(await controlPlane.environment(environment)).toMatchObject({ status: "running" });
});

test("a host that is taken away leaves its containers to Docker and its files where they are", async () => {
  // After the reboot they come back one after the other.
  const up = "docker ps --quiet --filter label=remotegpu.host | wc -l";
  await eventually(async () => (await host.run(up)) === String(ENVIRONMENTS), {
    withinMs: 120_000,
    what: "all of them",
  });
  expect(await doctor()).toMatchObject(WELL);
  const before = await containers();

  await host.run(UNINSTALL);

  expect(await containers()).toBe(before);
  expect(await host.run("ls /var/lib/remotegpu")).not.toContain("access.sock");
  expect(await host.run("ls /var/lib/remotegpu")).toMatch(/^journal\.sqlite$/m);
  expect(await host.run(up)).toBe(String(ENVIRONMENTS));
  await host.run("docker rm --force $(docker ps --all --quiet --filter label=remotegpu.host)");
  expect(await host.run("docker ps --all --quiet")).toBe("");
});
