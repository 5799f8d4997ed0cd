/** The doctor of a host: finds nothing where nothing is wrong, and each damage by its own name. */
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { examine, type Patient } from "@remotegpu/agent/commands/doctor";
import { openRuns } from "@remotegpu/agent/commands/open-runs";
import { checkHost, type HostSnapshot } from "@remotegpu/agent/commands/doctor/host-checks";
import { checkJournal } from "@remotegpu/agent/commands/doctor/journal-checks";
import { checkPorts } from "@remotegpu/agent/commands/doctor/port-checks";
import { monotonicMs, readBootId } from "@remotegpu/agent/host/clock";
import { JOURNAL_FILE } from "@remotegpu/agent/journal/journal";
import { isLocked } from "@remotegpu/agent/journal/database/folder-lock";
import { readJournal } from "@remotegpu/agent/journal/journal-reading";
import type { CheckResult } from "@remotegpu/shared/doctor";
import type { HostId } from "@remotegpu/shared/values/ids";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { journalFolder, journalIn, journalWithRows } from "../../support/agent/journal.ts";
import { desiredInstance } from "../../support/samples/journal-samples.ts";
import { heldLease } from "../../support/samples/lease-samples.ts";
import {
  BOOT,
  LEFT_BEHIND,
  RUNNING,
  containerOf,
  gpu,
  key,
  recordOf,
} from "../../support/samples/run-samples.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

function findingsOf(results: readonly CheckResult[]): string[] {
  return results.flatMap((result) =>
    result.state === "broken" ? result.findings.map(({ finding }) => `${result.check} ${finding}`) : [],
  );
}

/** A closed journal with four rows of one run, two orders, and all else that is kept. */
function writtenJournal(): string {
  const folder = journalFolder();
  const journal = journalWithRows(folder, 4);
  const instances = [desiredInstance("env-a"), desiredInstance("env-b", { want: "removed" })];
  journal.desired.replace({ term: 1, generation: 7, confirmedStops: null, instances });
  journal.contact.put({ bootId: BOOT, atMs: 5, cutOffMs: 0, wasHeardInBoot: true });
  journal.orphans.put([{ ...key(), containerId: "c", countedMs: 5 }]);
  const { journalId, headSeq } = journal.head();
  journal.confirm({ journalId, watermark: headSeq - 1, dbIncarnation: 1 });
  journal.close();
  return folder;
}

function damage(folder: string, ...statements: string[]): void {
  const raw = new Database(join(folder, JOURNAL_FILE));
  for (const sql of statements) raw.exec(sql);
  raw.close();
}

describe("open runs", () => {
  const openRunsIn = (stateDir: string) => {
    const lines: string[] = [];
    openRuns({ stateDir }, (line) => lines.push(line));
    return lines;
  };

  test("are those without an end in the journal", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);
    journal.runs.save(recordOf(key({ instance: "env-1", run: "run-1" })));
    const end = {
      phase: "stopped",
      problem: null,
      detail: "it ended",
      exitCode: 0,
      orderedBy: null,
    } as const;
    journal.runs.save(recordOf(key({ instance: "env-2", run: "run-2" }), { end }));

    expect(openRunsIn(folder)).toEqual(["env-1 run run-1"]);
    expect(openRunsIn(journalFolder())).toEqual([]);
  });

  test("are not listed from a journal with a damaged entry of a run", () => {
    const folder = writtenJournal();
    damage(folder, "UPDATE runs SET entry = entry || ' '");

    expect(() => openRunsIn(folder)).toThrow("entry of the run run-1 is damaged");
  });
});

