/**
 * Upgrades of a host that works: a release that does is committed, and one that does not is taken back by the host itself,
 * whoever is killed meanwhile. Containers, an SSH session and the time that is billed go on throughout.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { MISSED_TICK_MS } from "@remotegpu/agent/core/metering/usage-interval";
import { eventually } from "../support/eventually.ts";
import { BuiltPackages, IMAGE, MAKE_IMAGE } from "./built-packages.ts";
import { ControlPlaneMachine } from "./control-plane-machine.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";

const AGENT = "remotegpu-agent.service";
const ACCESS = "remotegpu-access.service";
const UPGRADE = "remotegpu-upgrade.service";
const OPT = "/opt/remotegpu";
const STATE = "/var/lib/remotegpu";
const OF_HOSTS = ["docker.io", "docker-cli", "curl", "iptables", "iproute2", "busybox-static"];
/** With the two ranks of a gang and the replica of a service twenty containers. */
const ENVIRONMENTS = 17;
const CONTAINERS = 20;
/** A core is the least that an environment takes. It is not what the story is about. */
const MANY_CORES = `NODE_OPTIONS="--max-semi-space-size=1 --import=data:text/javascript,import%20os%20from%20'node:os';os.cpus=()=>Array(64).fill({model:'',speed:0})"`;
const PROBATION_SECONDS = 60;
const END_MS = 400_000;

/** Lays a release beside the installed one: a copy with one place of the agent's code changed. Prints its version. */
const MAKER = `
  const fs = require("fs"), { join } = require("path"), { createHash } = require("crypto");
  const [release, from, find, put] = process.argv.slice(2);
  const folder = "/root/releases/" + release;
  fs.cpSync(from, folder, { recursive: true });
  const code = fs.readFileSync(join(folder, "agent.mjs"), "utf8");
  if (!code.includes(find)) throw new Error("the agent has no " + find);
  fs.writeFileSync(join(folder, "agent.mjs"), code.replace(find, () => put));
  const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const names = fs.readdirSync(folder).filter((name) => !name.startsWith("MANIFEST")).sort();
  const lines = names.map((name) => {
    const mode = fs.statSync(join(folder, name)).mode & 0o100 ? 755 : 644;
    return hash(fs.readFileSync(join(folder, name))) + " " + mode + " " + name;
  });
  const version = release + "-" + hash(lines.join("\\n")).slice(0, 12);
  fs.writeFileSync(join(folder, "MANIFEST"), ["remotegpu-agent " + version, ...lines, ""].join("\\n"));
  console.log(version);`;

