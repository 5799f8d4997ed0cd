/** Nonsense and old orders reach an agent: it answers or ignores them, what runs goes on, and so do its heartbeats. */
import * as fc from "fast-check";
import { Empty } from "nats";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { MIB } from "@remotegpu/shared/values/units";
import { down } from "@remotegpu/shared/messages/subjects";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
const wanted = desiredOf("a", {}, { live });
let controlPlane: ScriptedControlPlane;
let agent: AgentUnderTest;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  await importBusyboxImage();
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
});
afterAll(() => ending.disposeAsync());
beforeEach(async () => {
  agent.host.order([wanted]);
  await agent.host.reported("run-a", { phase: "ready" });
});

/** The agent lives, is heard, and its container is the same as before. */
async function goesOn(work: () => Promise<void>): Promise<void> {
  const { containerId } = await agent.host.reported("run-a", { phase: "ready" });
  const before = await docker.getContainer(containerId ?? "").inspect();
  const { length } = agent.host.heartbeats;

  await work();

  agent.setForward(11_000);
  await eventually(() => agent.host.heartbeats.length > length, { what: "another heartbeat" });
  expect((await docker.getContainer(containerId ?? "").inspect()).State).toEqual(before.State);
}

test("a command that is none is refused, whatever bytes it is made of", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.json().map((text) => new TextEncoder().encode(text)),
    fc
      .constantFrom(
        '{"kind":"exec"}',
        '{"kind":"exec","instanceId":"env-a","argv":[],"stdin":null,"timeoutSeconds":5}',
        '{"kind":"exec","instanceId":"../..","argv":["id"],"stdin":null,"timeoutSeconds":5}',
        '{"kind":"exec","instanceId":"env-a","argv":["id"],"stdin":null,"timeoutSeconds":1e9}',
        '{"kind":"nudge"}',
      )
      .map((text) => new TextEncoder().encode(text)),
  );
  await goesOn(async () => {
    await fc.assert(
      fc.asyncProperty(bytes, async (data) => {
        const reply = await controlPlane.connection.request(down(agent.hostId, "exec"), data, {
          timeout: 10_000,
        });

        expect(reply.json()).toMatchObject({ kind: "exec-refused", reason: "bad-request" });
      }),
      { numRuns: 60 },
    );
  });
});

test("the largest payload that passes, as a command and as a nudge, changes nothing", async () => {
  const { max_payload: bytes = 0 } = controlPlane.connection.info ?? {};
  expect(bytes).toBeGreaterThanOrEqual(MIB);
  const large = new Uint8Array(bytes).fill(0x7b);

  await goesOn(async () => {
    const reply = await controlPlane.connection.request(down(agent.hostId, "exec"), large, {
      timeout: 10_000,
    });
    controlPlane.connection.publish(down(agent.hostId, "nudge"), large);
    expect(reply.json()).toMatchObject({ kind: "exec-refused" });
  });
});

test("nudges for nothing, thousands of them, cost no heartbeat", async () => {
  const nudging = goesOn(async () => {
    for (let count = 0; count < 5_000; count += 1)
      controlPlane.connection.publish(down(agent.hostId, "nudge"), Empty);
    await controlPlane.connection.flush();
  });

  await expect(nudging).resolves.toBeUndefined();
  expect(agent.log.lines.filter(({ level }) => level === "error")).toEqual([]);
});

test.each([
  ["an older term", { term: 1, generation: 99 }],
  ["an older generation", { term: 5, generation: 3 }],
])("a set of %s that stops everything is refused, and the refusal is reported", async (_what, numbers) => {
  agent.host.generation = 20;
  agent.host.order([wanted], { term: 5 });
  await eventually(() => agent.journal.head().applied.term === 5, { what: "the newer set" });
  agent.log.lines.length = 0;

  await goesOn(async () => {
    agent.host.generation = numbers.generation - 1;
    agent.host.order([{ ...wanted, want: "removed", orderedBy: "admin" }], { term: numbers.term });
    await eventually(
      () =>
        agent.log.lines.some(({ message }) => message.includes("older than the one in force was refused")),
      { what: "the refusal" },
    );
  });

  expect(agent.journal.head().applied.term).toBe(5);
  agent.host.term = 5;
  agent.host.generation = 30;
});
