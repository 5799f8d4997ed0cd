/**
 * What containers write, through the agent's loop on a real runtime and a real NATS: the record of an end, the output
 * that outlives its container, and sessions that read it.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RETENTION_MS } from "@remotegpu/agent/core/storage/output-limits";
import type { LogEnd, LogStream } from "@remotegpu/control-plane/server/core/workloads/log-stream";
import { MAX_TAIL_BYTES, type DesiredInstance } from "@remotegpu/shared/instance/instance";
import { MIB } from "@remotegpu/shared/values/units";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
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

let orders: DesiredInstance[] = [];

/** A job that runs this script once: what it ends with is the run's end. */
function job(name: string, command: string, spec: Partial<DesiredInstance["spec"]> = {}): DesiredInstance {
  const wanted = desiredOf(name, { kind: "training", command, storageBytes: null, ...spec }, { live });
  orders = [...orders, wanted];
  agent.host.order(orders);
  return wanted;
}

function removed(wanted: DesiredInstance): void {
  orders = orders.map((one) =>
    one === wanted ? { ...one, want: "removed" as const, orderedBy: "customer" as const } : one,
  );
  agent.host.order(orders);
}

async function isGone(wanted: DesiredInstance): Promise<void> {
  const filters = JSON.stringify({ label: [`remotegpu.run=${wanted.runId}`] });
  await eventually(async () => (await docker.listContainers({ all: true, filters })).length === 0, {
    what: `the removal of ${wanted.runId}`,
  });
}

async function endOf(wanted: DesiredInstance) {
  return await eventually(
    () => {
      const seen = agent.host.observed(wanted.runId);
      return seen?.remains !== undefined && seen;
    },
    { withinMs: 60_000, what: `the end of ${wanted.runId}` },
  );
}

async function opened(
  { instanceId, placementEpoch, runId }: DesiredInstance,
  { follow = false, tailLines = null }: { follow?: boolean; tailLines?: number | null } = {},
): Promise<LogStream> {
  const outcome = await controlPlane.logs.open(
    agent.hostId,
    { instanceId, placementEpoch, runId, follow, tailLines },
    runId,
  );
  if (!outcome.opened) throw new Error(`${outcome.reason}: ${JSON.stringify(outcome.why)}`);
  return outcome.stream;
}

/** All that comes until the stream ends, and how it ended. */
async function rest(stream: LogStream): Promise<{ output: Buffer; end: LogEnd }> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const next = await stream.next();
    if (next.kind === "end") return { output: Buffer.concat(chunks), end: next.end };
    chunks.push(next.bytes);
  }
}

async function readUntil(stream: LogStream, wanted: string): Promise<string> {
  let read = "";
  while (!read.includes(wanted)) {
    const next = await stream.next();
    if (next.kind === "end") throw new Error(`it ended (${JSON.stringify(next.end)}) after ${read}`);
    read += Buffer.from(next.bytes).toString();
  }
  return read;
}

const whole = async (wanted: DesiredInstance, query: Parameters<typeof opened>[1] = {}) =>
  await rest(await opened(wanted, query));

describe.concurrent("the end of a run is reported with its exit code, its signal and its last lines", () => {
  test("by itself, with both outputs", async () => {
    const seen = await endOf(job("exit", "echo out; echo err >&2; sleep 0.1; echo last; exit 3"));

    expect(seen).toMatchObject({
      phase: "failed",
      problem: "exited",
      exitCode: 3,
      remains: { outOfMemory: false, signal: null },
    });
    // Two outputs are two pipes: their order within a moment is nobody's.
    expect(seen.remains?.tail?.split("\n").toSorted()).toEqual(["", "err", "last", "out"]);
    expect(seen.remains?.tail?.endsWith("last\n")).toBe(true);
  });

  test("by a signal", async () => {
    const seen = await endOf(job("signal", "echo dying; kill -SEGV $$"));

    expect(seen).toMatchObject({ exitCode: 139, remains: { signal: "SIGSEGV" } });
    // The shell has a word to say as well.
    expect(seen.remains?.tail).toContain("dying\n");
  });

  test("by the kernel, for its memory", async () => {
    const command = "echo filling; head -c 200000000 /dev/zero | tail -c 199000000 >/dev/null; exit 137";
    const seen = await endOf(job("memory", command, { memoryBytes: 32 * MIB }));

    expect(seen).toMatchObject({
      phase: "failed",
      problem: "out-of-memory",
      exitCode: 137,
      remains: { outOfMemory: true, signal: "SIGKILL", tail: expect.stringMatching(/^filling\n/) },
    });
  });

  test("without a word", async () => {
    const silent = job("silent", "exit 0");

    expect(await endOf(silent)).toMatchObject({ exitCode: 0, remains: { signal: null, tail: "" } });
    expect(await whole(silent)).toMatchObject({ output: Buffer.alloc(0), end: { reason: "ended" } });
  });

  test("with garbage: storable in what is reported, unchanged in what is read", async () => {
    const garbage = job("garbage", "printf 'a\\000b\\377\\376 \\342\\202\\254 \\033[31m\\n'; exit 1");

    expect((await endOf(garbage)).remains?.tail).toBe("a\uFFFDb\uFFFD\uFFFD € \u001b[31m\n");
    const bytes = Buffer.from("a\u0000b\u00ff\u00fe \u00e2\u0082\u00ac \u001b[31m\n", "latin1");
    expect((await whole(garbage)).output).toEqual(bytes);
  });

  test("with a line of many pieces, cut inside its characters", async () => {
    const euros = 20_000;
    const wanted = job("long", `yes '€' | head -n ${euros} | tr -d '\\n'`);
    await endOf(wanted);

    expect((await whole(wanted)).output.equals(Buffer.from("€".repeat(euros)))).toBe(true);
  });

  test("of much the last 8 KiB", async () => {
    const tail = (await endOf(job("much", "seq 1 100000"))).remains?.tail ?? "";

    expect(tail.length).toBeGreaterThan(MAX_TAIL_BYTES - 10);
    expect(tail.length).toBeLessThanOrEqual(MAX_TAIL_BYTES);
    expect(tail.startsWith(`${tail.split("\n")[0]}\n`)).toBe(true);
    expect(tail.endsWith("\n99999\n100000\n")).toBe(true);
  });
});

