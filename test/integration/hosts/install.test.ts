/** The one command that joins a host and, run again, upgrades it: the real script over real HTTP, in a folder. */
import { existsSync } from "node:fs";
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { createHash, X509Certificate } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { serverCertificate } from "@remotegpu/control-plane/server/embedded/certificate-authority";
import { openInstallSite, type InstallSite } from "../../support/http/install-site.ts";

const TOKEN = "rgj_0123456789abcdef";
let site: InstallSite;
const join_ = () => ["--server", site.url, "--token", TOKEN, "--name", "gpu host-1"];
const modeOf = async (path: string) => (await stat(join(site.host, path))).mode & 0o777;
const versions = async () =>
  (await readdir(join(site.host, "opt/remotegpu"))).filter((name) => /^\d/.test(name)).sort();
const calls = async () => (await site.read("var/lib/remotegpu/calls")).trim().split("\n");
const restarts = async () =>
  (await site.read("systemctl")).split("\n").filter((line) => line === "restart remotegpu-agent.service")
    .length;

/** Names, modes and bytes of a bundle's files. */
async function filesOf(folder: string): Promise<[string, number, string][]> {
  const names = (await readdir(folder)).filter((name) => name !== "MANIFEST").sort();
  return Promise.all(
    names.map(async (name): Promise<[string, number, string]> => {
      const path = join(folder, name);
      return [name, (await stat(path)).mode & 0o777, await readFile(path, "utf8")];
    }),
  );
}

