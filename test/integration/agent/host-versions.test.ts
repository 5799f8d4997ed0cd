/**
 * The versions of the programs of a host, read from this very machine and its package manager, and from made-up hosts:
 * folders in the place of /proc and /, and programs that answer as dpkg and rpm do.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { HostVersions } from "@remotegpu/shared/messages/host-versions";
import {
  readHostVersions,
  type RuntimeProgram,
  VERSION_PLACES,
  type VersionPlaces,
} from "@remotegpu/agent/host/versions/host-versions";
import { Packages } from "@remotegpu/agent/host/versions/packages";
import { FIRST_READ_AFTER_MS } from "@remotegpu/agent/loop/watch/version-watch";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";

const hasDpkg = spawnSync("dpkg-query", ["--version"]).status === 0;

describe("this machine", () => {
  const ending = new AsyncDisposableStack();
  let agent: AgentUnderTest;

  beforeAll(async () => {
    const controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
    agent = ending.adopt(await AgentUnderTest.begin(controlPlane, { simulatedGpus: 1 }), (one) => one.end());
  });
  afterAll(() => ending.disposeAsync());

  test.skipIf(!hasDpkg)(
    "is reported with the packages of the Docker and the runc that run here",
    async () => {
      agent.setForward(FIRST_READ_AFTER_MS);
      const versions = await eventually(() => agent.host.report?.machine?.versions ?? undefined, {
        what: "a report with versions",
      });

      const found = (name: string) => versions.components.find(({ component }) => component === name);
      const { ServerVersion: serverVersion } = (await docker.info()) as { ServerVersion: string };
      expect(found("docker")).toMatchObject({ version: serverVersion, isReplaced: false });
      for (const name of ["docker", "containerd", "runc"]) {
        const owner = found(name)?.package ?? null;
        if (owner === null) throw new Error(`no package owns ${name}`);
        const installed = execFileSync("dpkg-query", ["-W", "-f", "${source:Version}", owner.name], {
          encoding: "utf8",
        });
        expect([name, owner.version]).toEqual([name, installed]);
      }
      expect(found("runc")?.version).toMatch(/^\d+\.\d+\.\d+/);
      expect(found("kernel")?.version).toBe(VERSION_PLACES.kernel);
      expect(versions.distribution.id).toMatch(/^[a-z]+$/);
    },
  );
});

let folder: string;
let places: VersionPlaces;
const RUNTIME: RuntimeProgram = {
  name: "docker",
  version: "26.1.5",
  ociRuntime: { name: "runc", path: "runc" },
  socketPath: "/run/docker.sock",
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "host-versions-"));
  places = {
    proc: join(folder, "proc"),
    root: join(folder, "root"),
    kernel: "6.1.0-test",
    tools: {
      dpkgQuery: join(folder, "dpkg-query"),
      rpm: join(folder, "rpm"),
      documents: join(folder, "doc"),
    },
  };
  await put("root/etc/os-release", 'ID=debian\nVERSION_ID="13"\n');
  await put("proc/self/ns/.keep", "");
  await symlink("pid:[1]", join(places.proc, "self/ns/pid"));
});
afterEach(async () => await rm(folder, { recursive: true }));

async function put(path: string, content: string | Buffer): Promise<string> {
  const at = join(folder, path);
  await mkdir(dirname(at), { recursive: true });
  await writeFile(at, content);
  return at;
}

/** A program that answers so. */
async function program(path: string, script: string): Promise<string> {
  const at = await put(path, `#!/bin/sh\n${script}\n`);
  await chmod(at, 0o755);
  return at;
}

