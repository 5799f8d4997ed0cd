/**
 * The contract. Samples of every message lie in test/fixtures/protocol/1, of those that protocol 2 says otherwise in
 * test/fixtures/protocol/2; what one side sends, the other side's parser takes, and a sample that no longer parses is a
 * change that an older agent would notice. Between the two versions it is in protocol-versions.test.ts.
 */
import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { z } from "zod";
import { ControlPlaneClient } from "@remotegpu/agent/link/control-plane-client";
import { orderSubscriptions } from "@remotegpu/agent/link/order-server";
import { verifyJoinProof } from "@remotegpu/control-plane/server/link/identity/host-credential";
import { verifySignature } from "@remotegpu/control-plane/server/link/identity/signature";
import { GENESIS_HASH, JournalBatch, signedText } from "@remotegpu/shared/proof/journal-row";
import { rowHash } from "@remotegpu/shared/proof/row-hash";
import { RegistryLoginQuestion, RegistryLoginReply } from "@remotegpu/shared/instance/image-fetch";
import { MOST_OF_MACHINE } from "@remotegpu/shared/messages/host-report";
import { MAX_HOST_IMAGES } from "@remotegpu/shared/values/image-name";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { MAX_LEASES_OF_HOST, ObservedLease } from "@remotegpu/shared/instance/lease";
import {
  CredentialGrant,
  JoinRequest,
  RenewalAnswer,
  RenewalRequest,
} from "@remotegpu/shared/messages/joining";
import {
  ExecReply,
  ExecRequest,
  Heartbeat,
  HeartbeatReply,
  MAX_OBSERVED_INSTANCES,
  MAX_PAGE_BYTES,
  ObservedReply,
  ObservedReport,
  PullReply,
  PullRequest,
  Refusal,
} from "@remotegpu/shared/messages/protocol";
import {
  LogOpen,
  MAX_CHUNK_BYTES,
  MAX_CREDIT_BYTES,
  MAX_LOG_TAIL_LINES,
  SessionClose,
  SessionCredit,
  SessionData,
  SessionReply,
  TerminalInput,
  TerminalOpen,
  TerminalResize,
} from "@remotegpu/shared/messages/sessions";
import { StorageReply, StorageRequest } from "@remotegpu/shared/messages/storage-sampling";
import { down, up } from "@remotegpu/shared/messages/subjects";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import { memoryLog } from "../../../support/memory-log.ts";
import { aHost } from "../../../support/samples/protocol-samples.ts";

const FOLDER = new URL("../../../fixtures/protocol/1/", import.meta.url);
const sample = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8"));

const NATS_MESSAGES: Record<string, z.ZodType> = {
  heartbeat: Heartbeat,
  "heartbeat-reply": HeartbeatReply,
  pull: PullRequest,
  "pull-reply": PullReply,
  observed: ObservedReport,
  "observed-reply": ObservedReply,
  exec: ExecRequest,
  "exec-reply": ExecReply,
  "exec-refused": ExecReply,
  "registry-login-question": RegistryLoginQuestion,
  "registry-login": RegistryLoginReply,
  "registry-login-none": RegistryLoginReply,
  "storage-question": StorageRequest,
  "storage-report": StorageRequest,
  "storage-order": StorageReply,
  "storage-rest": StorageReply,
  "storage-taken": StorageReply,
  refused: Refusal,
  "terminal-open": TerminalOpen,
  "log-open": LogOpen,
  "session-opened": SessionReply,
  "session-refused": SessionReply,
  "session-data": SessionData,
  "terminal-input": TerminalInput,
  "terminal-resize": TerminalResize,
  "session-credit": SessionCredit,
  "session-close": SessionClose,
  "journal-batch": JournalBatch,
};
const HTTP_MESSAGES: Record<string, z.ZodType> = {
  "join-request": JoinRequest,
  "renewal-request": RenewalRequest,
  "renewal-challenge": RenewalAnswer,
  "credential-grant": CredentialGrant,
};
const MESSAGES = { ...NATS_MESSAGES, ...HTTP_MESSAGES };

