/** `host drill` and the column of `host list`: what came of a host's last drill. */
import { commandApi } from "../../../../support/http/command-api.ts";
import type { Row } from "../../../../support/http/path-client.ts";
import type { Host } from "@remotegpu/control-plane/client/generated/api.schemas";
import type { Context } from "@remotegpu/control-plane/cli/framework/context";
import { DRILL, drillText } from "@remotegpu/control-plane/cli/hosts/drill-command";
import { expect, test } from "vitest";

const FAILED: Row = {
  id: "host-1",
  drill: {
    passed: false,
    ended_at: "2026-07-01T08:00:00.000Z",
    version: "0.2.0",
    canary: "env-1",
    faults: [
      { fault: "agent-kill", kind: "real", result: "passed", seconds: 3.2, reason: null },
      { fault: "disk-full", kind: "real", result: "failed", seconds: 90.1, reason: "Nobody noticed it." },
    ],
  },
  drill_detail: "its last drill failed: disk-full",
  drill_detail_code: "host-drill-failed",
};

async function run(host: Row, format: "table" | "json" | "name" = "table"): Promise<string> {
  const parts: string[] = [];
  const output = { format, width: null, nowMs: 0, write: (text: string) => void parts.push(text) };
  const context: Context = { api: commandApi({ get: () => Promise.resolve(host) }), where: {}, output };
  await DRILL.perform(context, { host: "host-1" });
  return parts.join("");
}

test("each fault of the last drill is shown with what came of it, and why nothing new is placed there", async () => {
  const text = await run(FAILED);

  expect(text).toContain("The drill of 2026-07-01T08:00:00.000Z under env-1, with release 0.2.0, failed.");
  expect(text).toContain("Nothing new is placed there: its last drill failed: disk-full.");
  expect(text).toMatch(/^agent-kill +real +passed +3\.2 +-$/m);
  expect(text).toMatch(/^disk-full +real +failed +90\.1 +Nobody noticed it\.$/m);
  expect(JSON.parse(await run(FAILED, "json"))).toMatchObject({ drill_detail_code: "host-drill-failed" });
  expect(await run(FAILED, "name")).toBe("agent-kill\ndisk-full\n");
});

test("a host without a drill says so, and how one is played", async () => {
  const text = await run({ id: "host-1", drill: null, drill_detail: null, drill_detail_code: null });

  expect(text).toContain("This host has no certificate of a drill.\n");
  expect(text).toContain("remotegpu-agent drill --canary INSTANCE");
});

test("the list of hosts has the day and the outcome in a word", () => {
  const passed = { drill: { passed: true, ended_at: "2026-07-02T08:00:00.000Z" } } as Host;

  expect([FAILED as unknown as Host, passed, { drill: null } as Host].map(drillText)).toEqual([
    "failed 2026-07-01",
    "passed 2026-07-02",
    null,
  ]);
});
