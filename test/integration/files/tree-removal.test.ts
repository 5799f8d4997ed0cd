/** What a job left is removed by the files process of its host, whatever shape it has, and nothing beside it. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FilesUnderTest } from "../../support/agent/files.ts";

const OUTPUT = "training-jobs/job-1/output";
const ATTEMPT = `${OUTPUT}/attempt-1`;

let files: FilesUnderTest;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  files = ending.adopt(await FilesUnderTest.begin(), (one) => one.end());
  mkdirSync(files.at("", ATTEMPT), { recursive: true, mode: 0o1777 });
});
afterAll(() => ending.disposeAsync());

const remove = (path: string, folder = ATTEMPT) => files.request({ method: "DELETE", folder, path });
const isThere = (path: string) => existsSync(files.at(path, ATTEMPT));

/** By a user of an image, who is not root. */
async function asUser(script: string): Promise<void> {
  await execa("setpriv", ["--reuid", "1000", "--regid", "1000", "--clear-groups", "sh", "-ec", script], {
    cwd: files.at("", ATTEMPT),
  });
}

test.each([
  ["a file", "touch it"],
  ["a folder of many files", "mkdir it; cd it; i=0; while [ $i -lt 5000 ]; do : > $i; i=$((i+1)); done"],
  [
    "folders within each other, beyond any path",
    "n=$(printf %060d 0); d=$n/$n/$n/$n/$n; mkdir it; cd it; i=0; while [ $i -lt 20 ]; do mkdir -p $d; cd -P ./$d; i=$((i+1)); done; : > f",
  ],
  [
    "folders in which only owners remove",
    "mkdir -m 1777 it; mkdir -m 1700 it/in; touch it/a it/in/b; chmod 1000 it/in",
  ],
  ["a file with a name that is no text", "mkdir it; touch \"it/$(printf '\\377')\""],
])("%s", async (_what, script) => {
  // As a container's folder is for whatever user the image runs as, on the host nobody else comes that far.
  await execa("chmod", ["-R", "o+x", files.state, files.pool]);
  await execa("chmod", ["1777", files.at("", ATTEMPT)]);
  await asUser(script);
  writeFileSync(files.at("beside", ATTEMPT), "stays");

  expect((await remove("it")).status).toBe(204);

  expect(isThere("it")).toBe(false);
  expect(readFileSync(files.at("beside", ATTEMPT), "utf8")).toBe("stays");
});

test("a link itself, not what it leads to", async () => {
  mkdirSync(files.at("kept", ATTEMPT));
  writeFileSync(files.at("kept/one", ATTEMPT), "kept");
  symlinkSync("kept", files.at("link", ATTEMPT));
  mkdirSync(files.at("holder", ATTEMPT));
  symlinkSync("../kept", files.at("holder/link", ATTEMPT));

  expect((await remove("link")).status).toBe(204);
  expect((await remove("holder")).status).toBe(204);

  expect([isThere("link"), isThere("holder"), isThere("kept/one")]).toEqual([false, false, true]);
});

test("nothing of others by a link in the path, nor what is not there, nor the folder that is requested", async () => {
  mkdirSync(files.at("", "customers/bob"), { recursive: true });
  writeFileSync(files.at("data", "customers/bob"), "bob's");
  symlinkSync(join("../../../../customers"), files.at("away", ATTEMPT));

  expect((await remove("away/bob")).status).toBe(403);
  expect((await remove("none")).status).toBe(404);
  expect((await remove("")).status).toBe(400);
  expect((await remove("../attempt-1")).status).toBe(400);

  expect(readFileSync(files.at("data", "customers/bob"), "utf8")).toBe("bob's");
  expect(isThere("")).toBe(true);
});

test("a whole attempt", async () => {
  expect((await remove("attempt-1", OUTPUT)).status).toBe(204);

  expect(existsSync(files.at("", OUTPUT))).toBe(true);
  expect(isThere("")).toBe(false);
});
