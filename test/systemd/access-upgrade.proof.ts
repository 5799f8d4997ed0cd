/**
 * The access process's unit through upgrades, kills and a restart of Docker under an open SSH session. A script is in the
 * agent's place: what it tells is all that an upgraded agent does to this unit.
 */
import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bundles } from "../support/agent/bundles.ts";
import { eventually } from "../support/eventually.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";

const ACCESS = "remotegpu-access.service";
const STATE = "/var/lib/remotegpu";
const OPT = "/opt/remotegpu";
const SECOND = "2.0.0-222222222222";
const THIRD = "3.0.0-333333333333";
const WATCHDOG_SECONDS = 10;
const PACKAGES = ["docker.io", "docker-cli", "iptables", "openssh-client", "openssh-server"];

/** Says the whole list again and again, as the agent does, with the bundle that a file names. */
const TELLER = `
  const fs = require("fs"), net = require("net");
  const pid = Number(process.argv[2]);
  const startTicks = Number(fs.readFileSync("/proc/" + pid + "/stat", "utf8").split(") ")[1].split(" ")[19]);
  const lease = { leaseId: "a", workloadId: "w", service: "ssh", internalPort: 2022, autoReleaseHours: 1, want: "held" };
  const instances = [{ workloadId: "w", instanceId: "i", runId: "r", pid, startTicks, openTo: null }];
  const again = () => setTimeout(tell, 500);
  function tell() {
    const bundle = fs.readFileSync("/root/bundle", "utf8").trim();
    const list = { kind: "list", serial: 1, term: 1, generation: 1, bundle, leases: [lease], instances, gateway: null, keySets: [], cuts: [], taken: [] };
    const socket = net.connect("${STATE}/access.sock").on("error", () => undefined).on("close", again);
    socket.write(JSON.stringify(list) + "\\n");
    socket.on("data", (news) => {
      const port = /"externalPort":(\\d+)/.exec(String(news));
      if (port !== null) fs.writeFileSync("/root/port", port[1]);
      socket.end();
    });
  }
  tell();`;

/** An SSH session that says a line every few milliseconds and counts what comes back, until a file is there. */
const TALKER = `
  const fs = require("fs"), said = [];
  const ssh = require("child_process").spawn("ssh", [...process.argv.slice(2), "cat"], { stdio: ["pipe", "pipe", "inherit"] });
  let heard = "";
  ssh.stdout.setEncoding("utf8").on("data", (text) => (heard += text));
  ssh.on("close", () => {
    console.log(heard === said.join("") ? "all came back of" : "not all came back of", said.length);
    process.exit(0);
  });
  const talking = setInterval(() => {
    if (fs.existsSync("/root/enough")) return clearInterval(talking), ssh.stdin.end();
    said.push("line " + said.length + "\\n");
    ssh.stdin.write(said.at(-1));
  }, 5);`;

const ending = new AsyncDisposableStack();
let host: Machine;
let first: string;
let port: string;
let talk: Awaited<ReturnType<Machine["launch"]>>;

beforeAll(async () => {
  const bundles = ending.adopt(await Bundles.build(), (built) => built.close());
  first = bundles.built;
  const stage = ending.adopt(await Stage.open(), (open) => open.close());
  host = await stage.machine("host-1", PACKAGES);
  const folder = bundles.folderOf(first);
  await host.bring(await readdir(folder), { from: folder, to: `${OPT}/${first}` });
  for (const version of [SECOND, THIRD])
    await host.run(`cp --archive ${OPT}/${first} ${OPT}/${version} && echo >>${OPT}/${version}/access.mjs`);
});
afterAll(() => ending.disposeAsync());

const unit = (property: string) => host.run(`systemctl show --property=${property} --value ${ACCESS}`);
const journal = () => host.run(`journalctl --unit=${ACCESS} --output=cat`);
const versionOf = (pid: string) => host.run(`readlink /proc/${pid}/exe | cut -d / -f 4`);
const ssh = () =>
  `-p ${port} -i /root/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1`;
const enter = () => host.run(`ssh ${ssh()} echo entered`);

/** What the upgrade unit does at commit, and an agent that runs from there. Resolves with the main process that follows. */
async function upgrade(version: string): Promise<string> {
  const before = await unit("MainPID");
  await host.run(`ln -sfn ${version} ${OPT}/committed && echo ${version} >/root/bundle`);
  return eventually(
    async () => {
      const pid = await unit("MainPID");
      return pid !== before && pid !== "0" && (await versionOf(pid)) === version && pid;
    },
    { withinMs: 60_000, what: `a main process of ${version}` },
  );
}