test("every message has a sample and every sample a message", () => {
  const samples = readdirSync(FOLDER).map((file) => file.replace(/\.json$/, ""));

  expect(samples.toSorted()).toEqual(Object.keys(MESSAGES).toSorted());
});

test.each(Object.entries(MESSAGES))("%s: the sample is read whole and sent unchanged", (name, schema) => {
  expect(decode(schema, encode(sample(name)))).toEqual({ ok: true, message: sample(name) });
});

test.each(Object.entries(MESSAGES))("%s: a member from a later version is ignored", (name, schema) => {
  const later = { ...sample(name), addedLater: { any: "thing" } };

  expect(decode(schema, encode(later))).toEqual({ ok: true, message: sample(name) });
});

test.each(Object.entries(NATS_MESSAGES))("%s: another kind is refused", (name, schema) => {
  for (const kind of ["heartbeat-v2", "", null, 7]) {
    expect(decode(schema, encode({ ...sample(name), kind })).ok).toBe(false);
  }
});

test.each(Object.entries(NATS_MESSAGES))("%s: no other message passes for it", (name, schema) => {
  const forwarding = Object.keys(NATS_MESSAGES).filter((other) => decode(schema, encode(sample(other))).ok);

  expect(forwarding).toContain(name);
  expect(forwarding.filter((other) => NATS_MESSAGES[other] !== schema)).toEqual([]);
});

test.each(Object.entries(MESSAGES))(
  "%s: with any member damaged it is read the same twice or refused",
  (name, schema) => {
    const original = sample(name);

    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(original)), fc.jsonValue(), (member, damage) => {
        const first = decode(schema, encode({ ...original, [member]: damage }));
        const second = first.ok ? decode(schema, encode(first.message)) : first;
        expect(second).toEqual(first);
      }),
      { numRuns: 200 },
    );
  },
);

test.each([
  ["more processors than a machine has", "machine.cpuCount", MOST_OF_MACHINE.cpuCount],
  ["more memory", "machine.memoryBytes", MOST_OF_MACHINE.memoryBytes],
  ["more disk", "machine.diskBytes", MOST_OF_MACHINE.diskBytes],
  ["more memory of a card", "gpus.0.memoryTotalMib", MOST_OF_MACHINE.gpuMemoryMib],
  ["an exit code that no column holds", "instances.0.exitCode", 2_147_483_647],
])("a report of %s is none", (_, path, most) => {
  const withNumber = (value: number) => {
    const report = structuredClone(sample("observed"));
    const names = path.split(".");
    const last = names.pop() ?? "";
    const holder = names.reduce<Record<string, unknown>>(
      (at, name) => at[name] as Record<string, unknown>,
      report,
    );
    holder[last] = value;
    return decode(ObservedReport, encode(report)).ok;
  };

  expect([withNumber(most), withNumber(most + 1), withNumber(Number.MAX_SAFE_INTEGER)]).toEqual([
    true,
    false,
    false,
  ]);
});

test("any bytes are read or refused, never thrown", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(typeof decode(Heartbeat, bytes).ok).toBe("boolean");
    }),
  );
});

const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const int = fc.integer({ min: 0, max: 2_147_483_647 });
const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const heartbeats = fc.record({
  kind: fc.constant("heartbeat"),
  version: fc.string({ maxLength: 32 }),
  protocol: fc.record({ min: int, max: int }),
  bootId: fc.uuid({ version: 4 }),
  agentEpoch: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  monotonicMs: count,
  lastRoundTripMs: fc.option(count),
  applied: fc.record({ term: count, generation: count }),
  journal: fc.record({ id: fc.uuid({ version: 4 }), headSeq: count, headHash: digest, watermarkSeen: count }),
  observedDigest: digest,
  degraded: fc.array(fc.string({ maxLength: 64 }), { maxLength: 16 }),
  gpus: fc.constant([]),
});
const commands = fc.record({
  kind: fc.constant("exec"),
  instanceId: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/),
  argv: fc.array(
    fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed() && !text.includes("\0")),
    { minLength: 1, maxLength: 8 },
  ),
  stdin: fc.option(fc.base64String()),
  timeoutSeconds: fc.integer({ min: 1, max: 60 }),
});

