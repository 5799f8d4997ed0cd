/**
 * How fast usage is taken in, beside a plain COPY of the same rows, prepared as text, into a copy of the same table with
 * its keys and indexes, by transactions as large. Ours begins with the bytes that arrive over
 * NATS: decoding them, checking their form, their chain and the hosts' signatures is inside the figure. What decoding,
 * form and signatures take of it is told apart.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatches } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import { verifySignature } from "@remotegpu/control-plane/server/link/identity/signature";
import { admitServer } from "@remotegpu/control-plane/server/store/database/server-login";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { copyLine } from "@remotegpu/control-plane/server/store/database/connection/copy-in";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { HostKeys } from "@remotegpu/control-plane/server/store/hosts/host-keys";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { JournalBatch } from "@remotegpu/shared/proof/journal-row";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { decode } from "@remotegpu/shared/messages/wire";
import { quietLog } from "../support/quiet-log.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import { collectGarbage } from "./garbage.ts";
import { postgresCpuMs } from "./order-world.ts";
import { afterMinutes, type Message, openCustomers, UsageFleet } from "./usage-fleet.ts";

const RUNS_PER_HOST = 25;
const FLEET = { hosts: 40, runsPerHost: RUNS_PER_HOST };
const CUSTOMERS = 20;
/** Transactions one after the other in each round, and minutes of every run in each transaction. */
const SIZES = [
  { hosts: 40, minutes: 5, transactions: 2 },
  { hosts: 8, minutes: 5, transactions: 6 },
  // Where the runs end there is nothing in it but runs that begin and end: each row has a charge.
  { hosts: 40, minutes: 1, transactions: 6 },
];
const ROUNDS = 5;
/** The first of them find no plans and cold code. */
const WARM_UPS = 4;
const HOUR_ROUNDS = 2;
const HOUR = { minutes: 60, minutesAtATime: 5 };
const WORKERS = { count: 8, rounds: 3, fleet: { hosts: 5, runsPerHost: 25 }, minutes: 8 };
const CALENDAR = { utcOffsetMinutes: 480, closeDelayHours: 24 };
const COLUMNS =
  "host_id, journal_id, seq, kind, run_id, boot_id, start_ms, end_ms, proof, final, verdict, reason, entry, hash, received_at";

export async function measureIngest(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const db = await openBenchDatabase(ending);
  const customerIds = await openCustomers(db, CUSTOMERS);

  for (const final of [false, true])
    for (const { hosts, minutes, transactions } of SIZES) {
      const runs = hosts * RUNS_PER_HOST;
      const name = `${hosts}-hosts-${minutes}-minutes-${final ? "ending" : "going"}`;
      const fleet = await UsageFleet.open(db, name, { hosts, runsPerHost: RUNS_PER_HOST, customerIds });
      const measured = await rounds(db, async () => {
        const batches: Message[][] = [];
        for (let count = 0; count < transactions; count += 1) {
          if (final) await fleet.startRuns();
          batches.push(fleet.messages({ minutes, final }));
        }
        return await pairOf(db, batches, fleet);
      });
      const what = final ? "Ingest that ends and charges its runs" : "Ingest";
      report(print, `${what}, ${runs * minutes} rows of ${runs} runs a transaction`, measured);
    }
  const fleet = await UsageFleet.open(db, "fleet", { ...FLEET, customerIds });
  const hours: Measured[] = [];
  for (let round = 0; round < HOUR_ROUNDS; round += 1) hours.push(await hourPair(db, fleet));
  report(print, `An hour of all, in transactions of ${HOUR.minutesAtATime} minutes, and its tick`, hours);

  const workers: UsageFleet[] = [];
  for (let worker = 0; worker < WORKERS.count; worker += 1) {
    const size = { ...WORKERS.fleet, customerIds: customerIds.slice(0, 1) };
    workers.push(await UsageFleet.open(db, `worker-${worker}`, size));
  }
  // No CPU of these: their connections come and go, and take what they counted with them.
  const contended: Measured[] = [];
  for (let round = 0; round < WORKERS.rounds; round += 1) contended.push(await workersPair(db, workers));
  report(print, `${WORKERS.count} workers at once whose runs all end and have one payer`, contended, {
    reportsCpu: false,
  });

  const books = await trialBalance(db);
  print(`  the books: sum ${books.total}, balances that do not agree ${books.unbalancedCustomers}`);
}