test("the unit serves an SSH session into a container", async () => {
  await host.run(
    `mkdir -p /etc/docker && printf '{"live-restore": true}' >/etc/docker/daemon.json && systemctl restart docker && \
     ssh-keygen -q -t ed25519 -N '' -f /root/key && mkdir -p /root/.ssh && cp /root/key.pub /root/.ssh/authorized_keys && \
     tar --create --one-file-system --exclude=./opt --exclude=./var/lib/docker --exclude=./var/cache --directory=/ . | docker import - image`,
  );
  const sshd =
    "mkdir -p /run/sshd && exec /usr/sbin/sshd -D -o Port=2022 -o ListenAddress=127.0.0.1 -o StrictModes=no";
  await host.run(`docker run --detach --name inside image sh -c '${sshd}'`);
  await host.run(
    `mkdir -p /etc/remotegpu && echo REMOTEGPU_STATE_DIR=${STATE} >/etc/remotegpu/agent.env && \
     ln -sfn ${first} ${OPT}/committed && echo ${first} >/root/bundle && cp ${OPT}/committed/${ACCESS} /etc/systemd/system/ && \
     mkdir /etc/systemd/system/${ACCESS}.d && \
     printf '[Service]\\nWatchdogSec=${WATCHDOG_SECONDS}s\\n' >/etc/systemd/system/${ACCESS}.d/proof.conf && \
     systemctl daemon-reload && systemctl start ${ACCESS}`,
  );
  await host.run(`cat >/root/tell.cjs <<'END'\n${TELLER}\nEND`);
  await host.run(`cat >/root/talk.cjs <<'END'\n${TALKER}\nEND`);
  const pid = await host.run("docker inspect --format '{{.State.Pid}}' inside");
  await host.launch(`${OPT}/${first}/node /root/tell.cjs ${pid}`);
  port = await eventually(() => host.run("cat /root/port"), { what: "a held port" });

  expect(await enter()).toBe("entered");
  talk = await host.launch(`${OPT}/${first}/node /root/talk.cjs ${ssh()}`);
});

test("a newer version takes over as the unit's main process; the session and the port stay, and systemd saw no restart", async () => {
  const before = await unit("MainPID");

  const after = await upgrade(SECOND);

  expect(after).not.toBe(before);
  expect([await unit("ActiveState"), await unit("NRestarts")]).toEqual(["active", "0"]);
  expect(await versionOf(before)).toBe(first);
  expect(await enter()).toBe("entered");
  expect(await talk.isAlive()).toBe(true);
});

test("a restart of Docker with live-restore ends neither the session nor the way in", async () => {
  await host.run("systemctl restart docker");

  expect(await enter()).toBe("entered");
  expect(await talk.isAlive()).toBe(true);
});

test("the newest one is killed: the unit starts another one on the same port, and the session of the one before goes on", async () => {
  const killed = await unit("MainPID");

  await host.run(`kill -KILL ${killed}`);

  await eventually(
    async () => (await unit("NRestarts")) === "1" && (await unit("ActiveState")) === "active",
    {
      withinMs: 60_000,
      what: "a restart by systemd",
    },
  );
  await eventually(async () => (await enter()) === "entered", { withinMs: 60_000, what: "the same port" });
  expect(await talk.isAlive()).toBe(true);
  await eventually(
    async () => /serves its connections to their end/.test((await journal()).split('"serving"').at(-1) ?? ""),
    { withinMs: 60_000, what: "an elder that has found it" },
  );
});

test("yet another version takes over from that, and is watched: one that hangs is replaced", async () => {
  const pid = await upgrade(THIRD);
  expect(await enter()).toBe("entered");

  await host.run(`kill -STOP ${pid}`);

  await eventually(
    async () => (await unit("NRestarts")) === "2" && (await unit("ActiveState")) === "active",
    {
      withinMs: 180_000,
      what: "the watchdog",
    },
  );
  await eventually(async () => (await enter()) === "entered", { withinMs: 60_000, what: "the same port" });
  expect(await journal()).toContain("Watchdog timeout");
  expect(await talk.isAlive()).toBe(true);
});

test("no byte of the session is missing, and after it the newest one is alone", async () => {
  await host.run("touch /root/enough");
  await eventually(async () => (await talk.output()) !== "", { what: "the session's end" });

  const [, lines] = /^all came back of (\d+)$/.exec((await talk.output()).trim()) ?? [];
  expect(Number(lines)).toBeGreaterThan(1_000);
  const main = await unit("MainPID");
  const left = () => host.run("pgrep --full --list-full 'access[.]mjs'");
  await eventually(async () => /^\d+ [^\n]*$/.test(await left()), { withinMs: 60_000 }).catch(
    () => undefined,
  );
  expect(await left()).toMatch(new RegExp(`^${main} [^\\n]*$`));
});

test("a stop ends all of them", async () => {
  await host.run(`systemctl stop ${ACCESS}`);

  expect(await unit("ActiveState")).toBe("inactive");
  expect(await host.run("pgrep --full 'access[-a-z]*[.]mjs' || true")).toBe("");
  expect(await host.run(`ls ${STATE}`)).not.toMatch(/\.sock$/m);
});
