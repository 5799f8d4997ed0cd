/** Where a wrong server or key came from is what the message names; a key is never shown. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { getMe } from "@remotegpu/control-plane/client/generated/api";
import { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";
import {
  forgetProfile,
  loadProfile,
  profilePath,
  saveProfile,
  START_PROFILE,
} from "@remotegpu/control-plane/cli/framework/profile";

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
  stored?: object;
};

function load({ options = {}, env = {}, stored }: Given) {
  for (const name of ["REMOTEGPU_SERVER", "REMOTEGPU_KEY", "REMOTEGPU_CA"]) vi.stubEnv(name, env[name]);
  if (stored !== undefined) writeFileSync(file, JSON.stringify(stored));
  return loadProfile({ ...options, ...(stored !== undefined && { profile: file }) });
}

test.each<[string, Given]>([
  ["REMOTEGPU_KEY is not an API key.", { options: { server: SERVER }, env: { REMOTEGPU_KEY: "two words" } }],
  ["REMOTEGPU_KEY is not an API key.", { env: { REMOTEGPU_SERVER: SERVER, REMOTEGPU_KEY: "" } }],
  ["REMOTEGPU_KEY is not an API key.", { env: { REMOTEGPU_KEY: "ü" }, stored: { server: SERVER, key: "k" } }],
  ["--key is not an API key.", { options: { server: SERVER, key: "x".repeat(257) } }],
  [
    "REMOTEGPU_SERVER is not an http or https address.",
    { options: { key: "k" }, env: { REMOTEGPU_SERVER: "ftp://x" } },
  ],
  ["--server is not an http or https address.", { options: { server: "here" }, env: { REMOTEGPU_KEY: "k" } }],
  [`key in ${file} is not an API key.`, { stored: { server: SERVER } }],
  [`server in ${file} is not an http or https address.`, { stored: { server: 7, key: "k" } }],
])("%s", (message, given) => {
  expect(() => load(given)).toThrow(message);
});

test("what is given stands before what is stored", () => {
  const given = { options: { server: "http://other" }, env: { REMOTEGPU_KEY: "mine" } };

  expect(load({ ...given, stored: { server: SERVER, key: "kept" } })).toMatchObject({
    server: "http://other",
    key: "mine",
  });
});

test("the key of a profile goes to no other server than its own", () => {
  const loadFor = (server: string) => () =>
    load({ options: { server }, stored: { server: SERVER, key: "kept" } });

  expect(loadFor("https://elsewhere.example.com")).toThrow(
    `is for ${SERVER} and is not sent to https://elsewhere`,
  );
  expect(loadFor("http://127.0.0.1:8081")).toThrow("is not sent to");
  expect(loadFor(`${SERVER}/`)()).toMatchObject({ key: "kept" });
});

describe("which profile is used", () => {
  const [mine, start] = [join(folder, "mine.json"), join(folder, "start.json")];
  const keep = (path: string, key: string) => {
    writeFileSync(path, JSON.stringify({ server: SERVER, key }));
    onTestFinished(() => rmSync(path, { force: true }));
  };
  const loadStored = (options = {}) => {
    for (const name of ["SERVER", "KEY", "CA", "PROFILE"]) vi.stubEnv(`REMOTEGPU_${name}`, undefined);
    return loadProfile(options, [mine, start]);
  };

  test("is that of npm start as long as nobody has logged in", () => {
    keep(start, "started");

    expect(loadStored()).toMatchObject({ key: "started", file: start, keyFrom: `key in ${start}` });
  });

  test("is that of a login before it, and the other is there by its name", () => {
    keep(start, "started");
    keep(mine, "logged-in");

    expect(loadStored()).toMatchObject({ key: "logged-in", file: mine });
    expect(loadStored({ profile: start })).toMatchObject({ key: "started", file: start });
    expect(profilePath("start")).toBe(START_PROFILE);
  });

  test("is none where server and key are given", () => {
    keep(mine, "logged-in");

    expect(loadStored({ server: SERVER, key: "given" })).toMatchObject({ file: null, keyFrom: "--key" });
  });
});

test("a key that is refused is reported to be that of its profile, and is not printed", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(401, { "content-type": "application/problem+json" });
    response.end(JSON.stringify({ title: "Not authenticated", detail: "This API key is not known." }));
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const profile = load({ stored: { server: `http://127.0.0.1:${port}`, key: "rgk_secret" } });

  const requested = new ApiClient(profile).send(getMe());

  await expect(requested).rejects.toThrow(`This API key is not known. The key in ${file} was used. (401)`);
  await expect(requested).rejects.not.toThrow("rgk_secret");
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
