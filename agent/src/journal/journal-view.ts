/**
 * What is decided from in a journal: orders, runs, open time, counts. The running agent's journal is one; a snapshot is
 * another, read beside it by the same stores, that can change nothing.
 */
import assert from "node:assert";
import type Database from "better-sqlite3";
import { ContactStore } from "./contact-store.ts";
import type { Statements } from "./database/journal-database.ts";
import { DesiredStore } from "./desired/desired-store.ts";
import { IntervalStore } from "./interval-store.ts";
import type { Journal } from "./journal.ts";
import { OrphanStore } from "./orphan-store.ts";
import { RunStore } from "./run-store.ts";

/** What of a host is known from its journal alone. */
export type RunsAndOrders = {
  desired: Pick<DesiredStore, "read">;
  runs: Pick<RunStore, "all" | "knownEpochs">;
};

export type JournalSnapshot = RunsAndOrders & {
  /** Of the agent that wrote last; one more at each start. */
  agentEpoch: number;
  contact: ReturnType<ContactStore["read"]>;
  intervals: ReturnType<Journal["intervals"]>;
  orphans: ReturnType<OrphanStore["read"]>;
  leases: ReturnType<DesiredStore["leases"]["all"]>;
};

/** All of it is read now: it stays as it is when the connection is closed. */
export function snapshotOf(sqlite: Database.Database): JournalSnapshot {
  const statements = readStatements(sqlite);
  const desired = new DesiredStore(statements);
  const runs = new RunStore(statements);
  const [set, all, epochs] = [desired.read(), runs.all(), runs.knownEpochs()];
  return {
    desired: { read: () => set },
    runs: { all: () => all, knownEpochs: () => epochs },
    agentEpoch: agentEpochOf(statements),
    contact: new ContactStore(statements).read(),
    intervals: new IntervalStore(statements).all(),
    orphans: new OrphanStore(statements).read(),
    leases: desired.leases.all(),
  };
}

function agentEpochOf(statements: Statements): number {
  const meta = statements.prepare<[], { agent_epoch: number }>("SELECT agent_epoch FROM meta").get();
  return meta?.agent_epoch ?? 0;
}

/** SQLite refuses writes on such a connection as well. */
function readStatements(sqlite: Database.Database): Statements {
  return {
    prepare: <Parameters extends unknown[] | object, Row>(text: string) =>
      sqlite.prepare(text) as Database.Statement<Parameters, Row>,
    write: () => assert.fail("a snapshot of the journal changes nothing"),
  };
}