const chunks = fc.record({
  kind: fc.constant("session-data"),
  stream: fc.constantFrom("stdout", "stderr"),
  offset: count,
  data: fc.uint8Array({ minLength: 1, maxLength: 256 }).map((bytes) => Buffer.from(bytes).toString("base64")),
});

test.each([
  ["heartbeat", Heartbeat, heartbeats],
  ["exec", ExecRequest, commands],
  ["session-data", SessionData, chunks],
] as [string, z.ZodType, fc.Arbitrary<object>][])("%s: whatever is sent arrives", (_, schema, messages) => {
  fc.assert(
    fc.property(messages, (message) => {
      expect(decode(schema, encode(message))).toEqual({ ok: true, message });
    }),
  );
});

test("an agent of before reports no reasons, cordons or strangers, and a control plane of before lifts nothing", () => {
  const [older] = sample("heartbeat")["gpus"] as object[];
  const { liftCordons: _, ...reply } = sample("heartbeat-reply");

  expect(decode(Heartbeat, encode({ ...sample("heartbeat"), gpus: [older] }))).toMatchObject({
    ok: true,
    message: { gpus: [older] },
  });
  expect(decode(HeartbeatReply, encode(reply))).toEqual({ ok: true, message: reply });
});

test("an agent of before reports no islands and no images", () => {
  const { machine, gpus } = ObservedReport.parse(sample("observed"));
  const { images: _, ...olderMachine } = machine ?? {};
  const older = {
    ...sample("observed"),
    machine: olderMachine,
    gpus: gpus?.map(({ island: __, ...gpu }) => gpu),
  };

  expect(decode(ObservedReport, encode(older))).toEqual({ ok: true, message: older });
});

const aName = (at: number) => `${at}`.padStart(3, "0").padEnd(256, "x");

test.each<[string, object, string]>([
  ["an image with U+0000", { images: ["a\u0000b"] }, "machine.images.0"],
  ["an image with half a character", { images: ["\ud800"] }, "machine.images.0"],
  ["an image without a name", { images: ["python:3", ""] }, "machine.images.1"],
  ["an image that a shell would see", { images: ["$(reboot)"] }, "machine.images.0"],
  ["an image with a name that no order can say", { images: ["x".repeat(257)] }, "machine.images.0"],
  [
    "more images than a host reports",
    { images: Array.from({ length: 201 }, (_, at) => aName(at)) },
    "machine.images",
  ],
  ["images that are no list", { images: { length: 1 } }, "machine.images"],
])("%s makes no report", (_which, change, member) => {
  const report = sample("observed");
  const machine = { ...(report["machine"] as object), ...change };

  const refused = decode(ObservedReport, encode({ ...report, machine }));

  expect(refused).toMatchObject({ ok: false, reason: expect.stringContaining(`${member}:`) });
});

test.each([-1, 0.5, 2_147_483_648, "0", {}])("%j is no island", (island) => {
  const [gpu] = ObservedReport.parse(sample("observed")).gpus ?? [];

  expect(decode(ObservedReport, encode({ ...sample("observed"), gpus: [{ ...gpu, island }] })).ok).toBe(
    false,
  );
});

test("a heartbeat of an agent without GPU vitals is still a heartbeat", () => {
  const { gpus: _, ...older } = sample("heartbeat");

  expect(decode(Heartbeat, encode(older))).toMatchObject({ ok: true, message: { gpus: [] } });
});