describe("leases", () => {
  let server: Server;
  let boundPort: number;
  beforeAll(async () => {
    server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    boundPort = (server.address() as AddressInfo).port;
  });
  afterAll(() => void server.close());

  const check = (
    change: Partial<Parameters<typeof checkPorts>[0] extends () => infer Check ? Check : never> = {},
  ) => ({
    leases: [heldLease("a", boundPort)],
    damaged: [],
    isAccessRunning: true,
    ...change,
  });

  test("that are held and bound, or whose process is away, have nothing wrong", async () => {
    expect(findingsOf(await checkPorts(() => check()))).toEqual([]);
    expect(
      findingsOf(await checkPorts(() => check({ leases: [heldLease("a", 1)], isAccessRunning: false }))),
    ).toEqual([]);
  });

  test("that were bound a moment later have nothing wrong", async () => {
    let checks = 0;

    const results = await checkPorts(() =>
      (checks += 1) === 1 ? check({ leases: [heldLease("a", 1)] }) : check(),
    );

    expect([checks, findingsOf(results)]).toEqual([2, []]);
  });

  test("with each damage are found out by its name", async () => {
    const twice = [heldLease("a", boundPort), heldLease("b", boundPort)];

    const found = async (change: object) => findingsOf(await checkPorts(() => check(change)));

    expect(await found({ leases: twice })).toEqual(["one-lease-per-port port-given-twice"]);
    expect(await found({ leases: [heldLease("a", 1)] })).toEqual(["held-ports-are-bound held-port-unbound"]);
    expect(await found({ damaged: ["lease-x"] })).toEqual(["leases-are-intact lease-damaged"]);
  });
});

describe("a journal", () => {
  test("as the agent writes it has nothing wrong, and is read without being changed", () => {
    const folder = writtenJournal();
    const before = readFileSync(join(folder, JOURNAL_FILE));

    expect(findingsOf(readJournal(folder, checkJournal))).toEqual([]);

    expect(readFileSync(join(folder, JOURNAL_FILE)).equals(before)).toBe(true);
  });

  test("that is open and being written is read all the same", () => {
    const folder = journalFolder();
    journalWithRows(folder, 3);

    expect(findingsOf(readJournal(folder, checkJournal))).toEqual([]);
    expect(isLocked(folder)).toBe(true);
  });

  test.each([
    ["a row taken out", "DELETE FROM rows WHERE seq = 2", "rows-are-chained rows-missing"],
    ["the last row taken out", "DELETE FROM rows WHERE seq = 4", "rows-are-chained rows-missing"],
    ["a row that is no row", "UPDATE rows SET entry = '{' WHERE seq = 3", "rows-are-chained row-unreadable"],
    [
      "a row's content changed",
      "UPDATE rows SET entry = replace(entry, '\"pid', '\"pjd') || ' ' WHERE seq = 2; UPDATE rows SET hash = replace(hash, substr(hash, 1, 8), '00000000') WHERE seq = 2",
      "rows-are-chained row-does-not-follow",
    ],
    ["another head", "UPDATE meta SET head_hash = base_hash", "rows-are-chained head-differs"],
    ["a head behind its rows", "UPDATE meta SET head_seq = 3", "rows-are-chained head-differs"],
    [
      "a watermark beyond the head",
      "UPDATE meta SET watermark = 99",
      "watermark-within-rows watermark-outside",
    ],
    [
      "rows forgotten before they were confirmed",
      "UPDATE meta SET watermark = 0, base_seq = 1, base_hash = (SELECT hash FROM rows WHERE seq = 1)",
      "watermark-within-rows watermark-outside",
    ],
    [
      "an order changed",
      "UPDATE desired SET entry = replace(entry, 'busybox', 'busyb0x') WHERE instance_id = 'env-a'",
      "state-is-intact entry-damaged",
    ],
    [
      "an order under another word",
      "UPDATE desired SET want = 'removed' WHERE instance_id = 'env-a'",
      "state-is-intact entry-damaged",
    ],
    [
      "a run changed",
      "UPDATE runs SET entry = replace(entry, 'env', 'enw')",
      "state-is-intact entry-damaged",
    ],
    ["an interval changed", "UPDATE intervals SET entry_hash = 'x'", "state-is-intact entry-damaged"],
    ["the last contact changed", "UPDATE contact SET entry_hash = 'x'", "state-is-intact entry-damaged"],
    ["the count of orphans changed", "UPDATE orphans SET entry_hash = 'x'", "state-is-intact entry-damaged"],
    ["another id", "UPDATE meta SET journal_id_hash = 'x'", "journal-file-is-whole file-damaged"],
    ["another table", "CREATE TABLE stranger (a TEXT)", "journal-file-is-whole file-damaged"],
  ])("with %s is found out", (_what, sql, finding) => {
    const folder = writtenJournal();

    damage(folder, sql);

    expect(findingsOf(readJournal(folder, checkJournal))).toContain(finding);
  });

  test.each([
    ["twice", 30_000, "runs-are-covered-once time-claimed-twice"],
    ["with a hole", 900_000, "runs-are-covered-once time-not-covered"],
  ])("that covers a run's time %s is found out, though its chain is whole", (_how, startMs, finding) => {
    const folder = journalFolder();
    const journal = journalWithRows(folder, 2);
    const [last] = journal.rows.verified(1, 1).rows;
    if (last?.entry.kind !== "usage") throw new Error("there is a row");
    journal.rows.append([
      { ...last.entry, proof: "exact" },
      { ...last.entry, startMs, endMs: startMs + 60_000, proof: "exact" },
    ]);
    journal.close();

    expect(findingsOf(readJournal(folder, checkJournal))).toContain(finding);
  });

  test("in which a run goes on after its end is found out", () => {
    const folder = journalFolder();
    const journal = journalWithRows(folder, 2);
    const [last] = journal.rows.verified(1, 1).rows;
    if (last?.entry.kind !== "usage") throw new Error("there is a row");
    journal.rows.append([{ ...last.entry, startMs: 999_000, endMs: 999_000, final: true }]);
    journal.close();

    expect(findingsOf(readJournal(folder, checkJournal))).toContain(
      "runs-are-covered-once run-goes-on-after-its-end",
    );
  });
});