/** An SSH session that says a line every few milliseconds and counts what comes back, until a file is there. */
const TALKER = `
  const fs = require("fs"), said = [];
  const args = ["ssh", "first", "--", "-o", "StrictHostKeyChecking=no", "cat"];
  const ssh = require("child_process").spawn("remotegpu", args, { stdio: ["pipe", "pipe", "inherit"] });
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

/** Requests to the service, one after the other, with the status of each answer as a line. */
const REQUESTS = `
  while [ ! -e /root/enough ]; do
    remotegpu service curl hello / -- --resolve '*:8445:127.0.0.1' --insecure --max-time 60 \
      --output /dev/null --write-out '%{http_code}\\n' >>/root/answers 2>&1 || echo "curl ended with $?" >>/root/answers
    sleep 0.2
  done`;

/** Writes down the longest time between two ticks of metering, in milliseconds, whichever agents they are of. */
const WATCHER = `
  const fs = require("fs");
  let last = null, longest = 0;
  setInterval(() => {
    const { lastTickMs } = JSON.parse(fs.readFileSync("${STATE}/health.json", "utf8"));
    if (lastTickMs === null || lastTickMs === last) return;
    if (last !== null) longest = Math.max(longest, lastTickMs - last);
    last = lastTickMs;
    fs.writeFileSync("/root/longest", String(Math.round(longest)));
  }, 200);`;

/** What the journal's usage rows rest on, and how many rest on it. */
const PROOFS = `
  const { DatabaseSync } = require("node:sqlite");
  const rows = new DatabaseSync("${STATE}/journal.sqlite", { readOnly: true }).prepare("SELECT entry FROM rows").all();
  const counts = {};
  for (const { entry } of rows) {
    const [, proof] = /"proof":"([a-z]+)"/.exec(entry) ?? [];
    if (proof !== undefined) counts[proof] = (counts[proof] ?? 0) + 1;
  }
  console.log(JSON.stringify(counts));`;

const Results = z.array(
  z.looseObject({
    from: z.string(),
    to: z.string(),
    result: z.enum(["committed", "reverted", "refused"]),
    reason: z.looseObject({ code: z.string() }).nullable(),
  }),
);
const Shown = z.looseObject({ status: z.string() });
const Refused = z.array(z.looseObject({ version: z.string() }));

const ending = new AsyncDisposableStack();
let controlPlane: ControlPlaneMachine;
let host: Machine;
/** The release that is committed. */
let good: string;
let containersBefore: string;
let talk: Awaited<ReturnType<Machine["launch"]>>;

beforeAll(async () => {
  const built = ending.adopt(await BuiltPackages.build(), (packages) => packages.close());
  const stage = ending.adopt(await Stage.open(), (open) => open.close());
  controlPlane = await ControlPlaneMachine.open(stage, "control", built.controlPlane(["openssh-client"]));
  host = await stage.machine("host-1", OF_HOSTS);
  await host.run(MAKE_IMAGE, { folder: "/root" });
  await host.run(`${await controlPlane.joinCommand()} --simulated-gpus 2`);
  await host.run(
    `cat >>/etc/remotegpu/agent.env <<'END'\n${MANY_CORES}\nREMOTEGPU_UPGRADE_PROBATION_SECONDS=${PROBATION_SECONDS}\nEND`,
  );
  await host.run(`systemctl restart ${AGENT}`);
  await controlPlane.isOnline("host-1");
  await host.run(`curl -fsSk ${controlPlane.url}/install.sh >/root/install.sh`);
  for (const [name, text] of [
    ["make", MAKER],
    ["watch", WATCHER],
    ["proofs", PROOFS],
  ] as const)
    await host.run(`cat >/root/${name}.cjs <<'END'\n${text}\nEND`);
  await environments();
});
afterAll(() => ending.disposeAsync());

async function environments(): Promise<void> {
  for (const line of ["cpu", "memory", "gpu"]) await controlPlane.cli(`price set default ${line} 1`);
  await controlPlane.cli(
    "quota set --customer 1 --cpu 64 --memory 64G --gpu 2 --storage 200G --environments 64",
  );
  await controlPlane.cli("customer top-up 1 100000");
  await controlPlane.cli(`image create ${IMAGE}`);
  const { machine } = controlPlane;
  await machine.run("ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519");
  await controlPlane.cli("ssh-key add /root/.ssh/id_ed25519.pub");
  await controlPlane.cli(`env create first --image ${IMAGE} --cpu 1 --memory 256M --gpu 1 --wait`);
  for (let number = 2; number <= ENVIRONMENTS; number += 1)
    await controlPlane.cli(`env create number-${number} --image ${IMAGE} --cpu 1 --memory 64M --wait`);
  await controlPlane.cli(
    `job create together --image ${IMAGE} --nodes 2 --cpu 1 --memory 64M --max-minutes 600 -- sleep 100000`,
  );
  await controlPlane.cli(
    `service create hello --image ${IMAGE} --version 1 --cpu 1 --memory 64M --health / --command 'mkdir -p /tmp/www; echo hello > /tmp/www/index.html; exec httpd -f -p $PORT -h /tmp/www'`,
  );
  await eventually(
    async () => {
      const [job, service] = [await shown("job", "together"), await shown("service", "hello")];
      return job === "running" && service === "running";
    },
    { withinMs: 180_000, what: "the gang and the service" },
  );
}

/** Its status. */
async function shown(kind: "job" | "service", name: string): Promise<string> {
  return Shown.parse(JSON.parse(await controlPlane.cli(`${kind} show ${name} --json`))).status;
}

const unit = (name: string, property: string) =>
  host.run(`systemctl show --property=${property} --value ${name}`);
const linked = (name: string) => host.run(`readlink ${OPT}/${name}`);
const containers = () =>
  host.run(`docker inspect --format '{{.State.Pid}} {{.State.StartedAt}} {{.Id}}' $(docker ps --quiet)`);
const node = (script: string) => `${OPT}/current/node ${script}`;

async function fileOf<T>(name: string, shape: z.ZodType<T>): Promise<T> {
  return shape.parse(JSON.parse(await host.run(`cat ${OPT}/${name}`)));
}

/** @returns the version of a release with `put` in the place of `find` */
async function release(name: string, { find, put }: { find: string; put: string }): Promise<string> {
  return host.run(
    node(`/root/make.cjs ${name} ${OPT}/${await linked("committed")} ${quoted(find)} ${quoted(put)}`),
  );
}
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

const handOver = (name: string) => host.report(`sh /root/install.sh --release /root/releases/${name}`);

/** Waits until nothing is under way and the last result is of this version. @returns it, and the seconds that took */
async function endOf(version: string) {
  const began = performance.now();
  await host.run(
    `until grep -q '"to":"${version}"' ${OPT}/upgrade-results.json && [ ! -e ${OPT}/upgrade.json ]; do sleep 0.5; done`,
    { withinMs: END_MS },
  );
  const last = (await fileOf("upgrade-results.json", Results)).at(-1);
  return { last, seconds: Math.round((performance.now() - began) / 1_000) };
}

/** Resolves once this version runs on probation. */
const onProbation = (version: string) =>
  host.run(
    `until grep -q '"to":"${version}","phase":"probation"' ${OPT}/upgrade.json && systemctl is-active ${AGENT}; do sleep 0.2; done`,
  );

const goodRelease = (name: string) => release(name, { find: "\n", put: `\n// ${name}\n` });

