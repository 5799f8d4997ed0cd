/** Which of a host's words on who is in environments count, whatever it says. */
import { describe, expect, test } from "vitest";
import {
  type AccessFacts,
  believeAccess,
  type KnownSession,
  MAX_NEW_IN_HOUR,
} from "@remotegpu/control-plane/server/core/environments/access/access-belief";
import { AccessAttempts, AccessSession } from "@remotegpu/shared/instance/ssh-access";

const at = (minute: number) => new Date(Date.UTC(2026, 2, 1, 10, minute));
const label = (minute: number) => at(minute).toISOString();
const now = at(60);

/** Of environment env-a, which has lease-a and run-a since 10:00. */
function session(change: object = {}): AccessSession {
  return AccessSession.parse({
    sessionId: "session-of-somebody",
    instanceId: "inst-a",
    runId: "run-a",
    leaseId: "lease-a",
    workloadId: "env-a",
    service: "ssh",
    from: "198.51.100.4",
    openedAt: label(10),
    bytesIn: 10,
    bytesOut: 20,
    login: null,
    ended: null,
    ...change,
  });
}

function attempts(change: object = {}): AccessAttempts {
  return AccessAttempts.parse({
    attemptsId: "attempts-of-somebody",
    leaseId: "lease-a",
    workloadId: "env-a",
    service: "ssh",
    from: "203.0.113.7",
    outcome: "no-login",
    count: 31,
    firstAt: label(10),
    lastAt: label(14),
    ...change,
  });
}

const facts = (change: Partial<AccessFacts> = {}): AccessFacts => ({
  leases: new Map(
    ["a", "b"].map((name) => [
      `lease-${name}`,
      { environmentId: `env-${name}`, workloadId: `env-${name}`, service: "ssh", orderedAt: at(0) },
    ]),
  ),
  runs: new Map(
    ["a", "b"].map((name) => [
      `run-${name}`,
      { instanceId: `inst-${name}`, environmentId: `env-${name}`, orderedAt: at(0), isOver: false },
    ]),
  ),
  sessions: new Map(),
  attempts: new Set(),
  newInHour: { sessions: 0, attempts: 0 },
  ...change,
});
const knowing = (change: Partial<KnownSession> = {}) =>
  facts({
    sessions: new Map([
      [
        "session-of-somebody",
        {
          environmentId: "env-a",
          runId: "run-a",
          leaseId: "lease-a",
          openedAt: at(10),
          bytesIn: 10,
          bytesOut: 20,
          hasLogin: false,
          endedBy: null,
          ...change,
        },
      ],
    ]),
  });
const believe = (reported: { sessions?: AccessSession[]; attempts?: AccessAttempts[] }, known = facts()) =>
  believeAccess({ sessions: [], attempts: [], ...reported }, known, now);