describe.concurrent("the host", () => {
  const whole: HostSnapshot = {
    journal: { runs: [recordOf(key())], intervals: [], pulledImages: [], wantedImages: [], damaged: [] },
    containers: [containerOf(key())],
    strays: [],
    isAgentRunning: false,
    bootId: BOOT,
    nowMs: 100,
  };
  const other = key({ instance: "env-2", run: "run-2" });
  const holders = [
    containerOf(key(), undefined, { gpus: [gpu("a")] }),
    containerOf(other, undefined, { gpus: [gpu("a")] }),
  ];
  const both = { ...whole.journal, runs: [recordOf(key()), recordOf(other)] };
  const again = key({ run: "run-again" });

  test.each<[string, Partial<HostSnapshot>, string[]]>([
    ["as it should be", {}, []],
    [
      "a card with two holders",
      { containers: holders, journal: both },
      ["one-holder-per-gpu gpu-held-twice"],
    ],
    [
      "an instance in two containers",
      {
        containers: [containerOf(key()), containerOf(again)],
        journal: { ...whole.journal, runs: [recordOf(key()), recordOf(again)] },
      },
      ["one-container-per-instance instance-runs-twice"],
    ],
    ["a record alone", { containers: [] }, ["records-have-containers record-without-container"]],
    [
      "a container alone",
      { journal: { ...whole.journal, runs: [] } },
      ["containers-have-records container-without-record"],
    ],
    ["a meter that stands", { isAgentRunning: true, nowMs: 60_000 }, ["meter-goes-on meter-stands-still"]],
    ["a meter that stands without an agent", { nowMs: 60_000 }, []],
    [
      "a card by NVIDIA's runtime alone",
      {
        containers: [
          {
            ...containerOf(key(), RUNNING, { gpus: [gpu("a")] }),
            created: { devices: [], drivers: ["nvidia"] },
          },
        ],
      },
      ["gpus-given-as-devices gpus-not-given-as-devices"],
    ],
    [
      "a container that ended and lives",
      { containers: [containerOf(key(), LEFT_BEHIND)] },
      ["ended-means-empty processes-of-ended-container"],
    ],
    [
      "a group that no runtime knows",
      { strays: [{ containerId: "c", pids: [7], gpus: [] }] },
      ["ended-means-empty processes-without-container"],
    ],
  ])("%s", async (_what, changes, findings) => {
    const results = await checkHost(() => Promise.resolve({ ...whole, ...changes }));

    expect(findingsOf(results)).toEqual(findings);
  });

  test("what is so for a moment only is not reported", async () => {
    const checks = [{ ...whole, containers: [] }, whole];

    const results = await checkHost(() => Promise.resolve(checks.shift() ?? whole));

    expect(findingsOf(results)).toEqual([]);
  });
});