describe("a release that works", () => {
  beforeAll(async () => {
    containersBefore = await containers();
    const { machine } = controlPlane;
    await machine.run(`cat >/root/talk.cjs <<'END'\n${TALKER}\nEND`);
    talk = await machine.launch("/usr/lib/remotegpu/node /root/talk.cjs");
    await machine.run(`cat >/root/request.sh <<'END'\n${REQUESTS}\nEND`);
    await machine.launch("sh /root/request.sh");
    await host.launch(`${OPT}/${await linked("current")}/node /root/watch.cjs`);
  });

  test("runs on probation when install.sh has ended, and the access process is still of the version before", async () => {
    const access = await unit(ACCESS, "MainPID");
    const before = await linked("current");
    good = await goodRelease("9.0.0");

    const { exitCode, output } = await handOver("9.0.0");

    expect(output).toContain(`runs version ${good} of the agent, on probation`);
    expect(exitCode).toBe(0);
    expect([await linked("current"), await linked("previous"), await linked("committed")]).toEqual([
      good,
      before,
      before,
    ]);
    expect(await unit(ACCESS, "MainPID")).toBe(access);
  });

  test("is committed after it, and only then the access process hands over", async () => {
    const access = await unit(ACCESS, "MainPID");

    const { last, seconds } = await endOf(good);

    console.log(`committed ${seconds} s after the switch`);
    expect(last).toMatchObject({ to: good, result: "committed", reason: null });
    expect(await linked("committed")).toBe(good);
    await eventually(
      async () => {
        const pid = await unit(ACCESS, "MainPID");
        const exe = pid === "0" ? "" : await host.run(`readlink /proc/${pid}/exe`);
        return pid !== access && exe.startsWith(`${OPT}/${good}/`);
      },
      { withinMs: 120_000, what: "an access process of the new version" },
    );
    expect(await unit(ACCESS, "NRestarts")).toBe("0");
    await controlPlane.isOnline("host-1");
  });

  test("leaves containers, the SSH session and metering as they were", async () => {
    expect(containersBefore.split("\n")).toHaveLength(CONTAINERS);
    expect(await containers()).toBe(containersBefore);
    expect(await talk.isAlive()).toBe(true);
    const longest = Number(await host.run("cat /root/longest"));
    console.log(`the longest time between two ticks: ${longest} ms`);
    expect(longest).toBeLessThan(MISSED_TICK_MS);
    const proofs = JSON.parse(await host.run(node("/root/proofs.cjs"))) as Record<string, number>;
    console.log(`usage rows: ${JSON.stringify(proofs)}`);
    expect(Object.keys(proofs)).toEqual(["exact"]);
  });
});

