/**
 * Protocol 1 and 2 with each other: what either side of one version sends, the other side of the other version takes.
 * Protocol 1 is as its recorded messages and its frozen schemas (support/protocol-one.ts) have it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { ControlPlaneClient } from "@remotegpu/agent/link/control-plane-client";
import { agentFeatures, sortedOrders } from "@remotegpu/agent/core/runs/unserved-order";
import { agentService as serviceOf } from "@remotegpu/control-plane/server/core/hosts/agent-service";
import { ordersFor } from "@remotegpu/control-plane/server/core/hosts/protocol-one";
import { CodeQuestion, CodeReply } from "@remotegpu/shared/instance/code";
import { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { readAccessReport, readRuns } from "@remotegpu/shared/messages/one-by-one";
import {
  ExecStop,
  Heartbeat,
  ObservedPage,
  ObservedReport,
  PROTOCOL,
  PulledPage,
  PullReply,
} from "@remotegpu/shared/messages/protocol";
import { LogOpen } from "@remotegpu/shared/messages/sessions";
import { AccessReport, ArrivedAccessReport } from "@remotegpu/shared/instance/ssh-access";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import { HeartbeatOfOne, ObservedReportOfOne, PullReplyOfOne } from "../../../support/protocol-one.ts";
import { aHost } from "../../../support/samples/protocol-samples.ts";

const FOLDER = new URL("../../../fixtures/protocol/", import.meta.url);
const sample = (version: 1 | 2, name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`${version}/${name}.json`, FOLDER), "utf8"));

type Range = typeof PROTOCOL | { min: number; max: number };
const agentService = (agent: Range, ours: Range) =>
  serviceOf({ protocol: agent, version: "0.1.0" }, { protocol: ours, version: "0.1.0" });

const MESSAGES: Record<string, z.ZodType> = {
  heartbeat: Heartbeat,
  "pull-reply": PullReply,
  observed: ObservedReport,
  "log-open": LogOpen,
  "code-question": CodeQuestion,
  "code-part": CodeReply,
  "exec-stop": ExecStop,
};

test("this version speaks both", () => {
  expect(PROTOCOL).toEqual({ min: 1, max: 2 });
  for (const agent of [
    { min: 1, max: 1 },
    { min: 2, max: 2 },
    { min: 1, max: 2 },
    { min: 2, max: 5 },
  ])
    expect(agentService(agent, PROTOCOL)).toEqual({ mode: "full" });
  expect(agentService({ min: 3, max: 3 }, PROTOCOL)).toEqual({
    mode: "keep",
    why: { code: "agent-too-new", params: { agent_protocols: "3", own_protocols: "1 to 2" } },
  });
  expect(agentService({ min: 1, max: 2 }, { min: 1, max: 1 })).toEqual({ mode: "full" });
});

describe("protocol 2", () => {
  test("has a sample of each message that is new or contains more than before", () => {
    const samples = readdirSync(new URL("2/", FOLDER)).map((file) => file.replace(/\.json$/, ""));

    expect(samples.toSorted()).toEqual(Object.keys(MESSAGES).toSorted());
  });

  test.each(Object.entries(MESSAGES))("%s: the sample is read whole and sent unchanged", (name, schema) => {
    expect(decode(schema, encode(sample(2, name)))).toEqual({ ok: true, message: sample(2, name) });
  });

  test.each(Object.entries(MESSAGES))("%s: a member from a later version is ignored", (name, schema) => {
    const later = { ...sample(2, name), addedLater: { any: "thing" } };

    expect(decode(schema, encode(later))).toEqual({ ok: true, message: sample(2, name) });
  });

  test("is what this agent takes of a pull, with whose keys, cuts and gateways", () => {
    const whole = sample(2, "pull-reply");

    expect(decode(PulledPage, encode(whole))).toEqual({ ok: true, message: whole });
  });

  test("is what this control plane takes of a report, with who is in", () => {
    const whole = sample(2, "observed");
    const read = decode(ObservedPage, encode(whole));

    expect(read).toEqual({ ok: true, message: whole });
    expect(readAccessReport(ArrivedAccessReport.parse(whole["access"]))).toEqual(whole["access"]);
  });

  test("who is in costs no report, whatever it contains; of what is not understood the book is not whole", () => {
    const whole = sample(2, "observed");
    const book = AccessReport.parse(whole["access"]);
    const later = { ...book.sessions[0], ended: { at: "", by: "boredom", detail: "" } };

    for (const access of ["somebody", { sessions: "many" }, { ...book, sessions: Array(513).fill(0) }])
      expect(decode(ObservedPage, encode({ ...whole, access }))).toMatchObject({
        ok: true,
        message: { access: undefined, digest: whole["digest"] },
      });
    expect(readAccessReport({ ...book, sessions: [7, ...book.sessions] })).toEqual({
      ...book,
      isWhole: false,
    });
    expect(readAccessReport({ ...book, sessions: [later], attempts: [7, ...book.attempts] })).toEqual({
      sessions: [],
      attempts: book.attempts,
      isWhole: false,
    });
  });

  test("figures that make no sense cost no heartbeat", () => {
    const [figure] = Heartbeat.parse(sample(2, "heartbeat")).figures ?? [];

    for (const figures of [[{ ...figure, cpuMs: -1 }], Array.from({ length: 65 }, () => figure), "many"])
      expect(decode(Heartbeat, encode({ ...sample(2, "heartbeat"), figures }))).toMatchObject({
        ok: true,
        message: { figures: undefined },
      });
  });
});

describe("a control plane of protocol 2 and an agent of protocol 1", () => {
  const orders = PullReply.parse(sample(2, "pull-reply")).instances;
  const [environment, rank, replica] = orders as [DesiredInstance, DesiredInstance, DesiredInstance];
  const pulled = (instances: readonly DesiredInstance[]) =>
    decode(PullReplyOfOne, encode({ ...sample(2, "pull-reply"), instances: ordersFor(1, instances) }));

  test("the agent would refuse everything, were it sent everything", () => {
    expect(decode(PullReplyOfOne, encode(sample(2, "pull-reply"))).ok).toBe(false);
  });

  test("it is sent what it can run, in its own words", () => {
    const read = pulled(orders);

    expect(read).toMatchObject({ ok: true });
    const { instances } = PullReplyOfOne.parse({
      ...sample(1, "pull-reply"),
      instances: ordersFor(1, orders),
    });
    const [before] = PullReplyOfOne.parse(sample(1, "pull-reply")).instances;
    expect(instances).toEqual([{ ...before, live: { ...before?.live, stopGraceSeconds: 300 } }]);
  });

  test.each(["stopped", "removed"] as const)("it is sent what is to be %s, whatever that is", (want) => {
    const read = pulled([rank, replica].map((order) => ({ ...order, want, orderedBy: "customer" as const })));

    expect(read).toMatchObject({
      ok: true,
      message: {
        instances: [
          { instanceId: rank.instanceId, want, spec: { network: "ws-0" } },
          { instanceId: replica.instanceId, want, spec: { network: "ws-1" } },
        ],
      },
    });
  });

  test("an agent of this version, or one that was never heard, is sent everything as it is", () => {
    expect(ordersFor(2, orders)).toEqual(orders);
    expect(ordersFor(3, orders)).toEqual(orders);
    expect(ordersFor(null, orders)).toEqual(orders);
    expect(ordersFor(1, [environment])).toHaveLength(1);
  });

  test.each<[string, z.ZodType]>([
    ["heartbeat", Heartbeat],
    ["observed", ObservedPage],
  ])("its %s is taken", (name, schema) => {
    expect(decode(schema, encode(sample(1, name)))).toEqual({ ok: true, message: sample(1, name) });
    expect(readRuns(ObservedReport.parse(sample(1, "observed")).instances)).toMatchObject({
      isReadable: true,
      notUnderstood: [],
    });
  });
});

describe("an agent of protocol 2 and a control plane of protocol 1", () => {
  test("its heartbeat and its report are taken", () => {
    expect(decode(HeartbeatOfOne, encode(sample(2, "heartbeat")))).toMatchObject({ ok: true });
    const read = decode(ObservedReportOfOne, encode(sample(2, "observed")));

    expect(read).toMatchObject({ ok: true });
    expect(read.ok && read.message.instances.map(({ instanceId }) => instanceId)).toEqual([
      "env-1",
      "env-2",
      "job-9-0",
      "service-3-0",
    ]);
  });

  test("it takes that one's orders, and serves them all", () => {
    const page = PulledPage.parse(sample(1, "pull-reply"));
    const orders = DesiredInstance.array().parse(page.instances);

    expect(orders).toEqual(sample(1, "pull-reply")["instances"]);
    const served = agentFeatures({ joinsGangs: true });
    expect(sortedOrders(orders, [], served)).toEqual({ desired: orders, unserved: [] });
  });
});

test("of a set of any version the agent takes what it understands, keeps what it does not, and counts the rest", async () => {
  const page = sample(2, "pull-reply");
  const [environment, rank] = page["instances"] as [Record<string, unknown>, Record<string, unknown>];
  const later = { ...rank, spec: { ...(rank["spec"] as object), gate: "lunch" } };
  const client = new ControlPlaneClient(
    {
      request: () =>
        Promise.resolve(encode({ ...page, instances: [later, environment, { instanceId: 7 }, "order"] })),
    },
    aHost("gpu-7"),
  );

  const set = await client.pull();

  expect(set.instances).toEqual([environment]);
  expect(set.notUnderstood).toMatchObject([
    {
      order: { instanceId: "job-9-0", placementEpoch: 2, runId: "run-job-9-0", want: "running" },
      raw: later,
    },
  ]);
  expect(set.unreadable).toEqual(["instanceId", "its form"]);
  expect(set.fetches).toHaveLength(1);
});