async function openBenchDatabase(ending: AsyncDisposableStack): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const postgres = await startPostgres({ stateDir: join(folder, "postgres"), log: quietLog });
  ending.defer(() => postgres.stop());
  const owner = openDatabase(postgres.url, { maxConnections: 1, runsAs: "owner" });
  ending.defer(() => owner.close());
  await migrate(owner);
  await owner.query("CREATE TABLE bare_usage_rows (LIKE usage_rows INCLUDING ALL)");
  // The server's login owns no table.
  await owner.query("GRANT SELECT, INSERT ON bare_usage_rows TO PUBLIC");
  const login = { ownerUrl: postgres.url, password: postgres.serverPassword };
  const db = openDatabase(await admitServer(owner, login));
  ending.defer(() => db.close());
  return db;
}

function report(
  print: (line: string) => void,
  title: string,
  pairs: readonly Measured[],
  { reportsCpu = true } = {},
): void {
  print(headLine(title));
  print(
    ratioLine(
      "to a plain COPY (higher is better)",
      pairs.map(({ perSecond }) => perSecond),
    ),
  );
  if (reportsCpu) {
    print(
      ratioLine(
        "by the CPU of both, ours and Postgres'",
        pairs.map(({ perCpuSecond }) => perCpuSecond),
      ),
    );
    print(
      ratioLine(
        "by that CPU, from rows decoded and signatures checked",
        pairs.map(({ perCpuSecondOfChecked }) => perCpuSecondOfChecked),
      ),
    );
  }
  const named = { ours: "rows a second", bare: "rows a second by COPY" } as const;
  for (const side of ["ours", "bare"] as const)
    print(
      valuesLine(
        named[side],
        pairs.map(({ perSecond }) => perSecond[side]),
        "/s",
      ),
    );
}

async function rounds(db: Database, pair: () => Promise<Measured>): Promise<Measured[]> {
  const pairs: Measured[] = [];
  for (let round = 0; round < WARM_UPS + ROUNDS; round += 1) {
    pairs.push(await pair());
    // Postgres knows the sizes of its tables, as it does by itself within a minute.
    if (round < WARM_UPS) await db.query("ANALYZE");
  }
  return pairs.slice(WARM_UPS);
}

/** Rows for each second of time, of CPU, and of CPU without that of decoding and checking messages. */
interface Measured {
  perSecond: Pair;
  perCpuSecond: Pair;
  perCpuSecondOfChecked: Pair;
}

/** CPU of ours that went into decoding and checking messages since the bench began. */
let checkingMs = 0;

let turns = 0;

/** Rows a second of both, one after the other and each first in turn. */
async function pairOf(db: Database, batches: readonly Message[][], fleet: UsageFleet): Promise<Measured> {
  const now = afterMinutes(fleet.minute);
  const lines = batches.map((messages) => copyText(messages, now));
  return await inTurn(
    db,
    batches.flat(),
    async () => {
      for (const messages of batches) await ingest(db, messages, now);
    },
    async () => {
      for (const text of lines) await copy(db, text);
    },
  );
}

async function inTurn(
  db: Database,
  messages: readonly Message[],
  ours: () => Promise<void>,
  bare: () => Promise<void>,
): Promise<Measured> {
  const rows = messages.reduce((sum, message) => sum + message.rows.length, 0);
  turns += 1;
  const isOursFirst = turns % 2 === 0;
  const first = await measured(db, isOursFirst ? ours : bare);
  const second = await measured(db, isOursFirst ? bare : ours);
  const [mine, plain] = isOursFirst ? [first, second] : [second, first];
  return {
    perSecond: { ours: rows / mine.seconds, bare: rows / plain.seconds },
    perCpuSecond: { ours: rows / mine.cpuSeconds, bare: rows / plain.cpuSeconds },
    perCpuSecondOfChecked: {
      ours: rows / (mine.cpuSeconds - mine.checkingSeconds),
      bare: rows / plain.cpuSeconds,
    },
  };
}

