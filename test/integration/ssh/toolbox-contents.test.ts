/** The toolbox as it was built on this machine: complete in itself, small, and with a name for all that is in it. */
import { glob, mkdtemp, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUILT_ARCHIVE } from "@remotegpu/agent/toolbox/packed-toolbox";
import { isStaticProgram } from "../../../agent/install/toolbox/static-program.ts";
import { installToolbox } from "@remotegpu/agent/toolbox/toolbox";

const PROGRAMS =
  "bin/rsync libexec/scp libexec/sftp-server libexec/sshd-session libexec/tmux sbin/sshd".split(" ");
const MAX_BYTES = 30_000_000;

let stateDir: string;
let toolbox: string;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "rg-toolbox-"));
  toolbox = await installToolbox(stateDir);
});

afterAll(() => rm(stateDir, { recursive: true, force: true }));

async function requested(word: string, path: string): Promise<string[]> {
  const { stdout } = await execa("patchelf", [word, path]);
  return stdout.split("\n").filter((line) => line !== "");
}

test.each(PROGRAMS)("%s searches for its loader and its libraries in the toolbox alone", async (name) => {
  const path = join(toolbox, name);

  expect(await requested("--print-interpreter", path)).toEqual(["/.remotegpu/lib/ld-linux-x86-64.so.2"]);
  expect(await requested("--print-rpath", path)).toEqual(["/.remotegpu/lib"]);
});

test("every library that a file of it is linked with is in it", async () => {
  const libraries = new Set(await readdir(join(toolbox, "lib")));
  for (const path of [...PROGRAMS, ...[...libraries].map((name) => `lib/${name}`)])
    for (const needed of await requested("--print-needed", join(toolbox, path)))
      expect([path, needed, libraries.has(needed)]).toEqual([path, needed, true]);
});

test("init, session, the reader of logs and busybox need no library", async () => {
  for (const name of ["init", "session", "service-log", "busybox"])
    expect(isStaticProgram(await readFile(join(toolbox, name)))).toBe(true);
  expect(await readlink(join(toolbox, "bin/sh"))).toBe("../busybox");
});

test("each package has its version, its licences and the text of them", async () => {
  const lines = (await readFile(join(toolbox, "PACKAGES"), "utf8"))
    .split("\n")
    .filter((line) => !line.startsWith("#") && line !== "");
  const packages = lines.map((line) => line.split("\t"));

  for (const [name = "", version = "", licences = ""] of packages) {
    expect([name, /^\S+$/.test(version), licences.length > 0]).toEqual([name, true, true]);
    expect((await stat(join(toolbox, "share/doc", name, "copyright"))).size).toBeGreaterThan(0);
  }
  const named = packages.map(([name]) => name);
  expect(named).toEqual(
    expect.arrayContaining(["busybox-static", "libc6", "libnss-wrapper", "openssh-server", "rsync", "tmux"]),
  );
  expect(new Set(await readdir(join(toolbox, "share/doc")))).toEqual(new Set(named));
});

test("it is small, and its archive reveals nothing of when and by whom it was made", async () => {
  expect((await stat(BUILT_ARCHIVE)).size).toBeLessThan(MAX_BYTES);
  const { stdout } = await execa("tar", [
    "--list",
    "--verbose",
    "--utc",
    "--numeric-owner",
    "--file",
    BUILT_ARCHIVE,
  ]);
  const lines = stdout.split("\n");
  const names = lines.map((line) => line.split(/\s+/)[5] ?? "");

  expect(lines.filter((line) => !/^\S+ 0\/0 +\d+ 1970-01-01 00:00 /.test(line))).toEqual([]);
  expect(names).toEqual([...new Set(names)]);
});

test("it is written once, and another agent's is the same", async () => {
  const before = await stat(toolbox);

  expect(await installToolbox(stateDir)).toBe(toolbox);
  expect((await stat(toolbox)).ctimeMs).toBe(before.ctimeMs);
  const others = [];
  for await (const name of glob("toolbox/*", { cwd: stateDir })) others.push(name);
  expect(others).toHaveLength(1);
});