async function runs(
  pid: number,
  name: string,
  {
    exe,
    parent = 1,
    namespace = "pid:[1]",
    environment = "",
    users = "0\t0\t0\t0",
  }: Partial<Record<"exe" | "namespace" | "environment" | "users", string>> & { parent?: number },
): Promise<void> {
  await put(`proc/${pid}/comm`, `${name}\n`);
  await put(`proc/${pid}/stat`, `${pid} (${name}) S ${parent} 1 1 0 -1`);
  await put(`proc/${pid}/status`, `Name:\t${name}\nUid:\t${users}\n`);
  await put(`proc/${pid}/environ`, environment);
  await put(`proc/${pid}/ns/.keep`, "");
  await symlink(namespace, join(places.proc, `${pid}/ns/pid`));
  if (exe !== undefined) await symlink(exe, join(places.proc, `${pid}/exe`));
}

/** Which package owns what, for both of dpkg's questions. */
async function dpkg(
  owners: Record<string, { name: string; version: string; vendor?: string }>,
): Promise<void> {
  const lines = Object.entries(owners);
  const search = lines.map(([path, { name }]) => `echo "${name}: ${path}"`).join("\n");
  const list = lines
    .map(
      ([, { name, version, vendor = "" }]) =>
        `printf 'ii \\t${name}\\t${version}\\t${version}\\t${vendor}\\n'`,
    )
    .join("\n");
  await program("dpkg-query", `if [ "$1" = -S ]; then\n${search}\nexit 1\nfi\n${list}`);
}

const read = async (runtime: Partial<RuntimeProgram> = {}) => {
  const versions = await readHostVersions({ ...RUNTIME, ...runtime }, places);
  // Whatever it reads, the report takes.
  expect(HostVersions.parse(versions)).toEqual(versions);
  return new Map(versions.components.map(({ component, ...rest }) => [component, rest]));
};

