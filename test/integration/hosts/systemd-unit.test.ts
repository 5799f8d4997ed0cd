/** The unit files as systemd reads them, and what the agent tells systemd. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { execa, execaSync } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readConfig } from "@remotegpu/control-plane/server/config";
import { QUICK_COLLECTION, SPARING_MEMORY } from "@remotegpu/control-plane/server/quickstart/stage";
import { NotifyError, ServiceNotifier } from "@remotegpu/agent/host/notify";
import { AccessUnderTest } from "../../support/agent/access.ts";
import { eventually } from "../../support/eventually.ts";

const root = new URL("../../../", import.meta.url).pathname;
const ACCESS_UNIT = "agent/systemd/remotegpu-access.service";
const AGENT_UNIT = "agent/systemd/remotegpu-agent.service";
const FILES_UNIT = "agent/systemd/remotegpu-files.service";
const UPGRADE_UNIT = "agent/systemd/remotegpu-upgrade.service";
const UPGRADE_TIMER = "agent/systemd/remotegpu-upgrade.timer";
const CLEANUP_UNIT = "agent/systemd/remotegpu-upgrade-cleanup.service";
const CLEANUP_TIMER = "agent/systemd/remotegpu-upgrade-cleanup.timer";
const BACKUP_UNIT = "control-plane/systemd/remotegpu-backup.service";
const BACKUP_TIMER = "control-plane/systemd/remotegpu-backup.timer";
const CONTROL_PLANE_UNIT = "control-plane/systemd/remotegpu-control-plane.service";
const GATEWAY_UNIT = "control-plane/systemd/remotegpu-gateway.service";
/** systemd 250 and newer judge a unit that is not installed. */
const judgesFiles = execaSync("systemd-analyze", ["--help"], { reject: false }).stdout.includes("--offline");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "remotegpu-systemd-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("systemd-analyze", () => {
  test("finds nothing to report about any unit", async () => {
    const units = globSync("{agent,control-plane}/systemd/*.{service,timer}", { cwd: root });
    const paths = units.map((unit) => join(folder, basename(unit)));
    for (const [at, unit] of units.entries()) {
      // Nothing is installed here, and systemd looks for the command.
      const text = await readFile(join(root, unit), "utf8");
      await writeFile(paths[at] ?? "", text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
    }

    const { exitCode, stdout, stderr } = await execa("systemd-analyze", ["verify", "--man=no", ...paths], {
      reject: false,
    });

    expect(units.toSorted()).toEqual([
      ACCESS_UNIT,
      AGENT_UNIT,
      FILES_UNIT,
      CLEANUP_UNIT,
      CLEANUP_TIMER,
      UPGRADE_UNIT,
      UPGRADE_TIMER,
      BACKUP_UNIT,
      BACKUP_TIMER,
      CONTROL_PLANE_UNIT,
      GATEWAY_UNIT,
    ]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test.skipIf(!judgesFiles).each([
    { unit: ACCESS_UNIT, bound: 3.4 },
    { unit: AGENT_UNIT, bound: 7 },
    { unit: FILES_UNIT, bound: 2.4 },
    { unit: BACKUP_UNIT, bound: 1.5 },
    { unit: UPGRADE_UNIT, bound: 7 },
    { unit: CLEANUP_UNIT, bound: 2.4 },
    { unit: CONTROL_PLANE_UNIT, bound: 1.5 },
    { unit: GATEWAY_UNIT, bound: 1.5 },
  ])(
    "finds $unit exposed by $bound at most (left out where systemd is older than 250)",
    async ({ unit, bound }) => {
      const options = ["security", "--offline=true", "--no-pager", join(root, unit)];

      const { stdout } = await execa("systemd-analyze", options);

      const [, exposure] = /Overall exposure level for \S+: (\d+\.\d)/.exec(stdout) ?? [];
      expect(Number(exposure)).toBeLessThanOrEqual(bound);
    },
  );
});

test.each([
  ACCESS_UNIT,
  AGENT_UNIT,
  FILES_UNIT,
  UPGRADE_UNIT,
  CLEANUP_UNIT,
  CONTROL_PLANE_UNIT,
  GATEWAY_UNIT,
])("a system call that %s denies fails with EPERM and ends nothing", async (unit) => {
  const settings = await settingsOf(unit);

  expect(settings).toContain("SystemCallErrorNumber=EPERM");
  expect(settings.some((line) => line.startsWith("SystemCallFilter="))).toBe(true);
});

test("the gateway's unit confines it as the control plane's does, and copies the same keys", async () => {
  const confinement = async (unit: string) => {
    const settings = await settingsOf(unit);
    return settings.filter((line) => !/^(Description|ExecStart|Conflicts|KillMode)=/.test(line));
  };

  expect(await confinement(GATEWAY_UNIT)).toEqual(await confinement(CONTROL_PLANE_UNIT));
});

describe.each([CONTROL_PLANE_UNIT, GATEWAY_UNIT])("%s at a reload", (unit) => {
  const commandsOf = async (name: string) =>
    (await settingsOf(unit))
      .filter((line) => line.startsWith(`${name}=`))
      .map((line) => line.slice(name.length + 1));
  /** The shell's script of a command, as systemd hands it over, with the folders of `root` in place of the system's. */
  const scriptIn = (root: string, command: string) =>
    (/ '(.*)'$/.exec(command)?.[1] ?? "")
      .replaceAll("$$", "$")
      .replaceAll("%%", "%")
      .replaceAll("/proc/1/root/etc", `${root}/etc`)
      .replaceAll("/run/%p", `${root}/run`)
      .replaceAll("/var/lib", `${root}/lib`);

  test("copies settings and keys as at the start, and then has the server read them", async () => {
    const [copy, reload] = await commandsOf("ExecReload");

    expect(copy).toContain("/etc/remotegpu");
    expect(await commandsOf("ExecStartPre")).toEqual([copy]);
    expect(reload).toBe("/bin/sh -c 'kill -HUP $$MAINPID'");
    expect(await settingsOf(unit)).toContain("Environment=REMOTEGPU_CONFIG_FILE=/run/%p/control-plane.env");
  });

  test("copies what only root reads, each file as it is then, and needs no folder of keys", async () => {
    const root = await mkdtemp(join(folder, "copies-"));
    const [copy = ""] = await commandsOf("ExecReload");
    const write = async (path: string, text: string) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text, { mode: 0o600 });
    };
    await mkdir(join(root, "lib/remotegpu-control-plane"), { recursive: true });
    const files = async () => {
      const { stdout } = await execa("find", [join(root, "run"), "-type", "f", "-printf", "%P %m\n"]);
      return stdout.split("\n").toSorted();
    };
    await write("etc/remotegpu/control-plane.env", "first");

    await execa("sh", ["-euc", scriptIn(root, copy)]);
    expect(await files()).toEqual(["control-plane.env 400"]);
    await write("etc/remotegpu/control-plane.env", "second");
    await write("etc/remotegpu/credentials/web key.pem", "key");
    await execa("sh", ["-euc", scriptIn(root, copy)]);

    expect(await files()).toEqual(["control-plane.env 400", "credentials/web key.pem 400"]);
    expect(await readFile(join(root, "run/control-plane.env"), "utf8")).toBe("second");
  });

  test("tells the process that systemd names", async () => {
    const [, reload = ""] = await commandsOf("ExecReload");
    const child = spawn("sh", ["-c", "trap 'echo told; exit' HUP; echo ready; while :; do sleep 0.1; done"]);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += String(chunk)));
    await eventually(() => output.includes("ready"));
    const ended = once(child, "close");

    await execa("sh", ["-c", scriptIn("", reload)], { env: { MAINPID: String(child.pid) } });

    await ended;
    expect(output).toBe("ready\ntold\n");
  });
});