test.each([
  [{ argv: [] }, "argv"],
  [{ argv: ["a\u0000b"] }, "argv.0"],
  [{ timeoutSeconds: 61 }, "timeoutSeconds"],
  [{ instanceId: "../etc" }, "instanceId"],
])("a command with %j is refused by name", (over, member) => {
  const refused = decode(ExecRequest, encode({ ...sample("exec"), ...over }));

  expect(refused).toMatchObject({ ok: false, reason: expect.stringContaining(`${member}:`) });
});

test.each([
  ["terminal-open", { argv: [] }, "argv", TerminalOpen],
  ["terminal-open", { argv: ["a\u0000b"] }, "argv.0", TerminalOpen],
  ["terminal-open", { columns: 0 }, "columns", TerminalOpen],
  ["terminal-open", { rows: 1_001 }, "rows", TerminalOpen],
  ["terminal-open", { creditBytes: 0 }, "creditBytes", TerminalOpen],
  ["terminal-open", { creditBytes: MAX_CREDIT_BYTES + 1 }, "creditBytes", TerminalOpen],
  ["terminal-open", { runId: "../run" }, "runId", TerminalOpen],
  ["log-open", { tailLines: MAX_LOG_TAIL_LINES + 1 }, "tailLines", LogOpen],
  ["log-open", { placementEpoch: 0 }, "placementEpoch", LogOpen],
  ["session-data", { data: "" }, "data", SessionData],
  ["session-data", { data: "not base64!" }, "data", SessionData],
  ["session-data", { offset: -1 }, "offset", SessionData],
  ["terminal-input", { offset: 0.5 }, "offset", TerminalInput],
  ["session-close", { reason: "bored" }, "reason", SessionClose],
] as [string, object, string, z.ZodType][])(
  "a %s with %j is refused by its member %s",
  (name, over, member, schema) => {
    const refused = decode(schema, encode({ ...sample(name), ...over }));

    expect(refused).toMatchObject({ ok: false, reason: expect.stringContaining(`${member}:`) });
  },
);

test("the largest chunk fits a message of 1 MiB, and one byte more is refused", () => {
  const chunkOf = (bytes: number) =>
    encode({ ...sample("session-data"), data: Buffer.alloc(bytes).toString("base64") });

  expect(decode(SessionData, chunkOf(MAX_CHUNK_BYTES)).ok).toBe(true);
  expect(chunkOf(MAX_CHUNK_BYTES).byteLength).toBeLessThan(1024 * 1024);
  expect(decode(SessionData, chunkOf(MAX_CHUNK_BYTES + 3)).ok).toBe(false);
});

test("the sample batch is chained and signed by the key that made the sample request", () => {
  const { journalId, rows, signature } = JournalBatch.parse(sample("journal-batch"));
  const { nkey } = JoinRequest.parse(sample("join-request"));

  let previous = GENESIS_HASH;
  for (const row of rows) {
    expect(row.hash).toBe(rowHash(journalId, row.seq, previous, row.entry));
    previous = row.hash;
  }
  expect(verifySignature(nkey, signedText(journalId, rows.length, previous), signature)).toBe(true);
  expect(verifyJoinProof(JoinRequest.parse(sample("join-request")))).toBe(true);
});

test("the agent takes the control plane's sample answers and sends what its parsers take", async () => {
  const sent: { subject: string; data: Uint8Array }[] = [];
  const answers = new Map(
    ["hb", "pull", "obs"].map((word, index) => [
      up(aHost("gpu-7"), word as "hb"),
      sample(["heartbeat-reply", "pull-reply", "observed-reply"][index] ?? ""),
    ]),
  );
  const client = new ControlPlaneClient(
    {
      request: (subject, data) => {
        sent.push({ subject, data });
        return Promise.resolve(encode(answers.get(subject)));
      },
    },
    aHost("gpu-7"),
  );
  const observed = ObservedReport.parse(sample("observed"));

  const { reply } = await client.heartbeat(Heartbeat.parse(sample("heartbeat")));
  const desired = await client.pull();
  await client.reportObserved(observed);

  expect(reply).toEqual(sample("heartbeat-reply"));
  expect(desired.instances).toEqual(sample("pull-reply")["instances"]);
  expect(sent.map(({ data }) => JSON.parse(new TextDecoder().decode(data)))).toEqual([
    sample("heartbeat"),
    sample("pull"),
    sample("observed"),
  ]);
});

