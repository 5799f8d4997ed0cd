/** `service status`: what stands on its lines, in a terminal and elsewhere. */
import { expect, test } from "vitest";
import {
  printOverview,
  type ServiceOverview,
} from "@remotegpu/control-plane/cli/work/inference/service-status";

const SERVICE: ServiceOverview["service"] = {
  id: "svc-00112233445566778899",
  name: "chat",
  status: "running",
  status_reason: null,
  version: "v1",
  replicas: 2,
  ready_replicas: 2,
  waiting_replicas: 0,
  endpoint_url: "https://web.example.com/services/svc-00112233445566778899/",
  rollout: null,
};
const AT = Date.parse("2027-01-01T00:10:00Z");

function replica(rank: number, more: Partial<ServiceOverview["replicas"][number]> = {}) {
  return {
    rank,
    state: "ready",
    detail: null,
    revision: 1,
    serving: "yes",
    host_name: "gpu-01",
    placed_at: "2027-01-01T00:00:00Z",
    ...more,
  };
}

function linesOf(state: Partial<ServiceOverview>, width: number | null = null): string[] {
  let text = "";
  const output = { format: "table" as const, width, nowMs: AT, write: (more: string) => void (text += more) };
  printOverview(output, {
    service: SERVICE,
    open: { in_flight: 7, held: 1 },
    replicas: [],
    versions: new Map([[1, "v1"]]),
    ...state,
  });
  return text.trimEnd().split("\n");
}

test("lists version, numbers, address and each replica", () => {
  const unwell = replica(0, { serving: "no", detail: "GET / answered 503" });

  expect(linesOf({ replicas: [replica(1), unwell] })).toEqual([
    "chat (svc-00112233445566778899) is running, version v1.",
    "2 wanted, 2 serving.",
    "7 requests in flight, 1 waiting for a replica.",
    "https://web.example.com/services/svc-00112233445566778899/",
    "",
    expect.stringMatching(/^replica +revision +state +serving +host +since +says$/),
    expect.stringMatching(/^0 +1 +ready +no +gpu-01 +10 min ago +GET \/ answered 503$/),
    expect.stringMatching(/^1 +1 +ready +yes +gpu-01 +10 min ago +-$/),
  ]);
});

test("reports what waits and why", () => {
  const service = {
    ...SERVICE,
    replicas: 3,
    waiting_replicas: 1,
    status_reason: "Replica 2 waits: no free GPU",
  };

  expect(linesOf({ service }).filter((_, nth) => nth === 1 || nth === 3)).toEqual([
    "3 wanted, 2 serving, 1 waiting for a place.",
    "Replica 2 waits: no free GPU.",
  ]);
});

test("of several revisions each is listed, with its replicas in that order", () => {
  const replicas = [replica(4, { revision: 2, serving: "not-yet" }), replica(1), replica(3)];
  const lines = linesOf({
    replicas,
    versions: new Map([
      [1, "v1"],
      [2, "v2"],
    ]),
  });

  expect(lines.slice(3, 5)).toEqual([
    "Revision 1 (version v1): 2 of 2 serving.",
    "Revision 2 (version v2): 0 of 1 serving.",
  ]);
  expect(lines.slice(-3).map((line) => line.split(" ")[0])).toEqual(["1", "3", "4"]);
});

test.each([
  [null, "On its way to version v2."],
  ["No registry has its image.", "On its way back from version v2 to v1: No registry has its image."],
])("a rollout with the cause %j is reported", (cause, line) => {
  expect(linesOf({ service: { ...SERVICE, rollout: { version: "v2", cause } } })[3]).toBe(line);
});

test("no line is longer than a terminal of 80 columns", () => {
  const reason = "The replica waits since no host of the fleet has room for it, as the hosts say. ".repeat(4);
  const replicas = [replica(0, { detail: reason, host_name: "a-host-with-a-rather-long-name.example.com" })];
  const lines = linesOf({ service: { ...SERVICE, status_reason: reason }, replicas }, 80);

  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines.join(" ")).toContain(reason.trim());
});

test("what a program reports of itself reaches no terminal as an order", () => {
  const service = { ...SERVICE, status_reason: "\u001B[2Jgone" };

  expect(linesOf({ service }).join("")).not.toContain("\u001B");
});