describe("over plain HTTP to this host itself", () => {
  beforeEach(async () => {
    site = await openInstallSite();
  });
  afterEach(() => site.close());

  test("a fresh host is installed, joined and started", async () => {
    const { version } = await site.offer("one");

    const { exitCode, all } = await site.install([...join_(), "--simulated-gpus", "2"]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 0,
      all: expect.stringContaining(`runs version ${version}`),
    });
    expect(await readlink(join(site.host, "opt/remotegpu/current"))).toBe(version);
    expect(await site.read("opt/remotegpu/current/agent.mjs")).toBe("one");
    expect(await modeOf("opt/remotegpu/current/node")).toBe(0o755);
    expect(await modeOf("etc/remotegpu/agent.env")).toBe(0o600);
    expect(await modeOf("var/lib/remotegpu")).toBe(0o700);
    expect(await calls()).toEqual([`join ${site.url}|gpu host-1|2|${TOKEN}|`]);
    expect(await restarts()).toBe(1);
    expect((await readdir(join(site.host, "opt/remotegpu"))).sort()).toEqual([
      ".lock",
      version,
      "committed",
      "current",
      "upgrade.sh",
    ]);
    expect(await readlink(join(site.host, "opt/remotegpu/committed"))).toBe(version);
  });

  test("the installed units are ones that systemd takes", async () => {
    await site.offer("one");
    await site.install(join_());

    for (const [name, link, script] of [
      ["remotegpu-agent", "current", "agent.mjs"],
      ["remotegpu-access", "committed", "access.mjs"],
      ["remotegpu-files", "current", "files.mjs"],
    ]) {
      const unit = join(site.host, `etc/systemd/system/${name}.service`);
      const { exitCode, stderr } = await execa("systemd-analyze", ["verify", "--man=no", unit], {
        reject: false,
      });

      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      const { host } = site;
      expect(await readFile(unit, "utf8")).toContain(
        `ExecStart=${host}/opt/remotegpu/${link}/node ${host}/opt/remotegpu/${link}/${script} run`,
      );
    }
  });

  test("the files process may write where the pool of this host is, and keeps its socket", async () => {
    await site.offer("one");
    await site.install(join_());
    await appendFile(join(site.host, "etc/remotegpu/agent.env"), 'REMOTEGPU_POOL_FOLDER="/mnt/pool"\n');
    const unit = () => site.read("etc/systemd/system/remotegpu-files.service");
    const own = await unit();
    await site.install([]);

    const { host } = site;
    expect(own).toContain(
      `ReadWritePaths=-${host}/var/lib/remotegpu/pool -${host}/var/lib/remotegpu/files\n`,
    );
    expect(own).toContain(`InaccessiblePaths=-${host}/var/lib/remotegpu/host.nk `);
    expect(await unit()).toContain(`ReadWritePaths=-/mnt/pool -${host}/var/lib/remotegpu/files\n`);
    expect(await modeOf("var/lib/remotegpu/files")).toBe(0o755);
  });

  test("the access process is started once, before the agent, and an upgrade leaves it alone", async () => {
    await site.offer("one");
    await site.install(join_());
    await site.offer("two");
    await site.install([]);

    const reported = (await site.read("systemctl")).split("\n").filter((line) => /^(re)?start /.test(line));
    expect(reported).toEqual([
      "start remotegpu-access.service",
      "restart remotegpu-files.service",
      "start remotegpu-upgrade.timer",
      "restart remotegpu-agent.service",
    ]);
    expect(await site.read("systemctl")).toContain("enable --quiet remotegpu-access.service");
  });

  test("the token is in no file and on no command line of ours", async () => {
    await site.offer("one");
    await site.install(join_());
    await unlink(join(site.host, "var/lib/remotegpu/calls"));

    const { stdout } = await execa("grep", ["-r", TOKEN, site.host], { reject: false });

    expect(stdout).toBe("");
  });

  test("run again it downloads, joins and restarts nothing", async () => {
    await site.offer("one");
    await site.install(join_());
    site.takeRequests();

    const { exitCode, all } = await site.install([]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 0,
      all: expect.stringContaining("nothing has changed"),
    });
    expect(site.takeRequests()).toEqual(["/install.sh", "/bundles/MANIFEST"]);
    expect(await calls()).toHaveLength(1);
    expect(await restarts()).toBe(1);
  });

  test("systemd reads its units anew only where one has changed: that takes GPUs from containers", async () => {
    await site.offer("one");
    await site.install(join_());
    const reads = async () =>
      (await site.read("systemctl")).split("\n").filter((line) => /^(daemon-reload|enable) ?/.test(line));
    const first = await reads();
    await site.install([]);
    await site.offer("two");
    await site.install([]);
    const afterSame = await reads();
    // As a run that was cut short between the two would leave it.
    await appendFile(join(site.host, "known/remotegpu-files.service"), "# older");
    await site.install([]);

    expect(first).toEqual([
      "enable --quiet remotegpu-access.service",
      "enable --quiet remotegpu-files.service",
      "enable --quiet remotegpu-agent.service",
      "enable --quiet remotegpu-upgrade.timer",
      "enable --quiet remotegpu-upgrade-cleanup.timer",
    ]);
    expect(afterSame).toEqual(first);
    expect(await reads()).toEqual([...first, "daemon-reload"]);
  });

  test("a token on a host that has joined is not used, and the output states so", async () => {
    await site.offer("one");
    await site.install(join_());

    const { exitCode, all } = await site.install(join_());

    expect({ exitCode, all }).toMatchObject({
      exitCode: 0,
      all: expect.stringContaining("the token was not used"),
    });
    expect((await calls()).filter((call) => call.startsWith("join "))).toHaveLength(1);
  });

  test("a package lays its release on a host that has not joined, and starts nothing", async () => {
    const { version } = await site.offer("one");

    const { exitCode, all } = await site.installRelease();

    expect({ exitCode, all }).toMatchObject({
      exitCode: 0,
      all: expect.stringContaining("has joined no control plane"),
    });
    expect(await readlink(join(site.host, "opt/remotegpu/current"))).toBe(version);
    expect(await filesOf(join(site.host, "opt/remotegpu/current"))).toEqual(await filesOf(site.bundle));
    const [laid, packaged] = await Promise.all(
      [join(site.host, "opt/remotegpu/current"), site.bundle].map((folder) => stat(join(folder, "node"))),
    );
    expect(laid?.ino).toBe(packaged?.ino);
    expect(existsSync(join(site.host, "etc/remotegpu/agent.env"))).toBe(false);
    expect(existsSync(join(site.host, "systemctl"))).toBe(false);
  });

  test("a host joins with the release of its package, and the package's next one upgrades it without a download", async () => {
    await site.offer("one");
    await site.installRelease(join_());
    const { version } = await site.offer("two");
    site.takeRequests();

    expect(await site.installRelease()).toMatchObject({ exitCode: 0 });

    expect(site.takeRequests()).toEqual([]);
    expect(await readlink(join(site.host, "opt/remotegpu/current"))).toBe(version);
    expect((await calls()).slice(1)).toEqual([`request --release=${version} --requested-by=package`]);
    expect(await restarts()).toBe(1);
    expect((await versions()).length).toBe(2);
  });

  test("a release of a package that the upgrade unit takes back leaves the host on the one before, and fails", async () => {
    const { version } = await site.offer("one");
    await site.installRelease(join_());
    await site.offer("two", { bad: true });

    const { exitCode, all } = await site.installRelease();

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining(`this host was not upgraded; it stays on ${version}`),
    });
    expect(await readlink(join(site.host, "opt/remotegpu/current"))).toBe(version);
  });

  test("a damaged file of a package is found by its hash, and nothing is changed", async () => {
    const { version } = await site.offer("one");
    await site.installRelease();
    await site.offer("two");
    await writeFile(join(site.bundle, "agent.mjs"), "torn");

    const { exitCode, all } = await site.installRelease();

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining(`agent.mjs of ${site.bundle} is damaged`),
    });
    expect(await versions()).toEqual([version]);
  });

  test("a host that was taken out of the fleet joins anew with the token, while nothing of it runs", async () => {
    await site.offer("one");
    await site.install(join_());
    await writeFile(join(site.host, "var/lib/remotegpu/removed"), "");

    const { exitCode, all } = await site.install(join_());

    expect({ exitCode, all }).toMatchObject({
      exitCode: 0,
      all: expect.stringContaining("it joins anew"),
    });
    expect((await calls()).map((call) => call.split(" ")[0])).toEqual([
      "join",
      "is-removed",
      "leave",
      "join",
    ]);
    expect((await site.read("systemctl")).split("\n")).toContain(
      "stop remotegpu-agent.service remotegpu-access.service remotegpu-files.service",
    );
    expect(await restarts()).toBe(2);
  });

  test("an upgrade fetches what has changed, hands it to the upgrade unit, and keeps one version back", async () => {
    const first = await site.offer("one");
    await site.install(join_());
    const second = await site.offer("two");
    site.takeRequests();

    expect(await site.install([])).toMatchObject({ exitCode: 0 });

    expect(site.takeRequests()).toEqual(["/install.sh", "/bundles/MANIFEST", "/bundles/agent.mjs"]);
    expect(await site.read("opt/remotegpu/current/agent.mjs")).toBe("two");
    expect((await calls()).slice(1)).toEqual([`request --release=${second.version} --requested-by=install`]);
    expect(await restarts()).toBe(1);
    expect(await versions()).toEqual([first.version, second.version].sort());

    const third = await site.offer("three");
    await site.install([]);
    await site.install([]);
    expect(await versions()).toEqual([second.version, third.version].sort());
  });

  test("a version from which something still runs stays until that has ended", async () => {
    const { version: first } = await site.offer("one");
    await site.install(join_());
    const program = join(site.host, "opt/remotegpu", first, "runs");
    await copyFile("/usr/bin/sleep", program);
    const running = spawn(program, ["600"]);
    onTestFinished(() => void running.kill("SIGKILL"));
    await once(running, "spawn");
    const stays: boolean[] = [];

    for (const content of ["two", "three", "four"]) {
      if (content === "four") {
        running.kill("SIGKILL");
        await once(running, "exit");
      }
      await site.offer(content);
      // The first hands it over, and only one that does not forgets versions.
      await site.install([]);
      await site.install([]);
      stays.push((await versions()).includes(first));
    }

    expect(stays).toEqual([true, true, false]);
  });

  test("a version is on the disk, whole and by name, before it is handed to the upgrade unit", async () => {
    const first = await site.offer("one");
    await site.install(join_());
    await writeFile(join(site.host, "synced"), "");
    const second = await site.offer("two");

    await site.install([]);

    const synced = (await site.read("synced")).trim().split("\n");
    const names = (version: string) =>
      synced.filter((line) => line.startsWith(`${version} `)).map((line) => line.slice(version.length + 1));
    expect(names(first.version)).toEqual([
      ...second.files.map(({ name }) => name),
      "MANIFEST",
      "bundle",
      second.version,
      "remotegpu",
    ]);
    expect(names(second.version)).toEqual([]);
  });

  test("an upgrade whose bytes are not those of its list leaves the old version running", async () => {
    const first = await site.offer("one");
    await site.install(join_());
    await site.offer("two");
    await writeFile(join(site.bundle, "agent.mjs"), "three");

    const { exitCode, all } = await site.install([]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining("nothing was installed"),
    });
    expect(await readlink(join(site.host, "opt/remotegpu/current"))).toBe(first.version);
    expect(await versions()).toEqual([first.version]);
    expect(await restarts()).toBe(1);
  });

  test("a disk that does not take what is written leaves the old version running", async () => {
    const first = await site.offer("one");
    await site.install(join_());
    await site.offer("two");
    await writeFile(join(site.host, "bin/sync"), "#!/bin/sh\nexit 1\n");

    const { exitCode, all } = await site.install([]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining("nothing was switched"),
    });
    expect(await readlink(join(site.host, "opt/remotegpu/current"))).toBe(first.version);
    expect(await restarts()).toBe(1);
  });

  test("a version that the upgrade unit takes back ends it with what the unit reports", async () => {
    const first = await site.offer("one");
    await site.install(join_());
    await site.offer("two", { bad: true });

    const { exitCode, all } = await site.install([]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringMatching(`was reverted\n.*stays on ${first.version}`),
    });
    expect(await readlink(join(site.host, "opt/remotegpu/current"))).toBe(first.version);
    expect(await restarts()).toBe(1);
  });

  test("a host from before there was an upgrade unit is given its units, and commits to what runs there", async () => {
    const first = await site.offer("one");
    await site.install(join_());
    const opt = join(site.host, "opt/remotegpu");
    const units = join(site.host, "etc/systemd/system");
    await unlink(join(opt, "committed"));
    await unlink(join(opt, "upgrade.sh"));
    for (const folder of [units, join(opt, first.version)])
      for (const name of (await readdir(folder)).filter((each) => /upgrade/.test(each)))
        await unlink(join(folder, name));
    const access = join(units, "remotegpu-access.service");
    for (const file of [access, join(opt, first.version, "remotegpu-access.service")])
      await writeFile(file, (await readFile(file, "utf8")).replaceAll("/committed/", "/current/"));
    const second = await site.offer("two", { bad: true });

    await site.install([]);

    expect(await readlink(join(opt, "committed"))).toBe(first.version);
    expect(await readFile(access, "utf8")).toContain(`ExecStart=${opt}/committed/node`);
    expect((await readdir(units)).filter((name) => /upgrade/.test(name))).toHaveLength(4);
    expect(existsSync(join(opt, "upgrade.sh"))).toBe(true);
    expect((await calls()).at(-1)).toBe(`request --release=${second.version} --requested-by=install`);
    expect(await restarts()).toBe(1);
  });

  test("settings stay, an operator's own lines too, and a changed one restarts the agent", async () => {
    await site.offer("one");
    await site.install([...join_(), "--simulated-gpus", "2"]);
    await appendFile(join(site.host, "etc/remotegpu/agent.env"), `NOTE="a $(b) 'c'"\n`);
    await unlink(join(site.host, "etc/remotegpu/joined"));

    await site.install(["--token", TOKEN, "--simulated-gpus", "4"]);
    await site.install([]);

    expect(await calls()).toContain(`join ${site.url}|gpu host-1|4|${TOKEN}|a $(b) 'c'`);
    expect((await site.read("etc/remotegpu/agent.env")).match(/NOTE=/g)).toHaveLength(1);
    expect(await restarts()).toBe(2);
  });

  test("a refused join leaves a host that may try again", async () => {
    await site.offer("one");
    await site.install([...join_(), "--no-systemd"]);
    await unlink(join(site.host, "etc/remotegpu/joined"));
    await writeFile(join(site.host, "var/lib/remotegpu/refuse"), "");

    const refused = await site.install([...join_(), "--no-systemd"]);
    await unlink(join(site.host, "var/lib/remotegpu/refuse"));
    const accepted = await site.install([...join_(), "--no-systemd"]);

    expect(refused).toMatchObject({ exitCode: 1, all: expect.stringContaining("could not join") });
    expect(accepted).toMatchObject({
      exitCode: 0,
      all: expect.stringMatching(/no unit was installed[^]*has version/),
    });
    expect(existsSync(join(site.host, "systemctl"))).toBe(false);
  });

  test.each([
    ["a damaged file", "agent.mjs", "other", /agent\.mjs of \S+ is damaged/],
    [
      "a list with a path in it",
      "MANIFEST",
      `remotegpu-agent 1.0\n${"0".repeat(64)} 755 ../../etc/x\n`,
      /cannot be right/,
    ],
    ["a version that is a path", "MANIFEST", "remotegpu-agent ../x\n", /not the list of an agent's bundle/],
    ["a page instead of a list", "MANIFEST", "<html>", /not the list of an agent's bundle/],
  ])("%s stops everything before anything is changed", async (_what, file, content, complaint) => {
    await site.offer("one");
    await writeFile(join(site.bundle, file), content);

    const { exitCode, all } = await site.install(join_());

    expect(exitCode).toBe(1);
    expect(all).toMatch(complaint);
    expect(await readdir(join(site.host, "opt/remotegpu"))).toEqual([".lock"]);
    expect(await readdir(join(site.host, "etc/remotegpu"))).toEqual([]);
    expect(existsSync(join(site.host, "systemctl"))).toBe(false);
  });

  test("a script cut short in transit does nothing", async () => {
    await site.offer("one");

    await site.install(join_(), { via: "head -c 9000 | sh" });

    expect(existsSync(join(site.host, "opt"))).toBe(false);
  });

  test("two at once: the second reports so and does nothing", async () => {
    await site.offer("one");
    await site.install(join_());
    const holder = spawn("flock", [join(site.host, "opt/remotegpu/.lock"), "-c", "echo held; read line"]);
    onTestFinished(async () => {
      holder.stdin.end("\n");
      await once(holder, "exit");
    });
    await once(holder.stdout, "data");

    const { exitCode, all } = await site.install([]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining("another install.sh"),
    });
  });

  test("it does the same under busybox's shell", async () => {
    await site.offer("one");

    expect(await site.install(join_(), { via: "busybox sh" })).toMatchObject({ exitCode: 0 });
    expect(await calls()).toHaveLength(1);
  });

  test.each([
    [["--server", "http://example.org", "--token", TOKEN], /neither https nor this host itself/],
    [["--server", "http://127.example.org", "--token", TOKEN], /neither https nor this host itself/],
    [["--server", "https://x/$(id)", "--token", TOKEN], /--server is not valid/],
    [["--token", TOKEN], /say where the control plane is/],
    [["--server", "http://127.0.0.1:1"], /needs a token/],
    [["--server", "http://127.0.0.1:1", "--token", TOKEN], /cannot download/],
    [["--server", "http://127.0.0.1:1", "--token", "a b c d e f g h"], /--token is not valid/],
    [["--name", 'x"; id; "'], /--name is not valid/],
    [["--name", "two\nlines"], /--name is not valid/],
    [["--simulated-gpus", "17"], /--simulated-gpus is not valid/],
    [["--ca-fingerprint", "abc"], /--ca-fingerprint is not valid/],
    [["--token"], /needs a value/],
    [["--frobnicate"], /no option --frobnicate/],
  ])("%j is refused in words", async (args, complaint) => {
    const { exitCode, all } = await site.install(args);

    expect(exitCode).toBe(1);
    expect(all).toMatch(complaint);
    expect(existsSync(join(site.host, "opt/remotegpu/current"))).toBe(false);
  });

  test("a host that belongs to another control plane is left alone", async () => {
    await site.offer("one");
    await site.install(join_());

    const { exitCode, all } = await site.install(["--server", "http://127.0.0.1:1", "--token", TOKEN]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining(`belongs to ${site.url}`),
    });
  });
});

