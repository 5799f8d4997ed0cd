/** The bundle that a control plane hands out runs on a host that has nothing else. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { buildBundle } from "../../../agent/install/build-bundle.ts";
import { compiledProgram, OWN_PROGRAMS } from "@remotegpu/agent/toolbox/own-programs";
import { AccessUnderTest, ContainerUnderTest } from "../../support/agent/access.ts";
import { FilesUnderTest } from "../../support/agent/files.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";
import type { BundleManifest } from "../../../agent/install/bundle-manifest.ts";

let folder: string;
let bundle: string;
let manifest: BundleManifest;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "remotegpu-bundle-"));
  bundle = join(folder, "bundle");
  const entryPoint = new URL("../../fixtures/bundled-agent.ts", import.meta.url).pathname;
  manifest = await buildBundle({ outDir: bundle, entryPoint });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("it holds all that a host needs, each with its hash", async () => {
  expect(manifest.version).toMatch(/^\d+\.\d+\.\d+-[0-9a-f]{12}$/);
  expect(manifest.files).toEqual(
    expect.arrayContaining(
      [
        "node",
        "toolbox.tar",
        "toolbox.tar.sha256",
        "toolbox-init",
        "toolbox-session",
        "simulated-nvidia-smi.sh",
        "linux-x64.node",
        "koffi.node",
        "access.mjs",
        "access-relay.mjs",
        "files.mjs",
        "remotegpu-access.service",
        "remotegpu-files.service",
        "remotegpu-agent.service",
      ].map((name) => expect.objectContaining({ name })),
    ),
  );
  const lines = (await readFile(join(bundle, "MANIFEST"), "utf8")).trim().split("\n");
  expect(lines).toHaveLength(manifest.files.length + 1);
  const checked = await execa("sha256sum", ["--check", "--quiet"], {
    cwd: bundle,
    input: lines
      .slice(1)
      .map((line) => line.replace(/ \d{3} /, "  "))
      .join("\n"),
  });
  expect(checked.exitCode).toBe(0);
});

test("its agent runs from another folder, without PATH and without node_modules", async () => {
  const elsewhere = join(folder, "elsewhere");
  await rename(bundle, elsewhere);

  const { stdout } = await execa(join(elsewhere, "node"), [join(elsewhere, "agent.mjs"), folder], {
    cwd: "/",
    extendEnv: false,
    env: {},
  });

  const answer = JSON.parse(stdout) as { executable: string; toolbox: string };
  expect(answer).toMatchObject({ row: { answer: 42 }, docker: "function" });
  expect((await readdir(answer.toolbox)).sort()).toEqual(
    "PACKAGES bin busybox device-access etc init lib libexec live loc reach sbin service-log session share terminfo".split(
      " ",
    ),
  );
  // They come with the bundle: a host has no compiler.
  for (const program of OWN_PROGRAMS)
    expect(await readFile(join(answer.toolbox, program.name))).toEqual(await compiledProgram(program));
  expect((await stat(answer.executable)).mode & 0o777).toBe(0o755);
});

test.skipIf(!existsSync(new URL("../../../agent/src/main.ts", import.meta.url)))(
  "the real agent starts from a bundle",
  async () => {
    const real = join(folder, "real");
    await buildBundle({ outDir: real });

    const { stdout } = await execa(join(real, "node"), [join(real, "agent.mjs"), "--help"], {
      cwd: "/",
      extendEnv: false,
      env: {},
    });

    expect(stdout).toMatch(/\bjoin\b[\s\S]*\brun\b/);
  },
);

describe("with its code where only root can read", () => {
  let closed: string;
  beforeAll(async () => {
    closed = join(folder, "closed");
    await buildBundle({ outDir: closed });
    await chmod(closed, 0o700);
  });

  test("its files process serves a pool", async () => {
    const files = await FilesUnderTest.begin({ script: join(closed, "files.mjs") });
    onTestFinished(() => files.end());

    await writeFile(files.at("said"), "hello");

    expect((await files.request({ path: "said" })).body.toString()).toBe("hello");
  });

  test("its access process leads into a container", async () => {
    await using ending = new AsyncDisposableStack();
    const container = ending.adopt(await ContainerUnderTest.begin(), (begun) => begun.end());
    await container.serve(7000);
    const access = ending.adopt(
      await AccessUnderTest.begin({}, { script: join(closed, "access.mjs") }),
      (begun) => begun.end(),
    );

    await access.print({ leases: [wantedLease("a")], instances: [container.instance] });
    const socket = connect({ port: await access.portOf("a"), host: "127.0.0.1" });
    const [greeting] = (await once(socket, "data")) as unknown[];
    socket.destroy();

    expect(String(greeting)).toBe("hello\n");
    expect(await readFile(`/proc/${access.relayPid}/status`, "utf8")).toMatch(/^CapEff:\s+0+$/m);
  });
});
