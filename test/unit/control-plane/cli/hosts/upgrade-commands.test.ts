/** `fleet upgrade`: what its commands request, and what they print. */
import { commandApi } from "../../../../support/http/command-api.ts";
import type { Row } from "../../../../support/http/path-client.ts";
import type { Context } from "@remotegpu/control-plane/cli/framework/context";
import { isGroup } from "@remotegpu/control-plane/cli/framework/command";
import { UPGRADE } from "@remotegpu/control-plane/cli/hosts/upgrade-commands";
import { expect, test } from "vitest";

const STATUS: Row = {
  served_release: { version: "0.2.0-1a2b3c4d5e6f", manifest_sha256: "c".repeat(64) },
  upgrade: {
    version: "0.2.0-1a2b3c4d5e6f",
    state: "halted",
    wave: 1,
    waves: [{ wave: 1, hosts: 1, reverted: 1 }],
    reason: "Host gpu-07 went back to its release of before.",
    next_wave_at: null,
  },
};

async function run(name: string, words: Row = {}, row: Row = STATUS) {
  const requested: [string, Row | undefined][] = [];
  const parts: string[] = [];
  const answer = (verb: string) => (path: string, body?: Row) => {
    requested.push([`${verb} ${path}`, body]);
    return Promise.resolve(row);
  };
  const api = commandApi({ get: (path: string) => answer("GET")(path), post: answer("POST") });
  const output = {
    format: "table" as const,
    width: null,
    nowMs: 0,
    write: (text: string) => void parts.push(text),
  };
  const context: Context = { api, where: {}, output };
  const found = UPGRADE.members.find((one) => one.name === name);
  if (found === undefined || isGroup(found)) throw new Error(`there is no command ${name}`);
  await found.perform(context, words);
  return { requested, text: parts.join("") };
}

test.each<[Row, Row]>([
  [{ version: "0.2.0" }, { version: "0.2.0" }],
  [
    { version: "0.2.0", hosts: "host-1, host-2" },
    { version: "0.2.0", hosts: ["host-1", "host-2"] },
  ],
])("--to begins an upgrade of all hosts, or of those named: %j", async (words, body) => {
  const { requested } = await run("start", words);

  expect(requested).toEqual([["POST /fleet/upgrade", body]]);
});

test("status shows how far it is, why it halted, and its waves", async () => {
  const { requested, text } = await run("status");

  expect(requested).toEqual([["GET /fleet/upgrade", undefined]]);
  expect(text).toContain(
    "Upgrade to 0.2.0-1a2b3c4d5e6f: halted, wave 1 of 1. Host gpu-07 went back to its release of before.",
  );
  expect(text).toMatch(/reverted/i);
});

test("status shows the release that could be named where there was no upgrade", async () => {
  const { text } = await run("status", {}, { ...STATUS, upgrade: null });

  expect(text).toContain("No upgrade has been started. This server hands out 0.2.0-1a2b3c4d5e6f.");
});

test.each(["pause", "resume", "abort"])("%s requests it", async (verb) => {
  const { requested } = await run(verb);

  expect(requested).toEqual([[`POST /fleet/upgrade/${verb}`, undefined]]);
});
