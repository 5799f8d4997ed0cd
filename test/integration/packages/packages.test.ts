/** The Debian packages without their weight: the bundle of the server, the packing, the checks, the maintainer scripts. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unpackBundle } from "@remotegpu/control-plane/server/agent-bundle";
import { programFiles } from "@remotegpu/control-plane/server/installation/program-files";
import { servedPackages } from "@remotegpu/control-plane/server/installation/served-packages";
import { agentPackage } from "../../../control-plane/install/packages/agent-package.ts";
import {
  assertOldLibraries,
  neededVersions,
  newerVersions,
  NewLibraryError,
} from "../../../control-plane/install/packages/c-library.ts";
import { commandPackage } from "../../../control-plane/install/packages/command-package.ts";
import {
  controlPlanePackage,
  packagedUnit,
  SERVICES,
} from "../../../control-plane/install/packages/control-plane-package.ts";
import { type Package, writeDeb, writeSums } from "../../../control-plane/install/packages/deb.ts";
import { bundleServer } from "../../../control-plane/install/packages/server-bundle.ts";
import { copyFolderInto, writeInto } from "../../../control-plane/install/packages/tree.ts";
import { freshDatabase } from "../../support/engines/postgres.ts";
import { openApi } from "../../support/http/api.ts";

const RELEASE = { release: "9.1.0", version: "9.1.0+20260301120000.1a2b3c4d5e", epochSeconds: 1_770_000_000 };
const AGENT_FILE = `remotegpu-agent_${RELEASE.version}_amd64.deb`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "remotegpu-packages-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The agent's package with a release of two small files. */
const smallAgent: Package = {
  ...agentPackage(RELEASE),
  async layOut(tree) {
    const release = join(tree, "usr/lib/remotegpu-agent/release");
    await writeInto(join(release, "install.sh"), "#!/bin/sh\n", 0o755);
    await writeInto(join(release, "agent.mjs"), "the agent");
  },
};