async function settingsOf(unit: string): Promise<string[]> {
  const text = await readFile(join(root, unit), "utf8");
  return text.split("\n").filter((line) => /^[A-Z]\w*=/.test(line));
}

test("stopping the unit touches the agent alone, and nothing keeps devices, mounts or the runtime from it", async () => {
  const settings = await settingsOf(AGENT_UNIT);

  expect(settings).toEqual(expect.arrayContaining(["KillMode=process", "Restart=always", "Type=notify"]));
  expect(
    settings.filter((line) => /^(Protect|Private|Device|ReadOnly|Inaccessible|MemoryDeny|User=)/.test(line)),
  ).toEqual([]);
});

test("the access process has the rights that it needs for namespaces, and no others", async () => {
  const settings = await settingsOf(ACCESS_UNIT);

  expect(settings).toEqual(
    expect.arrayContaining([
      "CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_SETUID CAP_SETGID CAP_KILL",
      "ProtectSystem=strict",
      "Restart=always",
      "RestrictNamespaces=net",
      "StateDirectory=remotegpu",
      "Type=notify",
    ]),
  );
  expect(
    settings.filter((line) => /^(ProtectProc|PrivateNetwork|PrivateUsers|MemoryDeny)/.test(line)),
  ).toEqual([]);
});

