/**
 * Every loop of a control plane, one row each: how often it looks without being woken, what a pass of it does and whom it
 * wakes. Each server has all of them; those of the leader work only in the one that leads. Made here, started by
 * control-plane.ts. The way to NATS looks after itself (fleet-link.ts).
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { brokenTimePass } from "./controllers/billing/broken-time.ts";
import { freeLoadingPass } from "./controllers/billing/free-loading.ts";
import { chargeDueHours } from "./controllers/billing/charging.ts";
import { cutOffRulesPass } from "./controllers/billing/cut-off-rules.ts";
import type { GpuHistory } from "./controllers/hosts/gpu-history.ts";
import { gpuStrangersPass } from "./controllers/hosts/gpu-strangers.ts";
import { HostLiveness } from "./controllers/hosts/host-liveness.ts";
import { cveAlarmsPass } from "./controllers/hosts/cve-alarms.ts";
import { drillAlarmsPass } from "./controllers/hosts/drill-alarms.ts";
import { agentAlarmsPass } from "./controllers/hosts/agent-alarms.ts";
import { fleetUpgradePass } from "./controllers/hosts/fleet-upgrade.ts";
import { poolAlarmsPass } from "./controllers/hosts/pool-alarms.ts";
import { poolProofsPass } from "./controllers/hosts/pool-proofs.ts";
import { oldGpuHistoryPass } from "./controllers/hosts/old-gpu-history.ts";
import { imageFetchesPass } from "./controllers/hosts/image-fetches.ts";
import { autoscalingPass } from "./controllers/inference/autoscaling.ts";
import { oldTrafficPass } from "./controllers/inference/old-traffic.ts";
import { replicasPass } from "./controllers/inference/replicas.ts";
import { type IdleStopDeps, idleStopPass } from "./controllers/idle-stop.ts";
import { StreamAlarms } from "./controllers/ingest/journal-stream-alarms.ts";
import { type Leadership, RENEW_EVERY_MS } from "./controllers/leadership.ts";
import { lifecyclePass } from "./controllers/lifecycle.ts";
import type { Loop } from "./controllers/loop.ts";
import { heldHoursPass } from "./controllers/scheduling/held-hours.ts";
import { placementWaitsPass } from "./controllers/scheduling/placement-waits.ts";
import { schedulePass } from "./controllers/scheduling/scheduling.ts";
import type { WebhookDeliveries } from "./controllers/webhooks.ts";
import { Sealing } from "./controllers/sealing.ts";
import type { SealingKeyReports } from "./controllers/sealing-key-reports.ts";
import { workloadsPass } from "./controllers/workloads.ts";
import type { BillingCalendar } from "./core/billing/billing-calendar.ts";
import { CUT_OFF_RULES_EVERY_MS } from "./core/billing/cut-off-rule.ts";
import type { HostFiles } from "./core/hosts/host-files.ts";
import type { StreamState } from "./core/ingest/journal-stream.ts";
import type { CountedAttempts } from "./http/deps.ts";
import type { ServerCounters } from "./core/metrics/server-counters.ts";
import { recordCounted } from "./http/request/attempts.ts";
import type { Database } from "./store/database/database.ts";
import type { Seals } from "./store/secrets/sealed-tables.ts";
import { passCache } from "./store/placement/inputs/pass-inputs.ts";

export interface LoopEngines {
  readonly db: Database;
  readonly now: () => Date;
  readonly newId: (prefix: string) => string;
  readonly log: Log;
  readonly calendar: BillingCalendar;
  readonly link: {
    nudge(host: HostId): void;
    exec: IdleStopDeps["exec"];
    readonly isConnected: boolean;
    readonly stream: StreamState;
  };
  readonly leadership: Leadership;
  readonly deliveries: Pick<WebhookDeliveries, "pass">;
  readonly attempts: CountedAttempts;
  readonly seals: Seals;
  readonly keyReports: Pick<SealingKeyReports, "pass">;
  readonly history: Pick<GpuHistory, "pass">;
  /** Null where this server reaches no host: it has no gateway. */
  readonly files: HostFiles | null;
  readonly pause: (ms: number) => Promise<void>;
  readonly counters: Pick<ServerCounters, "placed">;
}