test("however much a host has to report, each page stays within its bound", async () => {
  const pages: Uint8Array[] = [];
  const client = new ControlPlaneClient(
    {
      request: (_subject, data) => {
        pages.push(data);
        return Promise.resolve(encode(sample("observed-reply")));
      },
    },
    aHost("gpu-7"),
  );
  const { machine, gpus, ...observed } = ObservedReport.parse(sample("observed"));
  const many = <T>(count: number, item: T | undefined) => Array.from({ length: count }, () => item as T);
  const lease = ObservedLease.parse({
    leaseId: "lease-0123456789abcdef",
    workloadId: "env-0123456789abcdef",
    state: "held",
    externalPort: 20_000,
    detail: "",
    lastAccessedAt: "2026-01-01T00:00:00Z",
    releaseDueAt: null,
    releasedBecause: null,
  });

  await client.reportObserved({
    ...observed,
    machine: machine && { ...machine, images: Array.from({ length: MAX_HOST_IMAGES }, (_, at) => aName(at)) },
    gpus: many(64, gpus?.[1]),
    leases: many(MAX_LEASES_OF_HOST, lease),
    instances: many(MAX_OBSERVED_INSTANCES, observed.instances[1]),
  });

  const read = pages.map((page) => decode(ObservedReport, page));
  expect(pages.length).toBeGreaterThan(2);
  expect(Math.max(...pages.map(({ byteLength }) => byteLength))).toBeLessThanOrEqual(MAX_PAGE_BYTES);
  expect(read.map((page) => page.ok && page.message.page)).toEqual([...pages.keys()]);
  expect(read.flatMap((page) => (page.ok ? page.message.instances : []))).toHaveLength(
    MAX_OBSERVED_INSTANCES,
  );
});

test("the agent runs the sample command and answers in the contract's words", async () => {
  const ran: ExecRequest[] = [];
  const subscriptions = orderSubscriptions(
    aHost("gpu-7"),
    {
      onNudge: () => undefined,
      exec: (request) => {
        ran.push(request);
        return Promise.resolve(ExecReply.parse(sample("exec-reply")));
      },
    },
    memoryLog(),
  );

  const answer = await new Promise<Uint8Array>((resolve) =>
    subscriptions[down(aHost("gpu-7"), "exec")]?.(
      encode(sample("exec")),
      resolve,
      down(aHost("gpu-7"), "exec"),
    ),
  );

  expect(ran).toEqual([sample("exec")]);
  expect(decode(ExecReply, answer)).toEqual({ ok: true, message: sample("exec-reply") });
});

test.each([
  ["a detail with U+0000", { detail: "a\u0000b" }],
  ["a detail with half a character", { detail: "\ud800" }],
  ["a container with U+0000", { containerId: "\u0000" }],
])("%s is not an observed instance", (_, change) => {
  const instance = ObservedReport.parse(sample("observed")).instances[0];

  expect(ObservedInstance.safeParse(instance).success).toBe(true);
  expect(ObservedInstance.safeParse({ ...instance, ...change }).success).toBe(false);
});

test("a page with more instances than a host has is refused", () => {
  const report = ObservedReport.parse(sample("observed"));
  const instances = (count: number) => Array.from({ length: count }, () => report.instances[0]);

  expect(ObservedReport.safeParse({ ...report, instances: instances(MAX_OBSERVED_INSTANCES) }).success).toBe(
    true,
  );
  expect(
    ObservedReport.safeParse({ ...report, instances: instances(MAX_OBSERVED_INSTANCES + 1) }).success,
  ).toBe(false);
});