describe("a package", () => {
  test("has the same bytes whenever, wherever and with whatever umask it is packed", async () => {
    const packed = async (name: string, umask: number) => {
      const before = process.umask(umask);
      await writeDeb(smallAgent, { folder: join(folder, name), release: RELEASE });
      process.umask(before);
      return await readFile(join(folder, name, AGENT_FILE));
    };

    const first = await packed("first", 0o022);
    const second = await packed("second", 0o077);

    expect(first.equals(second)).toBe(true);
  });

  test("names its version, what it depends on and its files, which belong to root", async () => {
    const file = join(folder, "first", AGENT_FILE);

    const { stdout: control } = await execa("dpkg-deb", ["--field", file]);
    const { stdout: contents } = await execa("dpkg-deb", ["--contents", file], { env: { TZ: "UTC" } });

    expect(control).toContain(`Version: ${RELEASE.version}\n`);
    expect(control).toMatch(/^Depends: docker\.io \| docker-ce \| podman, curl, /m);
    expect(contents).toMatch(/^-rwxr-xr-x root\/root +10 2026-02-02 \S+ \.\/usr\/lib\/\S+\/install\.sh$/m);
  });

  test("of the control plane depends on the command's of the same version", () => {
    const made = controlPlanePackage(RELEASE, { folder, handedOut: [] });

    expect(made.depends[0]).toBe(`remotegpu (= ${RELEASE.version})`);
  });

  test("depends on nothing that Debian does not have", async () => {
    const made = [
      commandPackage,
      agentPackage(RELEASE),
      controlPlanePackage(RELEASE, { folder, handedOut: [] }),
    ];
    const names = made
      .flatMap(({ depends, recommends }) => [...depends, ...recommends])
      .flatMap((one) => one.split("|"))
      .map((one) => one.trim().replace(/ .*/, ""))
      // Docker's own repository has it.
      .filter((name) => name !== "docker-ce" && name !== "remotegpu");

    const { stdout } = await execa("apt-cache", ["pkgnames"]);

    const known = new Set(stdout.split("\n"));
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("the libraries of C and C++", () => {
  test("that Node and the embedded Postgres need are ones that Ubuntu 22.04 has", async () => {
    const node = neededVersions(await readFile(process.execPath));

    expect(node).toContain("GLIBC_2.28");
    expect(node).toContain("GLIBCXX_3.4.21");
    expect(newerVersions(node)).toEqual([]);
    await assertOldLibraries(programFiles.postgres());
  });

  test.each([
    { version: "GLIBC_2.35", is: [] },
    { version: "GLIBC_2.2.5", is: [] },
    { version: "GLIBC_2.36", is: ["GLIBC_2.36"] },
    { version: "GLIBC_3.0", is: ["GLIBC_3.0"] },
    { version: "GLIBCXX_3.4.30", is: [] },
    { version: "GLIBCXX_3.4", is: [] },
    { version: "GLIBCXX_3.4.31", is: ["GLIBCXX_3.4.31"] },
    { version: "CXXABI_1.3.13", is: [] },
    { version: "CXXABI_1.3.14", is: ["CXXABI_1.3.14"] },
    { version: "GCC_12.0.0", is: [] },
    { version: "GCC_14.0.0", is: ["GCC_14.0.0"] },
  ])("$version is newer than those of Ubuntu 22.04: $is", ({ version, is }) => {
    expect(newerVersions([version])).toEqual(is);
  });

  test("of a program that needs newer ones keep the package from being built", async () => {
    const tree = join(folder, "too-new");
    await writeInto(join(tree, "usr/bin/old"), "\x7fELF\0GLIBC_2.2.5\0GLIBC_2.35\0GLIBCXX_3.4.30\0");
    await writeInto(join(tree, "usr/share/text"), "GLIBC_2.99\0");
    await assertOldLibraries(tree);
    await writeInto(join(tree, "usr/bin/new"), "\x7fELF\0GLIBC_2.4\0GLIBC_2.36\0");

    await expect(assertOldLibraries(tree)).rejects.toThrow(NewLibraryError);
    await expect(assertOldLibraries(tree)).rejects.toThrow("usr/bin/new needs GLIBC_2.36");
  });
});

test.each(SERVICES)("the packaged %s is one that systemd takes, and names no checkout", async (name) => {
  const unit = await packagedUnit(name);
  const path = join(folder, name);
  await writeFile(path, unit.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));

  const { exitCode, all } = await execa("systemd-analyze", ["verify", "--man=no", path], {
    reject: false,
    all: true,
  });

  expect({ exitCode, all }).toEqual({ exitCode: 0, all: "" });
  expect(unit).toMatch(/^ExecStart=\/usr\/bin\/remotegpu-control-plane (run|gateway|backup)\b/m);
  expect(unit).toContain("\nWorkingDirectory=/usr/lib/remotegpu/control-plane\n");
  expect(unit).not.toContain("/opt/");
});

test("the server runs from its bundle without node_modules, and finds its migrations beside it", async () => {
  const program = join(folder, "control-plane");
  const licences = await bundleServer(program);
  await copyFolderInto(
    new URL("../../../control-plane/migrations", import.meta.url).pathname,
    join(program, "migrations"),
  );
  const fresh = await freshDatabase({ template: "template0" });
  try {
    const migrated = await execa(process.execPath, [join(program, "server.mjs"), "migrate", "--json"], {
      cwd: "/",
      extendEnv: false,
      env: { DATABASE_URL: fresh.url, REMOTEGPU_STATE_DIR: join(folder, "state") },
    });

    expect(migrated.exitCode).toBe(0);
    expect(migrated.stdout).toContain("0024_memory_of_gpus.sql");
    expect(await readFile(join(program, "server.mjs"), "utf8")).not.toContain(process.cwd());
    expect(licences).toContain("hono 4.");
  } finally {
    await fresh.drop();
  }
});

describe("the control plane", () => {
  let packages: string;
  beforeAll(async () => {
    packages = join(folder, "handed-out");
    await writeDeb(smallAgent, { folder: packages, release: RELEASE });
    await writeInto(join(packages, `remotegpu-control-plane_${RELEASE.version}_amd64.deb`), "not for hosts");
    await writeSums(packages);
  });

  test("lists the packages with their hashes and hands them out without a key", async () => {
    const api = await openApi({ packages: () => servedPackages(packages) });
    try {
      const { body } = await api.request("GET", "/install/");
      const response = await api.app.request(`/install/${AGENT_FILE}`);

      const content = Buffer.from(await response.arrayBuffer());
      const sha256 = createHash("sha256").update(content).digest("hex");
      expect(body).toEqual({
        packages: [
          {
            name: "remotegpu-agent",
            version: RELEASE.version,
            file: AGENT_FILE,
            bytes: content.length,
            sha256,
          },
        ],
      });
      expect(content.equals(await readFile(join(packages, AGENT_FILE)))).toBe(true);
    } finally {
      await api.close();
    }
  });

  test("hands out nothing that is not in the list, and says so where no packages were built", async () => {
    const api = await openApi({ packages: () => servedPackages(packages) });
    const none = await openApi({ packages: () => servedPackages(join(folder, "nothing-here")) });
    try {
      const other = `/install/remotegpu-control-plane_${RELEASE.version}_amd64.deb`;
      for (const path of [other, "/install/remotegpu_1_amd64.deb"])
        expect(await api.request("GET", path)).toMatchObject({ status: 404 });
      for (const path of ["/install/..%2fSHA256SUMS", "/install/SHA256SUMS"])
        expect(await api.request("GET", path)).toMatchObject({ status: 422 });
      for (const path of ["/install/", `/install/${AGENT_FILE}`])
        expect(await none.request("GET", path)).toMatchObject({
          status: 404,
          body: { reason_code: "packages-missing" },
        });
    } finally {
      await api.close();
      await none.close();
    }
  });

  test("takes the agent's bundle out of the agent's package", async () => {
    const bundle = join(folder, "bundle");

    for (const _again of [1, 2]) await unpackBundle(packages, bundle);

    expect(await readFile(join(bundle, "agent.mjs"), "utf8")).toBe("the agent");
  });
});

describe.each([
  { launcher: "control-plane/install/packages/files/remotegpu-control-plane", file: "control-plane.env" },
  { launcher: "agent/install/package/remotegpu-agent", file: "agent.env" },
])("the installed command $launcher", ({ launcher, file }) => {
  /** What the program is told of a settings file, where /etc lies below `root` and every program is this one. */
  const told = async (root: string, env: Record<string, string> = {}) => {
    const source = await readFile(new URL(`../../../${launcher}`, import.meta.url), "utf8");
    const program = join(root, "node");
    await writeInto(program, `#!/bin/sh\necho "\${REMOTEGPU_CONFIG_FILE-none} $*"\n`, 0o755);
    const script = join(root, "command");
    const moved = source.replaceAll("/etc/remotegpu", `${root}/etc`).replace(/exec \S+/, `exec ${program}`);
    await writeFile(script, moved.replace(/^exec "\$current\/node"/m, `exec ${program}`));
    const { stdout } = await execa("sh", [script, "config", "check"], { extendEnv: false, env });
    return stdout.split(" ")[0];
  };

  test("names the settings of this machine where they are, unless another file or none is named", async () => {
    const root = await mkdtemp(join(folder, "launcher-"));
    expect(await told(root)).toBe("none");

    await writeInto(join(root, "etc", file), "REMOTEGPU_LOG_LEVEL=info\n");

    expect(await told(root)).toBe(join(root, "etc", file));
    expect(await told(root, { REMOTEGPU_CONFIG_FILE: "/other.env" })).toBe("/other.env");
    expect(await told(root, { REMOTEGPU_CONFIG_FILE: "" })).toBe("");
  });
});

/** The maintainer script with the host's folders below `root`. */
async function maintainerScript(name: string, root: string): Promise<string> {
  const source = new URL(`../../../agent/install/package/${name}`, import.meta.url);
  const text = (await readFile(source, "utf8")).replaceAll(
    /\/(opt|etc|var\/lib)\/(remotegpu|systemd)/g,
    `${root}$&`,
  );
  const script = join(root, name);
  await writeFile(script, text.replaceAll("/run/systemd/system", join(root, "no-systemd")));
  return script;
}

/** A host that has joined, whose agent prints `openRuns` for its journal. */
async function joinedHost(name: string, openRuns: string): Promise<string> {
  const root = join(folder, name);
  const current = join(root, "opt/remotegpu/current");
  await writeInto(join(current, "node"), `#!/bin/sh\n[ "$2" = open-runs ] && ${openRuns}\n`, 0o755);
  await writeInto(join(root, "etc/remotegpu/agent.env"), 'REMOTEGPU_SERVER="https://example.com"\n');
  for (const file of ["journal.sqlite", "live/mark", "start/mark"])
    await writeInto(join(root, "var/lib/remotegpu", file), "");
  return root;
}

describe("a purge of the agent", () => {
  const purge = async (root: string) =>
    await execa("sh", [await maintainerScript("postrm", root), "purge"], { reject: false, all: true });

  test("is refused while the journal has open runs, names them, and removes nothing", async () => {
    const root = await joinedHost("open", "echo 'env-1 run run-1'");

    const { exitCode, all } = await purge(root);

    expect(exitCode).toBe(1);
    expect(all).toContain("env-1 run run-1");
    expect(all).toContain("end the work");
    expect(await readFile(join(root, "var/lib/remotegpu/live/mark"), "utf8")).toBe("");
    expect(await readFile(join(root, "etc/remotegpu/agent.env"), "utf8")).toContain("example.com");
  });

  test("is refused where the journal cannot be read", async () => {
    const { exitCode, all } = await purge(await joinedHost("unreadable", "exit 1"));

    expect({ exitCode, all }).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining("could not be read"),
    });
  });

  test("removes state, settings and versions once nothing is open, and no file of an environment", async () => {
    const root = await joinedHost("ended", "true");
    await writeInto(join(root, "var/lib/remotegpu/pool/ws-1/result"), "42");
    await writeInto(join(root, "etc/remotegpu/control-plane.env"), "");

    const { exitCode } = await purge(root);

    expect(exitCode).toBe(0);
    const { stdout } = await execa("find", [root, "-type", "f", "-printf", "%P\n"]);
    expect(stdout.split("\n").toSorted()).toEqual([
      "etc/remotegpu/control-plane.env",
      "postrm",
      "var/lib/remotegpu/pool/ws-1/result",
      "var/lib/remotegpu/start/mark",
    ]);
  });
});