/**
 * Woken by an order, and by a report that says something new. What is overdue is found by its poll; here it would only
 * compete with the placement that somebody waits for.
 */
export const WOKEN_BY_REPORTS = ["workloads", "replicas", "scheduling"];
const RESTORE_IS_HELD =
  "the database was restored: nothing is placed, started, stopped or charged before `restore resume`; `restore status` shows what differs";
/** Woken by a message that has gone out, since more may be due for the same webhook. */
export const WOKEN_BY_DELIVERY = ["webhooks"];

/** A loop whose passes know the term under which this server leads. */
interface LedLoop extends Omit<Loop, "pass"> {
  /** It orders or charges, so it waits where a restored database does (store/database/restore-hold.ts). */
  readonly isRestoreHeld?: true;
  readonly pass: (pass: { term: number; now: Date }) => Promise<boolean | void>;
}

export function loops(engines: LoopEngines): Loop[] {
  const {
    db,
    now,
    newId,
    log,
    calendar,
    link,
    leadership,
    deliveries,
    attempts,
    history,
    seals,
    keyReports,
    files,
    pause,
    counters,
  } = engines;
  const nudge = (host: HostId) => link.nudge(host);
  const cache = passCache(db);
  const hostLiveness = new HostLiveness({ db, now, hears: () => link.isConnected });
  const sealing = new Sealing({ db, seals, log });
  const streamAlarms = new StreamAlarms(db);

  const led: LedLoop[] = [
    {
      name: "scheduling",
      everyMs: 5 * MS_PER_SECOND,
      isRestoreHeld: true,
      wakes: ["scheduling"],
      async pass(pass) {
        const { tried, again } = await schedulePass({ db, newId, nudge, cache }, pass);
        counters.placed(tried);
        return again;
      },
    },
    {
      name: "workloads",
      everyMs: 2 * MS_PER_SECOND,
      isRestoreHeld: true,
      wakes: ["scheduling"],
      pass: (pass) => workloadsPass({ db, nudge, log }, pass),
    },
    {
      name: "replicas",
      everyMs: 2 * MS_PER_SECOND,
      isRestoreHeld: true,
      wakes: ["replicas", "scheduling"],
      pass: (pass) => replicasPass({ db, newId, nudge, log }, pass),
    },
    {
      name: "autoscaling",
      everyMs: 2 * MS_PER_SECOND,
      isRestoreHeld: true,
      wakes: ["replicas"],
      pass: (pass) => autoscalingPass({ db, log }, pass),
    },
    {
      name: "lifecycle",
      everyMs: 2 * MS_PER_SECOND,
      isRestoreHeld: true,
      pass: (pass) => lifecyclePass({ db, nudge }, pass),
    },
    {
      name: "host-liveness",
      everyMs: 5 * MS_PER_SECOND,
      wakes: ["scheduling"],
      pass: async ({ term }) => (await hostLiveness.pass(term)).length > 0,
    },
    {
      name: "image-fetches",
      everyMs: 2 * MS_PER_SECOND,
      isRestoreHeld: true,
      wakes: ["scheduling"],
      pass: (pass) => imageFetchesPass({ db, newId, nudge, log }, pass),
    },
    {
      name: "charging",
      everyMs: 5 * MS_PER_SECOND,
      isRestoreHeld: true,
      async pass(pass) {
        for (const hour of await chargeDueHours({ db, calendar }, pass))
          for (const hostId of hour.hostIds) nudge(hostId as HostId);
      },
    },
    {
      name: "cut-off-rules",
      everyMs: CUT_OFF_RULES_EVERY_MS,
      isRestoreHeld: true,
      pass: (pass) => cutOffRulesPass({ db, nudge }, pass),
    },
    {
      name: "idle-stop",
      everyMs: 15 * MS_PER_SECOND,
      isRestoreHeld: true,
      pass: (pass) => idleStopPass({ db, nudge, exec: (...order) => link.exec(...order), log }, pass),
    },
    {
      name: "webhooks",
      everyMs: 5 * MS_PER_SECOND,
      pass: (pass) => deliveries.pass(pass),
    },
    {
      name: "placement-waits",
      everyMs: 15 * MS_PER_SECOND,
      pass: (pass) => placementWaitsPass({ db }, pass),
    },
    {
      name: "held-hours",
      everyMs: MS_PER_MINUTE,
      wakes: ["held-hours"],
      pass: (pass) => heldHoursPass({ db }, pass),
    },
    {
      name: "gpu-strangers",
      everyMs: 15 * MS_PER_SECOND,
      pass: (pass) => gpuStrangersPass({ db }, pass),
    },
    {
      name: "pool-alarms",
      everyMs: 15 * MS_PER_SECOND,
      pass: (pass) => poolAlarmsPass({ db }, pass),
    },
    {
      name: "fleet-upgrade",
      everyMs: 5 * MS_PER_SECOND,
      wakes: ["fleet-upgrade"],
      pass: (pass) => fleetUpgradePass({ db }, pass),
    },
    {
      name: "agent-alarms",
      everyMs: MS_PER_MINUTE,
      pass: (pass) => agentAlarmsPass({ db }, pass),
    },
    {
      name: "drill-alarms",
      everyMs: 5 * MS_PER_MINUTE,
      pass: (pass) => drillAlarmsPass({ db }, pass),
    },
    {
      name: "cve-alarms",
      // What hosts report of their programs changes with their packages, and each pass judges all of it.
      everyMs: 5 * MS_PER_MINUTE,
      pass: (pass) => cveAlarmsPass({ db }, pass),
    },
    {
      name: "broken-time",
      everyMs: 15 * MS_PER_SECOND,
      isRestoreHeld: true,
      pass: (pass) => brokenTimePass({ db }, pass),
    },
    {
      name: "free-loading",
      everyMs: 15 * MS_PER_SECOND,
      isRestoreHeld: true,
      pass: (pass) => freeLoadingPass({ db, log }, pass),
    },
    {
      name: "old-traffic",
      everyMs: MS_PER_MINUTE,
      pass: (pass) => oldTrafficPass({ db }, pass),
    },
    {
      name: "old-gpu-history",
      everyMs: MS_PER_MINUTE,
      pass: (pass) => oldGpuHistoryPass({ db }, pass),
    },
    {
      name: "sealing",
      everyMs: MS_PER_MINUTE,
      pass: (pass) => sealing.pass(pass),
    },
    {
      name: "journal-stream-alarms",
      everyMs: 15 * MS_PER_SECOND,
      pass: (pass) => streamAlarms.pass(link.stream, pass),
    },
  ];
  const whileLeading = ({ pass, isRestoreHeld, ...loop }: LedLoop): Loop => ({
    ...loop,
    isLed: true,
    async pass() {
      const term = leadership.term(now());
      if (term === null || (isRestoreHeld === true && leadership.isRestoreHeld)) return false;
      return (await pass({ term, now: now() })) === true;
    },
  });
  return [
    {
      name: "counted-attempts",
      everyMs: 10 * MS_PER_SECOND,
      pass: () => recordCounted({ db, now, attempts }),
    },
    {
      name: "gpu-history",
      everyMs: 10 * MS_PER_SECOND,
      pass: () => history.pass(),
    },
    {
      name: "sealing-key-reports",
      everyMs: 10 * MS_PER_SECOND,
      pass: () => keyReports.pass(),
    },
    {
      name: "pool-proofs",
      everyMs: 10 * MS_PER_SECOND,
      wakes: ["scheduling"],
      pass: async () => files !== null && (await poolProofsPass({ db, now, files, pause })),
    },
    ...led.map(whileLeading),
    {
      name: "leadership",
      everyMs: RENEW_EVERY_MS,
      wakes: led.map(({ name }) => name),
      async pass() {
        const begun = await leadership.renew(now());
        if (begun === "leads") log.info({ term: leadership.term(now()) }, "this control plane leads now");
        if (begun === "leads" && leadership.isRestoreHeld) log.warn({}, RESTORE_IS_HELD);
        if (begun === "resumes") log.info({}, "the restored database is resumed");
        return begun !== null;
      },
    },
  ];
}