test("the files process may read and write files of the pool, and nothing else", async () => {
  const settings = await settingsOf(FILES_UNIT);

  expect(settings).toEqual(
    expect.arrayContaining([
      "CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_CHOWN",
      "ProtectSystem=strict",
      "ReadWritePaths=-/var/lib/remotegpu/pool -/var/lib/remotegpu/files",
      "RestrictAddressFamilies=AF_UNIX",
      "Restart=always",
      "Type=notify",
    ]),
  );
  // RestrictSUIDSGID refuses openat2.
  expect(
    settings.filter((line) => /^(StateDirectory|MemoryDeny|PrivateUsers|RestrictSUIDSGID)/.test(line)),
  ).toEqual([]);
});

test("the unit and npm start run the agent with the same little room for garbage", async () => {
  const settings = await settingsOf(AGENT_UNIT);

  const variables = Object.entries(SPARING_MEMORY).map(([name, value]) => `${name}=${value}`);
  expect(settings).toContain(`Environment=${variables.join(" ")}`);
});

test("the unit and npm start run the control plane with as little room for young garbage", async () => {
  const settings = await settingsOf(CONTROL_PLANE_UNIT);

  expect(settings).toContain(`Environment=NODE_OPTIONS=${QUICK_COLLECTION.NODE_OPTIONS}`);
});

test("the control plane runs as a user of its own, keeps its state and may compile", async () => {
  const settings = await settingsOf(CONTROL_PLANE_UNIT);

  expect(settings).toEqual(
    expect.arrayContaining(["DynamicUser=yes", "ProtectSystem=strict", "Restart=always", "UMask=0077"]),
  );
  const { stateDir } = readConfig({});
  expect(settings).toContain(`StateDirectory=${basename(stateDir)}`);
  expect(dirname(stateDir)).toBe("/var/lib");
  expect(settings.filter((line) => line.startsWith("MemoryDenyWriteExecute"))).toEqual([]);
});