describe("after a loss of power, a version that is here", () => {
  const installed = (file: string) => join(site.host, "opt/remotegpu/current", file);
  // Each finds it whole again, by the one before.
  beforeAll(async () => {
    site = await openInstallSite();
    await site.offer("one");
    await site.install(join_());
  });
  afterAll(() => site.close());

  test.each<{ what: string; file: string; damage: () => Promise<unknown>; isFetched: boolean }>([
    {
      what: "a torn file",
      file: "agent.mjs",
      damage: () => writeFile(installed("agent.mjs"), "o"),
      isFetched: true,
    },
    { what: "an empty file", file: "node", damage: () => truncate(installed("node")), isFetched: true },
    { what: "a missing file", file: "node", damage: () => rm(installed("node")), isFetched: true },
    {
      what: "a file of other bytes",
      file: "agent.mjs",
      damage: () => writeFile(installed("agent.mjs"), "One"),
      isFetched: true,
    },
    {
      what: "a file that nobody may run",
      file: "node",
      damage: () => chmod(installed("node"), 0o644),
      isFetched: false,
    },
    {
      what: "a folder for a file",
      file: "agent.mjs",
      damage: async () => {
        await rm(installed("agent.mjs"));
        await mkdir(installed("agent.mjs/agent.mjs"), { recursive: true });
      },
      isFetched: true,
    },
    {
      what: "an empty file more",
      file: "agent.mjs.new",
      damage: () => writeFile(installed("agent.mjs.new"), ""),
      isFetched: false,
    },
  ])("with $what is mended, and the agent restarted", async ({ file, damage, isFetched }) => {
    const before = await restarts();
    await damage();
    site.takeRequests();

    const { exitCode, all } = await site.install([]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 0,
      all: expect.stringContaining(`is here and damaged: ${file}; mending it`),
    });
    expect(await filesOf(installed(""))).toEqual(await filesOf(site.bundle));
    expect(site.takeRequests().slice(2)).toEqual(isFetched ? [`/bundles/${file}`] : []);
    expect(await restarts()).toBe(before + 1);
  });

  test("and whose server sends other bytes now stays as it is", async () => {
    const before = await restarts();
    await writeFile(installed("agent.mjs"), "torn");
    await writeFile(join(site.bundle, "agent.mjs"), "other");

    const { exitCode, all } = await site.install([]);

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining("is damaged: its hash is not the one in the list"),
    });
    expect(await readFile(installed("agent.mjs"), "utf8")).toBe("torn");
    expect(await restarts()).toBe(before);
  });
});