test("output outlives its container: the same bytes, by lines from the end, until its days are over", async () => {
  const wanted = job("outlive", "seq 1 20000; printf 'no end'");
  await endOf(wanted);
  const before = await whole(wanted);

  removed(wanted);
  await isGone(wanted);
  const after = await whole(wanted);

  expect(after.output.toString()).toBe(before.output.toString());
  expect(after.output.toString()).toMatch(/^1\n2\n[^]*\n20000\nno end$/);
  expect((await whole(wanted, { tailLines: 3 })).output.toString()).toBe("19999\n20000\nno end");
  expect(await whole(wanted, { tailLines: 0, follow: true })).toMatchObject({
    output: Buffer.alloc(0),
    end: { reason: "run-over" },
  });

  agent.setForward(RETENTION_MS);
  await eventually(
    async () => {
      const { instanceId, placementEpoch, runId } = wanted;
      const query = { instanceId, placementEpoch, runId, follow: false, tailLines: null };
      const outcome = await controlPlane.logs.open(agent.hostId, query, runId);
      if (outcome.opened) outcome.stream.leave();
      return !outcome.opened && outcome.reason === "no-such-run";
    },
    { what: "the end of its days" },
  );
});

describe.concurrent("following", () => {
  test("gets lines as they come, over a restart of the container, and ends with the run", async () => {
    const name = "follow";
    const command =
      "echo life begins; while [ ! -e /go ]; do sleep 0.05; done; rm /go; echo life ends; exit 1";
    const wanted = desiredOf(name, { command, storageBytes: null }, { live });
    orders = [...orders, wanted];
    agent.host.order(orders);
    await agent.host.reported(wanted.runId, { phase: "ready" });
    const stream = await opened(wanted, { follow: true });
    const go = () =>
      controlPlane.orders.exec(agent.hostId, {
        kind: "exec",
        instanceId: wanted.instanceId,
        argv: ["touch", "/go"],
        stdin: null,
        timeoutSeconds: 5,
      });

    expect(await readUntil(stream, "begins\n")).toBe("life begins\n");
    await go();
    expect(await readUntil(stream, "begins\n")).toBe("life ends\nlife begins\n");

    removed(wanted);
    expect(await rest(stream)).toMatchObject({ output: Buffer.alloc(0), end: { reason: "run-over" } });
  });

  test("a burst of 5 MB arrives complete and in order, however slowly it is read", async () => {
    // 80,000 lines of 64 bytes, once somebody reads.
    const wanted = job(
      "burst",
      "while [ ! -e /go ]; do sleep 0.05; done; seq 1 80000 | awk '{ printf \"%063d\\n\", $1 }'",
    );
    await agent.host.reported(wanted.runId, { phase: "ready" });
    const stream = await opened(wanted, { follow: true });
    await controlPlane.orders.exec(agent.hostId, {
      kind: "exec",
      instanceId: wanted.instanceId,
      argv: ["touch", "/go"],
      stdin: null,
      timeoutSeconds: 5,
    });
    // Nobody reads until all of it is written: what is under way is bounded, the rest waits on the host.
    await endOf(wanted);

    const { output, end } = await rest(stream);

    const lines = output.toString().split("\n");
    expect(lines).toHaveLength(80_001);
    expect(lines.findIndex((line, at) => at < 80_000 && Number(line) !== at + 1)).toBe(-1);
    expect(end).toMatchObject({ reason: "run-over" });
  });

  test("a reader that leaves frees its session on the host", async () => {
    const wanted = job("leave", "echo here; sleep 1000");
    await agent.host.reported(wanted.runId, { phase: "ready" });

    for (let time = 0; time < 20; time += 1) {
      const stream = await opened(wanted, { follow: true });
      await readUntil(stream, "here\n");
      stream.leave();
      expect((await stream.next()).kind).toBe("end");
    }

    expect((await whole(wanted)).output.toString()).toBe("here\n");
  });
});

test("what nobody here ever ran is refused", async () => {
  await expect(opened(desiredOf("unknown"))).rejects.toThrow("no-such-run");
});

test("an agent that ends notifies its readers, and the next one reads on", async () => {
  const wanted = job("upgrade", "echo here; sleep 1000");
  await agent.host.reported(wanted.runId, { phase: "ready" });
  const stream = await opened(wanted, { follow: true });
  await readUntil(stream, "here\n");

  await agent.stop();

  expect(await rest(stream)).toMatchObject({ end: { reason: "shutdown" } });
  await agent.start();
  await eventually(async () => (await whole(wanted)).output.toString() === "here\n", {
    what: "the next agent",
  });
});
