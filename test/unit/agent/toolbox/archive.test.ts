/** The archive of the toolbox, read as it was packed by tar, and nothing else that calls itself one. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { entriesOf } from "@remotegpu/agent/toolbox/archive";
import { tarOf } from "../../../support/containers/images/tar.ts";

test("files with their modes, folders and links are read, in the order of the archive", () => {
  const folder = mkdtempSync(join(tmpdir(), "rg-archive-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "deep"));
  writeFileSync(join(folder, "deep/program"), "x".repeat(1_000), { mode: 0o755 });
  writeFileSync(join(folder, "empty"), "", { mode: 0o644 });
  symlinkSync("deep/program", join(folder, "link"));
  const archive = execFileSync("tar", ["--format=ustar", "--sort=name", "-C", folder, "-c", "."]);

  expect(entriesOf(archive)).toEqual([
    { kind: "folder", path: "" },
    { kind: "folder", path: "deep" },
    { kind: "file", path: "deep/program", mode: 0o755, content: Buffer.from("x".repeat(1_000)) },
    { kind: "file", path: "empty", mode: 0o644, content: Buffer.alloc(0) },
    { kind: "link", path: "link", to: "deep/program" },
  ]);
});

test.each(["/etc/passwd", "../up", "a/../../up"])("an entry named %s is refused", (name) => {
  expect(() => entriesOf(tarOf(name, Buffer.from("x")))).toThrow("odd place");
});

test("an entry of another kind is refused", () => {
  const archive = tarOf("device", Buffer.alloc(0));
  archive.write("3", 156);

  expect(() => entriesOf(archive)).toThrow("device is an entry of kind 3");
});

test("an archive that ends within a file is refused", () => {
  expect(() => entriesOf(tarOf("file", Buffer.alloc(5_000)).subarray(0, 2_000))).toThrow("cut off");
});

test("nothing is an archive of nothing", () => {
  expect(entriesOf(Buffer.alloc(0))).toEqual([]);
});