describe("a made-up host", () => {
  test("has runc in containerd.io where Docker's own packages are, and reports its own version", async () => {
    const runc = await program("bin/runc", 'echo "runc version 1.3.3"');
    const dockerd = await put("bin/dockerd", "");
    await runs(10, "dockerd", { exe: dockerd, environment: `PATH=${join(folder, "bin")}\0` });
    await dpkg({
      [dockerd]: {
        name: "docker-ce",
        version: "5:29.7.0-1~debian.13~trixie",
        vendor: "Docker <support@docker.com>",
      },
      [runc]: { name: "containerd.io", version: "2.2.4-1~debian.13~trixie" },
    });

    const found = await read({ version: "29.7.0" });

    expect(found.get("docker")).toMatchObject({
      version: "29.7.0",
      package: { format: "deb", name: "docker-ce", version: "5:29.7.0-1~debian.13~trixie" },
    });
    expect(found.get("runc")).toMatchObject({ version: "1.3.3", package: { name: "containerd.io" } });
  });

  test("of static programs has no packages", async () => {
    await program("bin/runc", 'echo "runc version 1.3.3"');
    await runs(10, "dockerd", { exe: "/opt/docker/dockerd", environment: `PATH=${join(folder, "bin")}\0` });
    await program("dpkg-query", 'echo "dpkg-query: no path found matching pattern" >&2\nexit 1');

    const found = await read();

    expect([...found.values()].map(({ package: owner }) => owner)).toEqual([...found.keys()].map(() => null));
    expect(found.get("runc")).toMatchObject({ version: "1.3.3" });
  });

  test("whose dockerd was replaced since it runs reports so", async () => {
    await runs(10, "dockerd", { exe: "/usr/bin/dockerd (deleted)" });
    await dpkg({ "/usr/bin/dockerd": { name: "docker-ce", version: "5:29.7.0-1" } });

    expect((await read({ version: "29.6.2" })).get("docker")).toMatchObject({
      version: "29.6.2",
      isReplaced: true,
      package: { name: "docker-ce", version: "5:29.7.0-1" },
    });
  });

  test("attack: a container's process that calls itself dockerd is not taken for it", async () => {
    const lie = await put("container/dockerd", "");
    await runs(10, "dockerd", { exe: lie, namespace: "pid:[2]" });
    await dpkg({ [lie]: { name: "docker-ce", version: "5:99.0.0-1" } });

    expect((await read()).get("docker")).toEqual({
      version: "26.1.5",
      package: null,
      isReplaced: false,
      mentionedCves: [],
    });
  });

  test.each([
    ["a user", { users: "1000\t1000\t1000\t1000" }],
    ["a user who began a program of root's", { users: "1000\t0\t0\t0" }],
    ["root, where there is no dockerd", {}],
  ])(
    "attack: a containerd of %s is not carried out, and reports nothing of where programs are",
    async (_whose, who) => {
      const traces = join(folder, "traces");
      const lie = await program("user/containerd", `echo containerd >> ${traces}\necho "containerd x 9.9.9"`);
      await program("user/runc", `echo runc >> ${traces}\necho "runc version 9.9.9"`);
      await runs(10, "containerd", { exe: lie, environment: `PATH=${join(folder, "user")}\0`, ...who });
      await dpkg({});

      const found = await read();

      expect(found.get("containerd")).toBeUndefined();
      expect(found.get("runc")?.version).not.toBe("9.9.9");
      await expect(readFile(traces)).rejects.toThrow("ENOENT");
    },
  );

  test("attack: a user's dockerd is not taken for the host's", async () => {
    const lie = await put("user/dockerd", "");
    await runs(10, "dockerd", { exe: lie, users: "1000\t1000\t1000\t1000" });
    await dpkg({ [lie]: { name: "docker-ce", version: "5:99.0.0-1" } });

    expect((await read()).get("docker")?.package).toBeNull();
  });

  test("with two daemons is judged by the one that holds our socket", async () => {
    const [ours, other] = [await put("bin/dockerd", ""), await put("other/dockerd", "")];
    await runs(10, "dockerd", { exe: other });
    await runs(20, "dockerd", { exe: ours });
    await put("proc/net/unix", "Num\n0: 00000002 00000000 00010000 0001 01 777 /run/docker.sock\n");
    await put("proc/20/fd/.keep", "");
    await symlink("socket:[777]", join(places.proc, "20/fd/7"));
    await dpkg({
      [ours]: { name: "docker.io", version: "26.1.5+dfsg1-9" },
      [other]: { name: "docker-ce", version: "5:29.7.0-1" },
    });

    expect((await read()).get("docker")?.package?.name).toBe("docker.io");
    await rm(join(places.proc, "20/fd/7"));
    expect((await read()).get("docker")?.package).toBeNull();
  });

  test("of rpm is queried by rpm, changelog included", async () => {
    const runc = await program("bin/runc", 'echo "runc version 1.2.5"');
    await runs(10, "dockerd", { exe: "/usr/bin/dockerd", environment: `PATH=${join(folder, "bin")}\0` });
    places.tools.dpkgQuery = join(folder, "no-such-program");
    await program(
      "rpm",
      `case "$*" in
  "-qf --queryformat "*"${runc}") printf 'runc\\t4:1.2.5-3.el9\\tRocky\\n' ;;
  "-q --changelog runc") echo "- Resolves: CVE-2025-52881" ;;
  *) echo "file is not owned by any package"; exit 1 ;;
esac`,
    );

    expect((await read()).get("runc")).toEqual({
      version: "1.2.5",
      package: { format: "rpm", name: "runc", version: "4:1.2.5-3.el9", vendor: "Rocky" },
      isReplaced: false,
      mentionedCves: ["CVE-2025-52881"],
    });
  });

  test("with NVIDIA's driver and toolkit has both, the driver that is loaded", async () => {
    const hook = await program("bin/nvidia-cdi-hook", 'echo "NVIDIA CDI Hook version 1.18.2"');
    await program("bin/nvidia-ctk", 'echo "NVIDIA Container Toolkit CLI version 1.16.0"');
    await put(
      "proc/driver/nvidia/version",
      "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.126.09  Tue\n",
    );
    await runs(10, "dockerd", { exe: "/usr/bin/dockerd", environment: `PATH=${join(folder, "bin")}\0` });
    await dpkg({ [hook]: { name: "nvidia-container-toolkit-base", version: "1.18.2-1", vendor: "NVIDIA" } });

    const found = await read({ ociRuntime: { name: "nvidia", path: "nvidia-container-runtime" } });

    expect(found.get("nvidia-driver")).toMatchObject({ version: "580.126.09", package: null });
    expect(found.get("nvidia-container-toolkit")).toMatchObject({
      version: "1.18.2",
      package: { name: "nvidia-container-toolkit-base", vendor: "NVIDIA" },
    });
    expect(found.get("runc")).toMatchObject({ version: null, package: null });
  });

  test("of Podman and crun has neither Docker nor runc", async () => {
    await program("dpkg-query", "exit 1");

    const found = await read({
      name: "podman",
      version: "5.4.2",
      ociRuntime: { name: "crun", path: "/usr/bin/crun" },
    });

    expect([...found.keys()]).toEqual(["kernel"]);
  });

  test.each([
    [
      "writes without end",
      'head -c 3000000 /dev/zero | tr "\\0" x',
      "dpkg-query wrote more than 1048576 bytes",
    ],
    ["breaks off", "exit 2", "dpkg-query ended with 2"],
    ["is killed", "kill -9 $$", "dpkg-query ended with 128"],
  ])("whose package manager %s is not read, rather than unknown", async (_what, script, message) => {
    await runs(10, "dockerd", { exe: "/usr/bin/dockerd" });
    await program("dpkg-query", script);

    await expect(read()).rejects.toThrow(message);
  });

  test("of rpm that has a dpkg-query too, which owns nothing or fails, is queried by rpm", async () => {
    await runs(10, "dockerd", { exe: "/usr/bin/dockerd" });
    await program("rpm", "printf 'docker-ce\\t3:29.7.0-1.el9\\tDocker\\n'");

    for (const script of ["exit 1", "exit 2"]) {
      await program("dpkg-query", script);
      expect((await read()).get("docker")?.package).toMatchObject({ format: "rpm", name: "docker-ce" });
    }
  });

  test("whose package manager lies or is missing is read all the same", async () => {
    await runs(10, "dockerd", { exe: "/usr/bin/dockerd" });
    await program(
      "dpkg-query",
      `if [ "$1" = -S ]; then echo "../../etc: /usr/bin/dockerd"; exit 0; fi
printf 'ii \\t../../etc\\t1\\t1\\tX\\n'`,
    );
    expect((await read()).get("docker")?.mentionedCves).toEqual([]);

    await rm(join(folder, "dpkg-query"));
    expect((await read()).get("docker")?.package).toBeNull();
  });
});

describe("a changelog", () => {
  const runc = { format: "deb", name: "runc", version: "1", vendor: null } as const;
  const mentioned = async () => await new Packages(places.tools).mentionedCves(runc);
  const text = `runc (1) unstable\n\n  * Fix CVE-2025-31133.\n${"padding ".repeat(2_000)}\n  * CVE-2025-52565\n`;

  test("is read from the package's documents", async () => {
    await put("doc/runc/changelog.Debian.gz", gzipSync(text));

    expect(await mentioned()).toEqual(["CVE-2025-31133", "CVE-2025-52565"]);
  });

  test("that is cut off lists what it has; one that is missing, none or too long lists nothing", async () => {
    expect(await mentioned()).toEqual([]);
    const packed = gzipSync(text, { level: 0 });
    await put("doc/runc/changelog.Debian.gz", packed.subarray(0, packed.length - 1_000));
    expect(await mentioned()).toEqual(["CVE-2025-31133"]);
    await put("doc/runc/changelog.Debian.gz", text);
    expect(await mentioned()).toEqual([]);
    await put("doc/runc/changelog.Debian.gz", gzipSync(Buffer.alloc(8 * 1024 * 1024, "CVE-2025-31133 ")));
    expect(await mentioned()).toEqual([]);
  });
});