/** Another's work on the machine stretches the time of both, and their CPU little. */
async function measured(
  db: Database,
  work: () => Promise<void>,
): Promise<{ seconds: number; cpuSeconds: number; checkingSeconds: number }> {
  // What making the messages left behind is not to be cleared away in the time of either.
  collectGarbage();
  const postgresMs = await postgresCpuMs(db);
  const checkedMs = checkingMs;
  const own = process.cpuUsage();
  const beganMs = performance.now();
  await work();
  const seconds = (performance.now() - beganMs) / MS_PER_SECOND;
  const ownMs = cpuMsSince(own);
  return {
    seconds,
    cpuSeconds: ((await postgresCpuMs(db)) - postgresMs + ownMs) / MS_PER_SECOND,
    checkingSeconds: (checkingMs - checkedMs) / MS_PER_SECOND,
  };
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** All rows of an hour, then its tick. */
async function hourPair(db: Database, fleet: UsageFleet): Promise<Measured> {
  // From a full hour on, so that the tick's hour is the rows' own.
  fleet.minute = Math.ceil(fleet.minute / HOUR.minutes) * HOUR.minutes;
  await tick(db, fleet.minute);
  const batches: { messages: Message[]; now: Date }[] = [];
  for (let minute = 0; minute < HOUR.minutes; minute += HOUR.minutesAtATime) {
    const messages = fleet.messages({ minutes: HOUR.minutesAtATime, final: false });
    batches.push({ messages, now: afterMinutes(fleet.minute) });
  }
  const lines = batches.map(({ messages, now }) => copyText(messages, now));
  return await inTurn(
    db,
    batches.flatMap(({ messages }) => messages),
    async () => {
      for (const { messages, now } of batches) await ingest(db, messages, now);
      await tick(db, fleet.minute);
    },
    async () => {
      for (const text of lines) await copy(db, text);
    },
  );
}

async function tick(db: Database, minute: number): Promise<void> {
  const now = afterMinutes(minute);
  const term = await acquireLeadership(db, { holder: "the bench", now });
  await chargeDueHours({ db, calendar: CALENDAR }, { term: term ?? 0, now });
}

async function workersPair(db: Database, workers: readonly UsageFleet[]): Promise<Measured> {
  const work = workers.map((fleet) => {
    const messages = fleet.messages({ minutes: WORKERS.minutes, final: true });
    const now = afterMinutes(fleet.minute);
    return { messages, now, lines: copyText(messages, now) };
  });
  const pair = await inTurn(
    db,
    work.flatMap(({ messages }) => messages),
    async () => void (await Promise.all(work.map(({ messages, now }) => ingest(db, messages, now)))),
    async () => void (await Promise.all(work.map(({ lines }) => copy(db, lines)))),
  );
  for (const fleet of workers) await fleet.startRuns();
  return pair;
}

async function ingest(db: Database, messages: readonly Message[], now: Date): Promise<void> {
  const keys = new HostKeys(db);
  const verify = async (host: string, text: string, signature: string) => {
    const nkeys = await keys.ofHost(host);
    const before = process.cpuUsage();
    const isSigned = nkeys.some((nkey) => verifySignature(nkey, text, signature));
    checkingMs += cpuMsSince(before);
    return isSigned;
  };
  const beforeDecoding = process.cpuUsage();
  const deliveries = messages.map(({ hostId, bytes }) => {
    const batch = decode(JournalBatch, bytes);
    if (!batch.ok) throw new Error(batch.reason);
    return { hostId, batch: batch.message };
  });
  checkingMs += cpuMsSince(beforeDecoding);
  const outcomes = await ingestBatches({ db, verify, calendar: CALENDAR }, deliveries, now);
  for (const [index, outcome] of outcomes.entries())
    if (
      !outcome.taken ||
      outcome.report.decided !== messages[index]?.rows.length ||
      outcome.report.quarantined > 0
    )
      throw new Error(`rows were not all taken: ${JSON.stringify(outcome)}`);
}

async function copy(db: Database, lines: string): Promise<void> {
  await transaction(db, async (tx) => {
    await tx.copyIn(`COPY bare_usage_rows (${COLUMNS}) FROM STDIN`, [lines].values());
  });
}

function copyText(messages: readonly Message[], now: Date): string {
  return messages
    .flatMap(({ hostId, journalId, rows }) =>
      rows.map(({ seq, entry, hash }) => {
        if (entry.kind !== "usage") throw new Error("a fleet writes usage only");
        const { runId, bootId, startMs, endMs, proof, final } = entry;
        const claim = [hostId, journalId, seq, "usage", runId, bootId, startMs, endMs, proof, final] as const;
        return copyLine([...claim, "accepted", null, JSON.stringify(entry), hash, now.toISOString()]);
      }),
    )
    .join("");
}