test("the control plane's unit runs a command of this repository", async () => {
  const command = (await settingsOf(CONTROL_PLANE_UNIT)).find((line) => line.startsWith("ExecStart="));
  const inCheckout = command?.replace(/^ExecStart=\/opt\/remotegpu-control-plane\//, root) ?? "";

  const [file = "", ...args] = inCheckout.split(" ");
  const { stdout } = await execa(file, [...args, "--help"]);

  expect(stdout).toContain("Usage: remotegpu-control-plane run");
});

test("the backup's unit runs as the control plane's user on its state, with a command of this repository", async () => {
  const settings = await settingsOf(BACKUP_UNIT);

  expect(settings).toEqual(
    expect.arrayContaining([
      `User=${basename(CONTROL_PLANE_UNIT, ".service")}`,
      "DynamicUser=yes",
      `StateDirectory=${basename(readConfig({}).stateDir)} remotegpu-backups`,
      "LoadCredential=backup-passphrase:/etc/remotegpu/backup-passphrase",
      // systemd reads the settings, which its user could not.
      "EnvironmentFile=/etc/remotegpu/control-plane.env",
      "Environment=REMOTEGPU_CONFIG_FILE=",
    ]),
  );
  const command = settings.find((line) => line.startsWith("ExecStart="));
  const inCheckout = command?.replace(/^ExecStart=\/opt\/remotegpu-control-plane\//, root) ?? "";
  const [file = "", ...args] = inCheckout.split(" ");
  const { stdout } = await execa(file, [...args, "--help"]);
  const options = args.filter((arg) => arg.startsWith("--"));
  expect(options.filter((option) => !stdout.includes(option))).toEqual([]);
});

describe("systemd-notify", () => {
  /** Plays systemd for the rest of the test: prints each datagram of a socket. */
  async function listen(name: string) {
    const socket = join(folder, name);
    const script = `use Socket; socket(my $s, PF_UNIX, SOCK_DGRAM, 0); bind($s, sockaddr_un($ARGV[0])) or die;
      $| = 1; print "listening\\n"; while (defined recv($s, my $m, 4096, 0)) { print "$m\\n" }`;
    const child = spawn("perl", ["-e", script, socket], { stdio: ["ignore", "pipe", "inherit"] });
    let heard = "";
    child.stdout.on("data", (chunk: Buffer) => (heard += String(chunk)));
    onTestFinished(async () => {
      child.kill();
      await once(child, "exit");
    });
    await eventually(() => heard.includes("listening"));
    return { environment: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "30000000" }, heard: () => heard };
  }

  test("hears that the agent is ready, alive as often as it requested, and stopping", async () => {
    const systemd = await listen("one");
    const notifier = new ServiceNotifier({ environment: systemd.environment });

    await notifier.ready("serving\n2 GPUs");
    for (const atMs of [0, 5_000, 9_999, 10_000, 15_000, 25_000]) await notifier.alive(atMs);
    await notifier.stopping();

    await eventually(() => systemd.heard().includes("STOPPING=1"));
    expect(systemd.heard()).toMatch(/READY=1\nSTATUS=serving 2 GPUs\n/);
    expect(systemd.heard().match(/^WATCHDOG=1$/gm)).toHaveLength(3);
  });

  test("gives an agent that is not ready as much more time as its watchdog has, and none once it is", async () => {
    const systemd = await listen("slow");
    const notifier = new ServiceNotifier({ environment: systemd.environment });

    await notifier.alive(0, { isStarting: true });
    await notifier.ready("serving");
    await notifier.alive(10_000, { isStarting: false });
    await notifier.stopping();

    await eventually(() => systemd.heard().includes("STOPPING=1"));
    expect(systemd.heard().match(/^EXTEND_TIMEOUT_USEC=.*$/gm)).toEqual(["EXTEND_TIMEOUT_USEC=30000000"]);
  });

  test("hears each notification, though the one before is still being sent", async () => {
    const systemd = await listen("busy");
    const notifier = new ServiceNotifier({ environment: systemd.environment });

    await Promise.all([notifier.ready("serving"), notifier.alive(0), notifier.stopping()]);

    await eventually(() => systemd.heard().includes("STOPPING=1"));
    expect(systemd.heard()).toMatch(/READY=1\nSTATUS=serving\n[^]*WATCHDOG=1\n[^]*STOPPING=1\n/);
  });

  test("hears of the access process that it holds its ports, that it lives, and that it stops", async () => {
    const systemd = await listen("two");

    const access = await AccessUnderTest.begin({ ...systemd.environment, WATCHDOG_USEC: "3000000" });
    onTestFinished(() => access.end());
    await eventually(() => systemd.heard().includes("READY=1\nSTATUS=holding the ports"));
    await eventually(() => (systemd.heard().match(/^WATCHDOG=1$/gm) ?? []).length > 1);
    await access.stop();

    await eventually(() => systemd.heard().includes("STOPPING=1"));
    expect(systemd.heard().match(/^READY=1$/gm)).toHaveLength(1);
  });
});

test("without systemd nobody is notified and nothing is run", async () => {
  const notifier = new ServiceNotifier({ environment: {}, path: "/no/such/command" });

  await notifier.ready("serving");
  await notifier.alive(0);
  await expect(notifier.stopping()).resolves.toBeUndefined();
});

test("a systemd that cannot be notified is a named error", async () => {
  const notifier = new ServiceNotifier({
    environment: { NOTIFY_SOCKET: "/no/such/socket" },
    path: "/no/such/command",
  });

  await expect(notifier.ready("serving")).rejects.toThrow(NotifyError);
});
