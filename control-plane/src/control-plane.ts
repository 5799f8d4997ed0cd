/**
 * One running control plane: the API, the loops and the link, tied together over the engines. Any number of these
 * may run on one database and one NATS; the loops work only in the one that leads.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { HostId } from "@remotegpu/shared/ids";
import type { Log } from "@remotegpu/shared/log";
import { buildAgentBundle, type AgentBundle } from "./agent-bundle.ts";
import type { Config } from "./config.ts";
import { brokenTimePass } from "./controllers/billing/broken-time.ts";
import { chargeDueHours } from "./controllers/billing/charging.ts";
import { cutOffRulesPass } from "./controllers/billing/cut-off-rules.ts";
import { CUT_OFF_RULES_EVERY_MS } from "./core/billing/cut-off-rule.ts";
import { gpuStrangersPass } from "./controllers/hosts/gpu-strangers.ts";
import { HostLiveness } from "./controllers/hosts/host-liveness.ts";
import { hostSync } from "./controllers/hosts/host-sync.ts";
import { imageFetchesPass } from "./controllers/hosts/image-fetches.ts";
import { recordMalformed } from "./controllers/ingest/ingest.ts";
import { ingestDesk } from "./controllers/ingest/ingest-desk.ts";
import { Leadership, RENEW_EVERY_MS } from "./controllers/leadership.ts";
import { workloadsPass } from "./controllers/workloads.ts";
import { lifecyclePass } from "./controllers/lifecycle.ts";
import { StreamAlarms } from "./controllers/ingest/journal-stream-alarms.ts";
import { startLoop, type Loop } from "./controllers/loop.ts";
import { placementWaitsPass } from "./controllers/scheduling/placement-waits.ts";
import { schedulePass } from "./controllers/scheduling/scheduling.ts";
import { WebhookDeliveries } from "./controllers/webhooks.ts";
import { keptForPasses } from "./store/placement/scene/pass-scene.ts";
import { bracketed, startEngines, type Engines } from "./engines.ts";
import { FleetLink } from "./fleet-link.ts";
import { createApp } from "./http/server/app.ts";
import type { ApiDeps, HostLink } from "./http/deps.ts";
import { noAttempts, recordCounted } from "./http/request/attempts.ts";
import { openServer } from "./http/server/server.ts";
import { hostIdentity, verifySignature } from "./link/identity/host-credential.ts";
import { passwordSeal } from "./link/identity/password-seal.ts";
import { HostKeys } from "./store/hosts/host-keys.ts";
import { revokedKeys } from "./store/hosts/join-tokens.ts";
import { VERSION } from "./version.ts";

const SCHEDULING_POLL_MS = 5_000;
const WORKLOADS_POLL_MS = 2_000;
const LIFECYCLE_POLL_MS = 2_000;
const LIVENESS_POLL_MS = 5_000;
const CHARGING_POLL_MS = 5_000;
const WEBHOOKS_POLL_MS = 5_000;
const PLACEMENT_WAITS_POLL_MS = 15_000;
const GPU_STRANGERS_POLL_MS = 15_000;
const BROKEN_TIME_POLL_MS = 15_000;
const STREAM_ALARMS_POLL_MS = 15_000;
const IMAGE_FETCHES_POLL_MS = 2_000;
const COUNTED_ATTEMPTS_EVERY_MS = 10_000;
const INVOICE_CLOSE_DELAY_HOURS = 24;
const RATE_LIMITS = {
  perKey: { burst: 200, perSecond: 50 },
  perAddress: { burst: 400, perSecond: 100 },
};

/** Nobody guesses it, and no two are the same. */
const newId = (prefix: string) => `${prefix}-${randomBytes(10).toString("hex")}`;

export interface ControlPlane {
  /** Where clients reach it. */
  url: string;
  stop(): Promise<void>;
}

export async function startControlPlane(config: Config, log: Log): Promise<ControlPlane> {
  const engines = await startEngines(config, log);
  const link = new FleetLink({ operator: engines.operator, address: engines.nats.address, log });
  try {
    return await serve(config, engines, { link, log });
  } catch (error) {
    await link.stop();
    await engines.stop();
    throw error;
  }
}