/** What no reader of the file can make sense of any more. */
const OVERWRITE = `const { openSync, writeSync, fsyncSync } = await import("node:fs"); setTimeout(() => {
  for (const name of ["", "-wal"]) { const file = openSync("${STATE}/journal.sqlite" + name, "r+");
    writeSync(file, Buffer.alloc(65_536, 0x5a), 0, 65_536, 0); fsyncSync(file); } }, 5_000);`;

const atRun = (code: string) => ({ find: "\n", put: `\nif (process.argv[2] === "run") { ${code} }\n` });
const BAD = [
  { name: "9.1.0", what: "ends at once", edit: atRun("process.exit(7);"), code: "upgrade-agent-restarts" },
  {
    name: "9.2.0",
    what: "hangs after it was ready",
    edit: atRun("setTimeout(() => { for (;;); }, 15_000);"),
    code: "upgrade-hung",
  },
  {
    name: "9.3.0",
    what: "crashes every 30 s",
    edit: atRun("setTimeout(() => process.exit(1), 30_000);"),
    code: "upgrade-agent-restarts",
  },
  {
    name: "9.5.0",
    what: "cannot open the journal",
    edit: atRun("throw new Error('the journal cannot be opened');"),
    code: "upgrade-agent-restarts",
  },
  {
    name: "9.6.0",
    what: "is never heard by the control plane",
    edit: { find: "link.converse(reportNow2());", put: "void reportNow2();" },
    code: "upgrade-not-heard",
  },
];

describe("a release that does not", () => {
  test.each(BAD)("$what is taken back, and not tried again", async ({ name, edit, code, what }) => {
    const version = await release(name, edit);
    const began = performance.now();

    const { output } = await handOver(name);

    expect(output).toContain(`handing version ${version} to the upgrade unit`);
    const { last } = await endOf(version);
    console.log(`${what}: back after ${Math.round((performance.now() - began) / 1_000)} s`);
    expect(last).toMatchObject({ from: good, to: version, result: "reverted", reason: { code } });
    await isAsBefore();
    await isNotTriedAgain(name, version);
  });

  test("would stop a container is refused before anything is switched", async () => {
    const version = await release("9.4.0", {
      find: "function reconcile(input2) {",
      put: `function reconcile(input2) {
        for (const { owner, containerId } of ownedContainers(input2))
          return [{ kind: "stop", instanceId: owner.instanceId, runId: owner.runId, containerId, cause: "ordered" }];`,
    });
    const agent = await unit(AGENT, "MainPID");
    const began = performance.now();

    const { exitCode, output } = await handOver("9.4.0");

    console.log(`a plan that stops: refused after ${Math.round((performance.now() - began) / 1_000)} s`);
    expect(output).toContain(`version ${version} was refused`);
    expect(exitCode).not.toBe(0);
    expect((await endOf(version)).last).toMatchObject({
      result: "refused",
      reason: { code: "upgrade-plan-differs" },
    });
    expect(await unit(AGENT, "MainPID")).toBe(agent);
    await isAsBefore();
    await isNotTriedAgain("9.4.0", version);
  });

  async function isAsBefore(): Promise<void> {
    expect([await linked("current"), await linked("committed")]).toEqual([good, good]);
    await eventually(async () => (await unit(AGENT, "ActiveState")) === "active");
    const pid = await unit(AGENT, "MainPID");
    expect(await host.run(`readlink /proc/${pid}/exe`)).toBe(`${OPT}/${good}/node`);
    await controlPlane.isOnline("host-1");
    expect(await containers()).toBe(containersBefore);
    expect(await talk.isAlive()).toBe(true);
  }

  async function isNotTriedAgain(name: string, version: string): Promise<void> {
    expect((await fileOf("refused-releases.json", Refused)).map((one) => one.version)).toContain(version);
    const agent = await unit(AGENT, "MainPID");
    const results = await host.run(`cat ${OPT}/upgrade-results.json`);

    const { exitCode, output } = await handOver(name);

    expect(output).toContain(`version ${version} was refused on this host before`);
    expect(exitCode).not.toBe(0);
    expect(await unit(AGENT, "MainPID")).toBe(agent);
    expect(await host.run(`cat ${OPT}/upgrade-results.json`)).toBe(results);
  }
});