describe("the command", () => {
  let controlPlane: ScriptedControlPlane;
  let agent: AgentUnderTest;
  /** Ended from the last to the first, each although another fails. */
  const ending = new AsyncDisposableStack();
  beforeAll(async () => {
    await importBusyboxImage();
    controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
    agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
    agent.host.order([
      desiredOf("a", {}, { live: { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } }),
    ]);
    await agent.host.reported("run-a", { phase: "ready" });
  });
  afterAll(() => ending.disposeAsync());

  async function doctor(changes: Partial<Patient> = {}, options: { json?: boolean } = {}) {
    const clock = { bootId: await readBootId(), monotonicMs };
    const { hostId, stateDir } = agent;
    let text = "";
    const imageBounds = { freePart: 0.15, mostBytes: null };
    const own = {
      hostId,
      stateDir,
      runtimeSocket: null,
      imageBounds,
      clock,
      nvidiaSmiPath: "/none",
      raisesLimits: false,
    };
    const patient = { ...own, ...changes };
    const exitCode = await examine(patient, options, (output) => (text += output));
    return { exitCode, text };
  }

  test("beside a running agent reports that all is well", async () => {
    const { exitCode, text } = await doctor();

    expect({ exitCode, text }).toEqual({
      exitCode: 0,
      text: expect.stringMatching(/All is well: 17 checks\.$/),
    });
  });

  test("without a runtime, or a journal, reports what could not be checked", async () => {
    const blind = await doctor({ runtimeSocket: "/no/such.sock" }, { json: true });
    const empty = await doctor({ stateDir: journalFolder() });

    expect(blind.exitCode).toBe(2);
    expect(
      JSON.parse(blind.text).checks.filter(({ state }: CheckResult) => state === "not-checked"),
    ).toHaveLength(8);
    expect(empty.exitCode).toBe(2);
    expect(empty.text).toContain("there is no journal in");
  });

  test("calls a file that is no journal broken or unreadable, without a stack", async () => {
    const folder = journalFolder();
    journalIn(folder).close();
    for (const suffix of ["-wal", "-shm"]) rmSync(join(folder, JOURNAL_FILE + suffix), { force: true });
    writeFileSync(join(folder, JOURNAL_FILE), "this is no database, and never was one");

    const { exitCode, text } = await doctor({ stateDir: folder });

    expect(exitCode).toBe(2);
    expect(text).toContain("the journal cannot be read: file is not a database");
  });

  test("sees another host's containers as none of its own", async () => {
    const { text } = await doctor({ hostId: "host-elsewhere" as HostId });

    expect(text).toContain("record-without-container: run run-a");
  });

  test("names what somebody took away behind a stopped agent", async () => {
    const seen = await agent.host.reported("run-a", { phase: "ready" });
    await agent.stop();
    await docker.getContainer(seen.containerId ?? "").remove({ force: true, v: true });

    const { exitCode, text } = await doctor();

    expect(exitCode).toBe(1);
    expect(text).toContain(`record-without-container: run run-a, container ${seen.containerId}`);
    await agent.start();
  });
});