async function serve(
  config: Config,
  engines: Engines,
  { link, log }: { link: FleetLink; log: Log },
): Promise<ControlPlane> {
  const { db, operator, nats, tls, publicHost } = engines;

  const now = () => new Date();
  const scheme = tls === null ? "http" : "https";
  const calendar = {
    utcOffsetMinutes: config.billingUtcOffsetMinutes,
    closeDelayHours: INVOICE_CLOSE_DELAY_HOURS,
  };
  const passwords = passwordSeal(operator);
  const loops = startLoops(engines, { calendar, link, now, log });
  const wake = () => {
    loops.wake();
    link.wakeOthers();
  };
  const keys = new HostKeys(db);
  const verify = async (host: HostId, text: string, signature: string) =>
    (await keys.ofHost(host)).some((nkey) => verifySignature(nkey, text, signature));
  const desk = ingestDesk({ db, verify, calendar }, now);
  await link.start({
    hosts: hostSync({ db, now, log, passwords, wake, nudge: (host) => link.nudge(host) }),
    journal: {
      async ingest(hostId, batch) {
        const report = await desk.take({ hostId, batch });
        if (report.quarantined > 0)
          log.error({ hostId, ...report }, "rows of a host's journal were set aside");
      },
      malformed: (host, reason) => recordMalformed(db, host, reason, now()),
    },
    woken: () => loops.wake(),
    readRevoked: () => revokedKeys(db),
  });

  // In the background: the API serves long before, and answers "not built yet" until then.
  let bundle: AgentBundle | null = null;
  const buildBundle = async () => {
    bundle = await buildAgentBundle(config.stateDir, tls?.ca ?? null, log);
  };
  const building = config.buildsBundle ? buildBundle() : Promise.resolve();
  const publicUrl = config.publicUrl ?? `${scheme}://${bracketed(publicHost)}:${config.listen.port}`;
  const api: ApiDeps = {
    db,
    now,
    newId,
    pause: (ms) => setTimeout(ms),
    link: hostLink(link, wake),
    identity: hostIdentity(operator, { natsUrls: nats.urlsForHosts, ca: nats.caForHosts }),
    passwords,
    attempts: noAttempts(),
    config: {
      version: VERSION,
      publicUrl,
      joinCommand: (token) => (config.buildsBundle ? joinCommand(publicUrl, token, tls) : null),
      bundle: () => bundle,
      billingCalendar: calendar,
      rateLimits: RATE_LIMITS,
    },
    log,
  };
  const app = createApp(api);
  const attempts = startLoop({
    name: "counted-attempts",
    everyMs: COUNTED_ATTEMPTS_EVERY_MS,
    pass: () => recordCounted(api),
    log,
  });
  const server = await openServer(app, {
    host: config.listen.address,
    port: config.listen.port,
    tls:
      tls === null
        ? null
        : { key: readFileSync(tls.keyFile, "utf8"), certificate: readFileSync(tls.certFile, "utf8") },
  });
  log.info({ url: publicUrl }, "the control plane serves");

  return {
    url: publicUrl,
    async stop() {
      link.endLogs();
      await server.close();
      await attempts.stop();
      await recordCounted(api, { all: true }).catch((error: unknown) =>
        log.warn({ error }, "the last attempts were counted, and could not be written to the audit log"),
      );
      await building;
      await loops.stop();
      await link.stop();
      await engines.stop();
    },
  };
}

