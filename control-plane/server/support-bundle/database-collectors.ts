/** What the database says. Each question is an entry of its own, so that those it answers are there beside those it does not. */
import type { Collector } from "@remotegpu/shared/support-bundle/collection";
import { documentCollector } from "@remotegpu/shared/support-bundle/program-collectors";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { checkPaymentLog } from "../backup/payment-log-check.ts";
import type { Connection, Database } from "../store/database/database.ts";
import { examineEach } from "../store/doctor/examination.ts";
import * as figures from "../store/overview/support-figures.ts";

const DOCTOR_WITHIN_MS = 60 * MS_PER_SECOND;
const MAX_DOCTOR_BYTES = 4 * MIB;

/** @param open the database; @throws where it cannot be reached */
export function databaseCollectors(
  open: () => Promise<Database>,
  { now, paymentLog }: { now: Date; paymentLog: string | null },
): Collector[] {
  const document = (name: string, source: string, read: (sql: Connection) => Promise<unknown>) =>
    documentCollector(`database/${name}.json`, source, async () => await read(await open()));
  return [
    document("migrations", "schema_migrations", figures.appliedMigrations),
    document("tables", "pg_stat_user_tables: estimated rows and bytes", figures.tableSizes),
    document("settings", "pg_settings, those that matter", figures.serverSettings),
    document("sessions", "pg_stat_activity, counted, without queries", figures.sessionCounts),
    document("figures", "pg_stat_database", figures.databaseFigures),
    document("standbys", "pg_stat_replication", figures.standbys),
    document("slots", "pg_replication_slots", figures.replicationSlots),
    document("leader", "who leads, and the term", figures.leadership),
    document("cluster", "incarnation, last backup, standby", figures.clusterState),
    document("alarms", "open alarms and the newest cleared ones", figures.alarmCodes),
    document("hosts", "hosts, their versions and conditions", figures.hostConditions),
    document("workloads", "counts by state", figures.workloadCounts),
    doctor(open, { now, paymentLog }),
  ];
}

/** A check a line, as each is made: it takes minutes on large tables. */
function doctor(
  open: () => Promise<Database>,
  { now, paymentLog }: { now: Date; paymentLog: string | null },
): Collector {
  return {
    name: "doctor.jsonl",
    source: "doctor, a check a line",
    withinMs: DOCTOR_WITHIN_MS,
    maxBytes: MAX_DOCTOR_BYTES,
    async collect(add, signal) {
      const database = await open();
      for await (const result of examineEach(database, now)) {
        if (signal.aborted) return;
        add(`${JSON.stringify(result)}\n`);
      }
      add(`${JSON.stringify(await checkPaymentLog(database, paymentLog))}\n`);
    },
  };
}
