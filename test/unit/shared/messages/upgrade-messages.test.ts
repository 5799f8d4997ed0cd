/**
 * What heartbeats and their replies say of upgrades, by their recorded messages. Sides of before ignore all of it, and one
 * that makes no sense costs no heartbeat.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { agreedFeatures, agreedProtocol } from "@remotegpu/shared/messages/agreed-protocol";
import { Heartbeat, HeartbeatReply } from "@remotegpu/shared/messages/protocol";
import { UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import { HeartbeatOfOne } from "../../../support/protocol-one.ts";

const FOLDER = new URL("../../../fixtures/protocol/upgrades/", import.meta.url);
const sample = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8"));

test.each<[string, z.ZodType]>([
  ["heartbeat", Heartbeat],
  ["heartbeat-reply", HeartbeatReply],
])("%s: the sample is read whole and sent unchanged", (name, schema) => {
  expect(decode(schema, encode(sample(name)))).toEqual({ ok: true, message: sample(name) });
});

test("a control plane of protocol 1 takes the heartbeat", () => {
  expect(decode(HeartbeatOfOne, encode(sample("heartbeat")))).toMatchObject({ ok: true });
});

describe("a report of upgrades", () => {
  test.each([
    7,
    "0.2.0",
    {},
    { version: "../etc" },
    { ...(sample("heartbeat")["upgrade"] as object), last: 7 },
  ])("%j costs no heartbeat", (upgrade) => {
    expect(decode(Heartbeat, encode({ ...sample("heartbeat"), upgrade }))).toMatchObject({
      ok: true,
      message: { upgrade: undefined, version: "0.2.0" },
    });
  });

  test("may have a phase of a later release, which is then no settled state", () => {
    const report = { ...(sample("heartbeat")["upgrade"] as object), phase: "warming-up" };

    expect(UpgradeReport.parse(report).phase).toBe("probation");
  });

  test("loses a reason that is deeper than any, and nothing else", () => {
    let params: object = {};
    for (let depth = 0; depth < 20; depth += 1) params = { why: { code: "upgrade-failed", params } };
    const report = sample("heartbeat")["upgrade"] as { last: object };
    const last = { ...report.last, reason: { code: "upgrade-failed", params } };

    expect(UpgradeReport.parse({ ...report, last })).toEqual({
      ...report,
      last: { ...report.last, reason: undefined },
    });
  });
});

test.each([7, { version: "0.2.0-1a2b3c4d5e6f" }, { version: "a b", manifestSha256: "0".repeat(64) }])(
  "%j is no release to run, and costs no reply",
  (release) => {
    expect(decode(HeartbeatReply, encode({ ...sample("heartbeat-reply"), release }))).toMatchObject({
      ok: true,
      message: { release: undefined, watermark: 12 },
    });
  },
);

test.each([
  { ours: { min: 1, max: 2 }, theirs: { min: 1, max: 2 }, agreed: 2 },
  { ours: { min: 1, max: 2 }, theirs: { min: 1, max: 1 }, agreed: 1 },
  { ours: { min: 1, max: 2 }, theirs: { min: 2, max: 5 }, agreed: 2 },
  { ours: { min: 1, max: 2 }, theirs: { min: 3, max: 5 }, agreed: null },
  { ours: { min: 3, max: 4 }, theirs: { min: 1, max: 2 }, agreed: null },
])("sides of $ours and $theirs agree on $agreed", ({ ours, theirs, agreed }) => {
  expect(agreedProtocol(ours, theirs)).toBe(agreed);
  expect(agreedProtocol(theirs, ours)).toBe(agreed);
});

test("features are what both sides know", () => {
  expect(agreedFeatures(["ssh", "upgrades", "web"], ["teleport", "web", "ssh"])).toEqual(["ssh", "web"]);
  expect(agreedFeatures(["ssh"], [])).toEqual([]);
});