describe("a session", () => {
  test("of a run and a lease of one environment is written down", () => {
    const login = { method: "publickey", fingerprint: null, at: label(11) };
    const reported = session({ login, ended: { at: label(20), by: "client", detail: "It left." } });

    expect(believe({ sessions: [reported] })).toEqual({
      sessions: [
        {
          ...reported,
          environmentId: "env-a",
          isNew: true,
          openedAt: at(10),
          login: { ...login, at: at(11) },
          ended: { at: at(20), by: "client", detail: "It left." },
        },
      ],
      attempts: [],
      disbelieved: [],
    });
  });

  test("has times within its run and its own life, whatever the host's clock reports", () => {
    const reported = session({
      openedAt: "1970-01-01T00:00:00Z",
      login: { method: "password", fingerprint: null, at: "never" },
      ended: { at: "2099-01-01T00:00:00Z", by: "lost", detail: "" },
      bytesIn: Number.MAX_SAFE_INTEGER,
    });

    const [believed] = believe({ sessions: [reported] }).sessions;

    expect(believed).toMatchObject({ openedAt: at(0), login: { at: now }, ended: { at: now } });
    expect(believed?.bytesIn).toBe((60 * 60_000 + 60_000) * 125_000_000);
  });

  test.each([
    ["a lease that was not ordered there", { leaseId: "lease-z" }, "lease lease-z, which was not ordered"],
    ["another environment's lease", { leaseId: "lease-b" }, "of env-b and is told as of env-a"],
    ["another service than the lease's", { service: "rdp" }, "which is not for rdp"],
    ["a run that was not ordered there", { runId: "run-z" }, "run run-z, which was not ordered"],
    ["another environment's run", { runId: "run-b", instanceId: "inst-b" }, "no run of env-a"],
    ["another instance than the run's", { instanceId: "inst-b" }, "no run of env-a"],
  ])("reported with %s is not believed", (_what, change, why) => {
    const belief = believe({ sessions: [session(change)] });

    expect(belief.sessions).toEqual([]);
    expect(belief.disbelieved).toEqual([expect.stringContaining(why)]);
  });

  test("reported twice in one report is not believed", () => {
    expect(believe({ sessions: [session(), session({ bytesIn: 11 })] })).toMatchObject({
      sessions: [],
      disbelieved: ["session session-of-somebody is told twice"],
    });
  });

  test("stays the environment's that it was reported of first", () => {
    const moved = session({ leaseId: "lease-b", workloadId: "env-b", runId: "run-b", instanceId: "inst-b" });

    expect(believe({ sessions: [moved] }, knowing())).toMatchObject({
      sessions: [],
      disbelieved: ["session session-of-somebody is told of env-b, and was another one's"],
    });
  });

  test.each([
    ["nothing new", session(), knowing(), 0],
    ["more bytes", session({ bytesIn: 11 }), knowing(), 1],
    ["fewer bytes, which is none", session({ bytesIn: 9 }), knowing(), 0],
    [
      "a login that was reported",
      session({ login: { method: "other", fingerprint: null, at: "" } }),
      knowing({ hasLogin: true }),
      0,
    ],
    [
      "an end after it had ended",
      session({ ended: { at: label(30), by: "cut", detail: "" } }),
      knowing({ endedBy: "client" }),
      0,
    ],
    ["that it goes on after it had ended", session({ bytesIn: 99 }), knowing({ endedBy: "client" }), 0],
    ["that it goes on after an end that was assumed", session(), knowing({ endedBy: "unheard" }), 1],
    [
      "an end after one that was assumed",
      session({ ended: { at: label(30), by: "cut", detail: "" } }),
      knowing({ endedBy: "unheard" }),
      1,
    ],
  ])("reported again with %s", (_what, reported, known, messages) => {
    const belief = believe({ sessions: [reported] }, known);

    expect(belief.sessions).toHaveLength(messages);
    expect(belief.sessions.every(({ isNew }) => !isNew)).toBe(true);
    expect(belief.disbelieved).toEqual([]);
  });

  test("of a run that is over does not go on", () => {
    const known = knowing({ endedBy: "unheard" });
    const over = { instanceId: "inst-a", environmentId: "env-a", orderedAt: at(0), isOver: true };

    expect(believe({ sessions: [session()] }, { ...known, runs: new Map([["run-a", over]]) })).toEqual({
      sessions: [],
      attempts: [],
      disbelieved: [],
    });
  });
});

describe("attempts", () => {
  test("are written down once, with their times in order and a count that can be", () => {
    const reported = attempts({ count: Number.MAX_SAFE_INTEGER, firstAt: label(30), lastAt: label(20) });

    expect(believe({ attempts: [reported] }).attempts).toEqual([
      { ...reported, environmentId: "env-a", count: 1_000_000_000, firstAt: at(30), lastAt: at(30) },
    ]);
    expect(believe({ attempts: [reported] }, facts({ attempts: new Set([reported.attemptsId]) }))).toEqual({
      sessions: [],
      attempts: [],
      disbelieved: [],
    });
  });

  test("of another environment's lease, or reported twice, are not believed", () => {
    expect(believe({ attempts: [attempts({ workloadId: "env-b" })] })).toMatchObject({
      attempts: [],
      disbelieved: [expect.stringContaining("attempts attempts-of-somebody came by lease lease-a of env-a")],
    });
    expect(believe({ attempts: [attempts(), attempts()] })).toMatchObject({
      attempts: [],
      disbelieved: ["attempts attempts-of-somebody are told twice"],
    });
  });
});

test.each([
  [0, 2, 1],
  [1, 1, 1],
  [2, 0, 1],
])(
  "with room for %i fewer than come, so many are left out and reported in one word",
  (missing, stored, reported) => {
    const sessions = ["one", "two"].map((name) => session({ sessionId: `session-number-${name}` }));
    const room = { sessions: MAX_NEW_IN_HOUR - 2 + missing, attempts: MAX_NEW_IN_HOUR };

    const belief = believe({ sessions, attempts: [attempts()] }, facts({ newInHour: room }));

    expect(belief.sessions).toHaveLength(stored);
    expect(belief.attempts).toEqual([]);
    expect(belief.disbelieved).toHaveLength(reported);
    expect(belief.disbelieved[0]).toContain(`${missing + 1} more than ${MAX_NEW_IN_HOUR} of an hour`);
  },
);

test("what is known is passed on however many are new", () => {
  const known = { ...knowing(), newInHour: { sessions: MAX_NEW_IN_HOUR, attempts: MAX_NEW_IN_HOUR } };

  expect(believe({ sessions: [session({ bytesIn: 11 })] }, known)).toMatchObject({
    sessions: [{ bytesIn: 11 }],
    disbelieved: [],
  });
});