/** The leader's loops. Each pass asks for the term; without it the pass is empty. */
function startLoops(
  { db }: Engines,
  parts: {
    calendar: { utcOffsetMinutes: number; closeDelayHours: number };
    link: FleetLink;
    now: () => Date;
    log: Log;
  },
): { wake(): void; stop(): Promise<void> } {
  const { calendar, link, now, log } = parts;
  const nudge = (host: HostId) => link.nudge(host);
  const leadership = new Leadership(db, `${process.pid}-${randomBytes(6).toString("hex")}`);
  const kept = keptForPasses(db);
  const hostLiveness = new HostLiveness({ db, now, hears: () => link.isConnected });
  const whileLeading = (pass: (pass: { term: number; now: Date }) => Promise<void>) => async () => {
    const term = leadership.term(now());
    if (term !== null) await pass({ term, now: now() });
  };

  const scheduling: Loop = startLoop({
    name: "scheduling",
    everyMs: SCHEDULING_POLL_MS,
    pass: whileLeading(async (pass) => {
      const report = await schedulePass({ db, newId, nudge, kept }, pass);
      if (report.again) scheduling.wake();
    }),
    log,
  });
  const lifecycle = startLoop({
    name: "lifecycle",
    everyMs: LIFECYCLE_POLL_MS,
    pass: whileLeading((pass) => lifecyclePass({ db, nudge }, pass)),
    log,
  });
  const workloads = startLoop({
    name: "workloads",
    everyMs: WORKLOADS_POLL_MS,
    pass: whileLeading(async (pass) => {
      if (await workloadsPass({ db, nudge, log }, pass)) scheduling.wake();
    }),
    log,
  });
  const liveness = startLoop({
    name: "host-liveness",
    everyMs: LIVENESS_POLL_MS,
    pass: whileLeading(async ({ term }) => {
      const changed = await hostLiveness.pass(term);
      if (changed.length > 0) scheduling.wake();
    }),
    log,
  });
  const charging = startLoop({
    name: "charging",
    everyMs: CHARGING_POLL_MS,
    pass: whileLeading(async (pass) => {
      for (const hour of await chargeDueHours({ db, calendar }, pass))
        for (const hostId of hour.hostIds) nudge(hostId as HostId);
    }),
    log,
  });
  const deliveries = new WebhookDeliveries({ db, now, log, wake: () => webhooks.wake() });
  const webhooks: Loop = startLoop({
    name: "webhooks",
    everyMs: WEBHOOKS_POLL_MS,
    pass: whileLeading((pass) => deliveries.pass(pass)),
    log,
  });
  const waits = startLoop({
    name: "placement-waits",
    everyMs: PLACEMENT_WAITS_POLL_MS,
    pass: whileLeading((pass) => placementWaitsPass({ db }, pass)),
    log,
  });
  const imageFetches = startLoop({
    name: "image-fetches",
    everyMs: IMAGE_FETCHES_POLL_MS,
    pass: whileLeading(async (pass) => {
      if (await imageFetchesPass({ db, newId, nudge, log }, pass)) scheduling.wake();
    }),
    log,
  });
  const strangers = startLoop({
    name: "gpu-strangers",
    everyMs: GPU_STRANGERS_POLL_MS,
    pass: whileLeading((pass) => gpuStrangersPass({ db }, pass)),
    log,
  });
  const brokenTime = startLoop({
    name: "broken-time",
    everyMs: BROKEN_TIME_POLL_MS,
    pass: whileLeading((pass) => brokenTimePass({ db }, pass)),
    log,
  });
  const streamAlarms = new StreamAlarms(db);
  const streamTrouble = startLoop({
    name: "journal-stream-alarms",
    everyMs: STREAM_ALARMS_POLL_MS,
    pass: whileLeading((pass) => streamAlarms.pass(link.stream, pass)),
    log,
  });
  const cutOffRules = startLoop({
    name: "cut-off-rules",
    everyMs: CUT_OFF_RULES_EVERY_MS,
    pass: whileLeading((pass) => cutOffRulesPass({ db, nudge }, pass)),
    log,
  });
  const led = [
    scheduling,
    workloads,
    lifecycle,
    liveness,
    charging,
    webhooks,
    waits,
    imageFetches,
    strangers,
    brokenTime,
    streamTrouble,
    cutOffRules,
  ];
  const leading = startLoop({
    name: "leadership",
    everyMs: RENEW_EVERY_MS,
    async pass() {
      const hasBegun = await leadership.renew(now());
      if (!hasBegun) return;
      log.info({ term: leadership.term(now()) }, "this control plane leads now");
      for (const loop of led) loop.wake();
    },
    log,
  });
  return {
    // What is overdue is found by its poll; here it would only compete with the placement that somebody waits for.
    wake() {
      workloads.wake();
      scheduling.wake();
    },
    async stop() {
      await leading.stop();
      for (const loop of led) await loop.stop();
      await deliveries.stop();
      await leadership
        .release()
        .catch((error: unknown) => log.warn({ error }, "another server leads once our lease has ended"));
    },
  };
}

function hostLink(link: FleetLink, wake: () => void): HostLink {
  return {
    nudge: (host) => link.nudge(host),
    wake,
    isConnected: () => link.isConnected,
    degraded: () => link.degraded(),
    exec: (host, request, signal) => link.exec(host, request, signal),
    openLogs: (host, query, reader) => link.openLogs(host, query, reader),
    revocationsChanged: () => link.revocationsChanged(),
  };
}

/** Where we have a CA of our own, curl checks the server's key and install.sh the CA's fingerprint. */
function joinCommand(publicUrl: string, token: string, tls: Engines["tls"]): string {
  const pin = tls === null ? "" : ` -k --pinnedpubkey 'sha256//${tls.publicKeySha256}'`;
  const fingerprint = tls === null ? "" : ` --ca-fingerprint ${tls.caSha256}`;
  return `curl -fsS${pin} ${publicUrl}/install.sh | sh -s -- --server ${publicUrl} --token ${token}${fingerprint}`;
}