describe("over TLS with a CA of the control plane's own", () => {
  let authority: string;
  let certificate: Awaited<ReturnType<typeof serverCertificate>>;
  beforeEach(async () => {
    authority = await mkdtemp(join(tmpdir(), "remotegpu-ca-"));
    certificate = await serverCertificate(authority, { addresses: ["127.0.0.1"], now: new Date() });
    const [cert, key] = await Promise.all([
      readFile(certificate.certFile, "utf8"),
      readFile(certificate.keyFile, "utf8"),
    ]);
    site = await openInstallSite({ tls: { cert, key } });
    await site.offer("one");
    await writeFile(join(site.bundle, "ca.pem"), certificate.ca);
  });
  afterEach(async () => {
    await site.close();
    await rm(authority, { recursive: true, force: true });
  });
  /** How the printed join command fetches the script: by the server's public key. */
  async function pin(): Promise<string[]> {
    const { publicKey } = new X509Certificate(await readFile(certificate.certFile));
    const spki = publicKey.export({ type: "spki", format: "der" });
    return ["-k", "--pinnedpubkey", `sha256//${createHash("sha256").update(spki).digest("base64")}`];
  }

  test("the fingerprint makes it trusted, then and at the next run", async () => {
    const first = await site.install([...join_(), "--ca-fingerprint", certificate.caSha256], {
      curl: await pin(),
    });
    site.takeRequests();
    const again = await site.install([], { curl: await pin() });

    expect(first).toMatchObject({ exitCode: 0 });
    expect(again).toMatchObject({ exitCode: 0, all: expect.stringContaining("nothing has changed") });
    expect(site.takeRequests()).toEqual(["/install.sh", "/bundles/MANIFEST"]);
    expect(await site.read("etc/remotegpu/agent.env")).toContain(
      `REMOTEGPU_CA_SHA256="${certificate.caSha256}"`,
    );
  });

  test("what else is in the file of the CA is not trusted", async () => {
    const other = await mkdtemp(join(tmpdir(), "remotegpu-ca-"));
    const { ca } = await serverCertificate(other, { addresses: ["127.0.0.1"], now: new Date() });
    await rm(other, { recursive: true, force: true });
    const body = ca.split("\n").slice(1, -2).join("");
    await appendFile(
      join(site.bundle, "ca.pem"),
      `-----BEGIN CERTIFICATE-----${body}-----END CERTIFICATE-----\n`,
    );

    await site.install([...join_(), "--ca-fingerprint", certificate.caSha256], { curl: ["-k"] });

    const trusted = await site.read("etc/remotegpu/ca.pem");
    expect(trusted.replaceAll(/\s/g, "")).toBe(certificate.ca.replaceAll(/\s/g, ""));
  });

  test("another fingerprint, or none, installs nothing", async () => {
    const wrong = await site.install([...join_(), "--ca-fingerprint", "0".repeat(64)], { curl: ["-k"] });
    const none = await site.install(join_(), { curl: ["-k"] });

    expect(wrong).toMatchObject({ exitCode: 1, all: expect.stringContaining("nothing was installed") });
    expect(none).toMatchObject({ exitCode: 1, all: expect.stringContaining("cannot download") });
    expect(existsSync(join(site.host, "opt/remotegpu/current"))).toBe(false);
  });
});
