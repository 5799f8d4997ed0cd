/** Where a wrong server or key came from is what the message names; a key is never shown. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { forgetProfile, loadProfile, profilePath, saveProfile } from "@remotegpu/control-plane/cli/profile";

const SERVER = "http://127.0.0.1:8080";
const folder = mkdtempSync(join(tmpdir(), "rg-profile-"));
const file = join(folder, "profile.json");

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(file, { force: true });
});

type Given = {
  options?: { server?: string; key?: string };
  env?: Record<string, string>;
  kept?: object;
};

function load({ options = {}, env = {}, kept }: Given) {
  for (const name of ["REMOTEGPU_SERVER", "REMOTEGPU_KEY", "REMOTEGPU_CA"]) vi.stubEnv(name, env[name]);
  if (kept !== undefined) writeFileSync(file, JSON.stringify(kept));
  return loadProfile({ ...options, ...(kept !== undefined && { profile: file }) });
}

test.each<[string, Given]>([
  ["REMOTEGPU_KEY is not an API key.", { options: { server: SERVER }, env: { REMOTEGPU_KEY: "two words" } }],
  ["REMOTEGPU_KEY is not an API key.", { env: { REMOTEGPU_SERVER: SERVER, REMOTEGPU_KEY: "" } }],
  ["REMOTEGPU_KEY is not an API key.", { env: { REMOTEGPU_KEY: "ü" }, kept: { server: SERVER, key: "k" } }],
  ["--key is not an API key.", { options: { server: SERVER, key: "x".repeat(257) } }],
  [
    "REMOTEGPU_SERVER is not an http or https address.",
    { options: { key: "k" }, env: { REMOTEGPU_SERVER: "ftp://x" } },
  ],
  ["--server is not an http or https address.", { options: { server: "here" }, env: { REMOTEGPU_KEY: "k" } }],
  [`key in ${file} is not an API key.`, { kept: { server: SERVER } }],
  [`server in ${file} is not an http or https address.`, { kept: { server: 7, key: "k" } }],
])("%s", (message, given) => {
  expect(() => load(given)).toThrow(message);
});

test("what is given stands before what is kept", () => {
  const given = { options: { server: "http://other" }, env: { REMOTEGPU_KEY: "mine" } };

  expect(load({ ...given, kept: { server: SERVER, key: "kept" } })).toMatchObject({
    server: "http://other",
    key: "mine",
  });
});

test("the key of a profile goes to no other server than its own", () => {
  const loadFor = (server: string) => () =>
    load({ options: { server }, kept: { server: SERVER, key: "kept" } });

  expect(loadFor("https://elsewhere.example.com")).toThrow(
    `is for ${SERVER} and is not sent to https://elsewhere`,
  );
  expect(loadFor("http://127.0.0.1:8081")).toThrow("is not sent to");
  expect(loadFor(`${SERVER}/`)()).toMatchObject({ key: "kept" });
});

test("the last profile that is forgotten leaves no folder behind, and none goes that something is in", () => {
  vi.stubEnv("XDG_CONFIG_HOME", join(folder, "config"));
  vi.stubEnv("REMOTEGPU_PROFILE", undefined);
  mkdirSync(join(folder, "config"));
  for (const name of ["ada", "grace"]) saveProfile(profilePath(name), { server: SERVER, key: "k" });

  forgetProfile(profilePath("ada"));
  expect(readdirSync(join(folder, "config", "remotegpu", "profiles"))).toEqual(["grace.json"]);
  forgetProfile(profilePath("grace"));

  expect(readdirSync(join(folder, "config"))).toEqual([]);
});