describe("an upgrade that is cut short", () => {
  test("goes on by its timer where its unit was killed", async () => {
    const version = await goodRelease("9.7.0");
    const handing = handOver("9.7.0");
    await onProbation(version);

    await host.run(`systemctl kill --signal=KILL ${UPGRADE}`);
    await handing;

    await eventually(async () => (await unit(UPGRADE, "ActiveState")) === "active", {
      withinMs: 35_000,
      what: "the unit again",
    });
    expect((await endOf(version)).last).toMatchObject({ to: version, result: "committed" });
    expect(await containers()).toBe(containersBefore);
    expect(await talk.isAlive()).toBe(true);
    good = version;
  });

  test("the SSH session has lost no byte", async () => {
    await controlPlane.machine.run("touch /root/enough");
    await eventually(async () => (await talk.output()) !== "", { what: "the session's end" });

    console.log(`SSH: ${await talk.output()}`);
    const [, lines] = /all came back of (\d+)$/.exec((await talk.output()).trim()) ?? [];
    expect(await talk.output()).not.toContain("not all");
    expect(Number(lines)).toBeGreaterThan(1_000);
  });

  test("each request to the service was answered", async () => {
    const answers = (await controlPlane.machine.run("sort /root/answers | uniq -c")).trim();

    console.log(`requests: ${answers}`);
    expect(answers).toMatch(/^\d+ 200$/);
  });

  test("corrupts the journal is taken back, and every container goes on", async () => {
    const version = await release("9.5.5", atRun(OVERWRITE));

    await handOver("9.5.5");

    expect((await endOf(version)).last).toMatchObject({
      from: good,
      to: version,
      result: "reverted",
      reason: { code: expect.stringMatching(/^upgrade-(self-test-failed|agent-restarts)$/) },
    });
    expect([await linked("current"), await linked("committed")]).toEqual([good, good]);
    await controlPlane.isOnline("host-1");
    expect(await containers()).toBe(containersBefore);
  });

  test("ends work after its switch is taken back, and ends no more of it", async () => {
    const version = await release("9.4.5", {
      find: "function reconcile(input2) {",
      put: `function reconcile(input2) {
        if (process.argv[2] === "run" && process.uptime() > 20 && globalThis.ended === undefined)
          for (const { owner, containerId } of ownedContainers(input2).slice(-1)) {
            globalThis.ended = containerId;
            return [{ kind: "stop", instanceId: owner.instanceId, runId: owner.runId, containerId, cause: "ordered" }];
          }`,
    });

    await handOver("9.4.5");

    expect((await endOf(version)).last).toMatchObject({
      from: good,
      to: version,
      result: "reverted",
      reason: { code: expect.stringMatching(/^upgrade-work-(ended|lost)$/) },
    });
    expect([await linked("current"), await linked("committed")]).toEqual([good, good]);
    await controlPlane.isOnline("host-1");
    const before = containersBefore.split("\n");
    const kept = (await containers()).split("\n").filter((container) => before.includes(container));
    expect(kept).toHaveLength(CONTAINERS - 1);
  });

  test("goes on after a reboot of the host, which counts as one restart", async () => {
    const version = await goodRelease("9.8.0");
    await handOver("9.8.0");
    await onProbation(version);

    await host.reboot();

    const { last, seconds } = await endOf(version);
    console.log(`committed ${seconds} s after the reboot`);
    expect(last).toMatchObject({ from: good, to: version, result: "committed" });
    expect([await linked("current"), await linked("committed")]).toEqual([version, version]);
    await eventually(async () => (await containers()).split("\n").length >= ENVIRONMENTS, {
      withinMs: 120_000,
      what: "all environments",
    });
  });
});
