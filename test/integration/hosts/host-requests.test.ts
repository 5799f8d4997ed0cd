/** Heartbeats, the desired set and the observed state on their way between a real agent's link and the control plane. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { NatsConnection } from "nats";
import {
  serveHosts,
  refusal,
  type HostHandlers,
} from "@remotegpu/control-plane/server/link/hosts/host-requests";
import type { WholeReport } from "@remotegpu/control-plane/server/link/hosts/report-assembly";
import { LinkDownError } from "@remotegpu/agent/link/connection";
import { RequestRefusedError } from "@remotegpu/agent/link/control-plane-client";
import { FetchId, MAX_FETCHES_OF_HOST } from "@remotegpu/shared/instance/image-fetch";
import { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { MAX_LEASES_OF_HOST } from "@remotegpu/shared/instance/lease";
import { type Heartbeat, PulledPage, PullReply } from "@remotegpu/shared/messages/protocol";
import { readKeySets } from "@remotegpu/shared/messages/one-by-one";
import type { AccessReport } from "@remotegpu/shared/instance/ssh-access";
import { encode } from "@remotegpu/shared/messages/wire";
import { eventually } from "../../support/eventually.ts";
import { startHostSide, type HostSide } from "../../support/agent/host-side.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";
import {
  aDesiredInstance,
  aHeartbeat,
  aHeartbeatReply,
  anObservedInstance,
} from "../../support/samples/protocol-samples.ts";

let nats: TestNats;
let controlPlane: NatsConnection;
let host: HostSide;
const serving: { close(): Promise<void> }[] = [];

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  nats = ending.adopt(await startTestNats(), (one) => one.close());
  controlPlane = await nats.connectControlPlane();
  host = await startHostSide(await nats.hostCredential("host-1"));
  ending.defer(() => host.connection.close());
});

afterEach(async () => {
  await Promise.all(serving.splice(0).map((served) => served.close()));
});

afterAll(() => ending.disposeAsync());

const REFUSING: HostHandlers = {
  heartbeat: () => Promise.resolve(refusal("not served here")),
  desiredSet: () => Promise.resolve(refusal("not served here")),
  observed: () => Promise.resolve(refusal("not served here")),
};

async function serve(handlers: Partial<HostHandlers>, connection = controlPlane) {
  const log = memoryLog();
  serving.push(await serveHosts(connection, { ...REFUSING, ...handlers }, log));
  return log;
}

test("a heartbeat is answered, and the host is who the subject names", async () => {
  const seen: { host: string; heartbeat: Heartbeat }[] = [];
  await serve({
    heartbeat: (from, heartbeat) => {
      seen.push({ host: from, heartbeat });
      return Promise.resolve(aHeartbeatReply({ watermark: 41 }));
    },
  });
  const heartbeat = aHeartbeat();

  const { reply, roundTripMs } = await host.client.heartbeat(heartbeat);

  expect(reply.watermark).toBe(41);
  expect(roundTripMs).toBeGreaterThan(0);
  expect(seen).toEqual([{ host: "host-1", heartbeat }]);
});

test("a request for a registry's credential is answered to its own host, and refused where none are stored", async () => {
  const requested = async (question: object) =>
    JSON.parse(
      new TextDecoder().decode(
        await host.connection.request("rg.v1.h.host-1.up.login", encode(question), { timeoutMs: 5_000 }),
      ),
    );
  const question = {
    kind: "registry-login-question",
    for: { instanceId: "ins-1" },
    image: "ghcr.io/team/tool:1",
  };
  const login = { kind: "registry-login", credential: "registry-1", username: "u", password: "p" } as const;
  const seen: unknown[] = [];
  await serve({
    login: (...reported) => {
      seen.push(reported);
      return Promise.resolve(login);
    },
  });

  expect(await requested(question)).toEqual(login);
  expect(await requested({ ...question, image: "" })).toMatchObject({ kind: "refused" });
  expect(seen).toEqual([["host-1", question]]);
  await serving.pop()?.close();
  await serve({});
  expect(await requested(question)).toEqual(refusal("no credentials are kept here"));
});

test("a connection that closes while its subscriptions open keeps nobody waiting", async () => {
  const closing = await nats.connectControlPlane();

  const opened = serveHosts(closing, REFUSING, memoryLog());
  await closing.close();

  await expect(opened).resolves.toBeDefined();
});

test("nobody listening is reported at once, not after the deadline", async () => {
  await expect(host.client.heartbeat(aHeartbeat())).rejects.toThrow(LinkDownError);
});

test.each([
  ["not JSON", new TextEncoder().encode("{"), "not JSON"],
  ["not UTF-8", new Uint8Array([0xff, 0xfe]), "not JSON"],
  ["deeply nested", new TextEncoder().encode("[".repeat(100_000)), "not JSON"],
  ["of another kind", encode({ ...aHeartbeat(), kind: "pull" }), "kind"],
  ["with a wrong member", encode({ ...aHeartbeat(), agentEpoch: -1 }), "agentEpoch"],
  ["empty", new Uint8Array(), "not JSON"],
])("a heartbeat that is %s is refused and changes nothing", async (_, bytes, reason) => {
  await serve({ heartbeat: () => Promise.resolve(aHeartbeatReply()) });

  const answer = await host.connection.request("rg.v1.h.host-1.up.hb", bytes, { timeoutMs: 5_000 });

  expect(JSON.parse(new TextDecoder().decode(answer))).toMatchObject({
    kind: "refused",
    reason: expect.stringContaining(reason),
  });
  await expect(host.client.heartbeat(aHeartbeat())).resolves.toBeDefined();
});

test("a handler that fails is a refusal for the host and a line in the log", async () => {
  const log = await serve({ heartbeat: () => Promise.reject(new Error("Postgres is away")) });

  await expect(host.client.heartbeat(aHeartbeat())).rejects.toThrow(RequestRefusedError);

  expect(log.lines.map(({ level }) => level)).toEqual(["error"]);
});

test("one host cannot occupy the control plane", async () => {
  const other = await startHostSide(await nats.hostCredential("host-2"));
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await serve({
    heartbeat: async (from) => {
      if (from === "host-1") await held;
      return aHeartbeatReply();
    },
  });

  let refused = 0;
  const mine = Array.from({ length: 10 }, () =>
    host.client.heartbeat(aHeartbeat()).catch(() => {
      refused += 1;
    }),
  );
  // Those that are let in are held; the rest is refused while they are.
  await eventually(() => refused === 6, { what: "six refusals" });
  await expect(other.client.heartbeat(aHeartbeat())).resolves.toBeDefined();
  release();

  await Promise.all(mine);
  expect(refused).toBe(6);
  await expect(host.client.heartbeat(aHeartbeat())).resolves.toBeDefined();
  await other.connection.close();
});

const largeInstances = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    aDesiredInstance(`env-${String(index).padStart(3, "0")}`, { command: "x".repeat(60_000) }),
  );

test("a desired set of several pages arrives whole and in order", async () => {
  const instances = largeInstances(40);
  let pages = 0;
  await serve({
    desiredSet: () => {
      pages += 1;
      return Promise.resolve({ term: 2, generation: 7, confirmedStops: null, instances });
    },
  });

  const desired = await host.client.pull();

  expect(desired).toEqual({
    term: 2,
    generation: 7,
    confirmedStops: null,
    notUnderstood: [],
    unreadable: [],
    instances,
    keySets: [],
    cuts: [],
    gateways: [],
  });
  expect(pages).toBeGreaterThan(3);
});

test("as many leases and fetches as a host can have, with the longest names, fit into the first page and come with no other", async () => {
  const longest = (letter: string, n: number) => letter + String(n).padStart(62, "0");
  const leases = Array.from({ length: MAX_LEASES_OF_HOST }, (_, n) => ({
    leaseId: LeaseId.parse(longest("l", n)),
    workloadId: WorkloadId.parse(longest("w", n)),
    service: "tensorboard" as const,
    internalPort: 65_535,
    autoReleaseHours: 87_600,
    want: "released" as const,
  }));
  const fetches = Array.from({ length: MAX_FETCHES_OF_HOST }, (_, n) => ({
    fetchId: FetchId.parse(longest("f", n)),
    image: "i".repeat(256),
    terms: { owner: "o".repeat(64), credential: "c".repeat(64), isOffered: false, mayBePrivate: false },
  }));
  const instances = largeInstances(20);
  const desired = { term: 1, generation: 1, confirmedStops: null, instances, leases, fetches };
  await serve({ desiredSet: () => Promise.resolve(desired) });
  const pull = async (page: number) => {
    const bytes = encode({ kind: "pull", generation: page === 0 ? null : 1, page });
    const answer = await host.connection.request("rg.v1.h.host-1.up.pull", bytes, { timeoutMs: 15_000 });
    return PullReply.parse(JSON.parse(new TextDecoder().decode(answer)));
  };

  const [first, second] = [await pull(0), await pull(1)];

  expect(first.leases).toEqual(leases);
  expect(first.fetches).toEqual(fetches);
  expect(first.instances.length).toBeGreaterThan(5);
  expect(first.pages).toBeGreaterThan(2);
  expect(second.leases).toBeUndefined();
  expect(second.fetches).toBeUndefined();
});

test("whose keys open its instances goes along page by page, and costs an agent that leaves it aside nothing", async () => {
  const keySets = Array.from({ length: 12 }, (_, person) => ({
    id: `c-${person}`,
    keys: Array.from({ length: 64 }, (_, n) => ({ id: n + 1, line: `ssh-rsa ${"A".repeat(2_000)}` })),
  }));
  const instances = keySets.map(({ id }, n) => {
    const order = aDesiredInstance(`env-${n}`);
    return { ...order, live: { ...order.live, ssh: { keySets: [id] } } };
  });
  await serve({
    desiredSet: () => Promise.resolve({ term: 1, generation: 1, confirmedStops: null, instances, keySets }),
  });
  const pages: PulledPage[] = [];
  for (let page = 0; page === 0 || page < (pages[0]?.pages ?? 0); page += 1) {
    const bytes = encode({ kind: "pull", generation: page === 0 ? null : 1, page });
    const answer = await host.connection.request("rg.v1.h.host-1.up.pull", bytes, { timeoutMs: 15_000 });
    pages.push(PulledPage.parse(JSON.parse(new TextDecoder().decode(answer))));
  }

  expect(pages.length).toBeGreaterThan(2);
  expect(readKeySets(pages.flatMap((page) => page.keySets ?? []))).toEqual(keySets);
  expect((await host.client.pull()).instances).toEqual(instances);
});

test("an empty desired set is a set, not a silence", async () => {
  await serve({
    desiredSet: () => Promise.resolve({ term: 1, generation: 1, confirmedStops: null, instances: [] }),
  });

  expect((await host.client.pull()).instances).toEqual([]);
});

test("pages of two generations are never mixed: the pull starts over", async () => {
  let requests = 0;
  await serve({
    desiredSet: () => {
      requests += 1;
      const isOld = requests <= 2;
      return Promise.resolve({
        term: 1,
        generation: isOld ? 7 : 8,
        confirmedStops: null,
        instances: isOld ? largeInstances(40) : largeInstances(20),
      });
    },
  });

  const desired = await host.client.pull();

  expect(desired.generation).toBe(8);
  expect(desired.instances).toHaveLength(20);
});

test("a set that never rests ends the pull within a bound", async () => {
  let generation = 0;
  await serve({
    desiredSet: () => {
      generation += 1;
      return Promise.resolve({ term: 1, generation, confirmedStops: null, instances: largeInstances(20) });
    },
  });

  await expect(host.client.pull()).rejects.toThrow(RequestRefusedError);
});

test("of a set with an order from later the host gets all others, and that one's names", async () => {
  const later = { ...aDesiredInstance("env-2"), want: "stopped", specHash: "later:1" };
  await serve({
    desiredSet: () =>
      Promise.resolve({
        term: 1,
        generation: 1,
        confirmedStops: null,
        // As a control plane of a later version says it.
        instances: [aDesiredInstance("env-1"), later as DesiredInstance, aDesiredInstance("env-3")],
      }),
  });

  const { instances, notUnderstood, unreadable } = await host.client.pull();

  expect(instances.map(({ instanceId }) => instanceId)).toEqual(["env-1", "env-3"]);
  expect(notUnderstood).toMatchObject([{ order: { instanceId: "env-2", want: "stopped" }, raw: later }]);
  expect(unreadable).toEqual([]);
});

test("a report with a run in words from later is taken, and that run is known to be there", async () => {
  const reports: WholeReport[] = [];
  const log = await serve({
    observed: (_, report) => {
      reports.push(report);
      return Promise.resolve(undefined);
    },
  });
  const later = { ...anObservedInstance("env-2"), phase: "checkpointing" } as unknown as ObservedInstance;
  const instances = [anObservedInstance("env-1"), later, anObservedInstance("env-3")];

  await host.client.reportObserved({ digest: "b".repeat(64), machine: null, gpus: null, instances });

  expect(reports).toMatchObject([
    {
      instances: [{ instanceId: "env-1" }, { instanceId: "env-3" }],
      notUnderstood: [{ instanceId: "env-2", placementEpoch: 1, runId: "run-env-2" }],
    },
  ]);
  expect(log.lines.map(({ level }) => level)).toEqual(["warn"]);
});

test("who is in comes with a report, entry by entry; what is no book costs no report", async () => {
  const reports: WholeReport[] = [];
  await serve({
    observed: (_, report) => {
      reports.push(report);
      return Promise.resolve(undefined);
    },
  });
  const attempts = {
    attemptsId: "attempts-0123456789abcdef",
    leaseId: LeaseId.parse("lease-1"),
    workloadId: WorkloadId.parse("env-1"),
    service: "ssh" as const,
    from: "203.0.113.77",
    outcome: "no-login" as const,
    count: 31,
    firstAt: "2026-01-01T00:00:00Z",
    lastAt: "2026-01-01T00:04:00Z",
  };
  const reported = [
    { sessions: [], attempts: [attempts], isWhole: true },
    { sessions: [7], attempts: [attempts, "more"], isWhole: true },
    { sessions: "many" },
    null,
  ] as unknown as AccessReport[];

  for (const access of reported)
    await host.client.reportObserved({
      digest: "b".repeat(64),
      machine: null,
      gpus: null,
      instances: [],
      access,
    });

  expect(reports.map(({ access }) => access)).toEqual([
    reported[0],
    { sessions: [], attempts: [attempts], isWhole: false },
    null,
    null,
  ]);
});

test("a report with a run that could be anybody's is refused whole", async () => {
  await serve({ observed: () => Promise.resolve(undefined) });
  const nobodys = { ...anObservedInstance("env-1"), runId: 7 } as unknown as ObservedInstance;
  const instances = [nobodys];

  await expect(
    host.client.reportObserved({ digest: "b".repeat(64), machine: null, gpus: null, instances }),
  ).rejects.toThrow(/instances\.0\.runId/);
});

test("an observed report of several pages comes together at one of two replicas", async () => {
  const reports: WholeReport[] = [];
  const observed: HostHandlers["observed"] = (_, report) => {
    reports.push(report);
    return Promise.resolve(undefined);
  };
  const second = await nats.connectControlPlane();
  await serve({ observed });
  await serve({ observed }, second);
  const instances = Array.from({ length: 900 }, (_, index) =>
    anObservedInstance(`env-${index}`, "d".repeat(1_800)),
  );

  for (let round = 1; round <= 5; round += 1) {
    await host.client.reportObserved({ digest: "b".repeat(64), machine: null, gpus: [], instances });
  }

  expect(reports).toHaveLength(5);
  for (const report of reports)
    expect(report).toMatchObject({ digest: "b".repeat(64), machine: null, gpus: [], instances });
});

test("a replica that ends in the middle of a report costs one more report", async () => {
  const whole: WholeReport[] = [];
  const instances = Array.from({ length: 900 }, (_, index) =>
    anObservedInstance(`env-${index}`, "d".repeat(1_800)),
  );
  const endOfOneReplica = async (reply: (answer: Uint8Array) => void) => {
    ending.unsubscribe();
    await serve({
      observed: (_, report) => {
        whole.push(report);
        return Promise.resolve(undefined);
      },
    });
    reply(encode({ kind: "observed-reply", digest: "b".repeat(64), replica: "gone" }));
  };
  const ending = controlPlane.subscribe("rg.v1.h.*.up.obs", {
    callback: (_, message) => void endOfOneReplica((answer) => message.respond(answer)),
  });
  await controlPlane.flush();

  await host.client.reportObserved({ digest: "b".repeat(64), machine: null, gpus: null, instances });

  expect(whole).toHaveLength(1);
  expect(whole[0]?.instances).toHaveLength(900);
});
