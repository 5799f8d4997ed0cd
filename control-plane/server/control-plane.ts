/**
 * One running control plane: the API, the loops and the link, tied together over the engines. Any number of these
 * may run on one database and one NATS; the loops work only in the one that leads.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { FILES_NAME, FILES_PORT } from "@remotegpu/shared/messages/files";
import { type HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { PaymentLog } from "./backup/payment-log.ts";
import { buildAgentBundle, type AgentBundle } from "./agent-bundle.ts";
import { commandFile } from "./command-file.ts";
import type { Config } from "./config.ts";
import { DashboardFiles } from "./dashboard-files.ts";
import { GpuHistory } from "./controllers/hosts/gpu-history.ts";
import { hostSync } from "./controllers/hosts/host-sync.ts";
import { recordMalformed } from "./controllers/ingest/ingest.ts";
import { ingestQueue } from "./controllers/ingest/ingest-queue.ts";
import { Leadership } from "./controllers/leadership.ts";
import { startLoops } from "./controllers/loop.ts";
import { SealingKeyReports } from "./controllers/sealing-key-reports.ts";
import { WebhookDeliveries } from "./controllers/webhooks.ts";
import { ServerCounters } from "./core/metrics/server-counters.ts";
import { succeed } from "./embedded/folder-holder.ts";
import { bracketed, renewNatsCa, startEngines, type Engines, type Tls } from "./engines.ts";
import { servedPackages } from "./installation/served-packages.ts";
import { FleetLink } from "./fleet-link.ts";
import { type GatewayProcess, startGateway } from "./gateway-process.ts";
import { replicaMetrics } from "../gateway/load-balancer/replica-metrics.ts";
import { TunnelError } from "../gateway/tunnel/tunnel.ts";
import { reasonOf } from "./core/reasons/plain-reason.ts";
import { createApp } from "./http/server/app.ts";
import type { ApiDeps, HostLink } from "./http/deps.ts";
import { noAttempts, recordCounted } from "./http/request/attempts.ts";
import { type ApiServer, openServer } from "./http/server/server.ts";
import { loops, WOKEN_BY_DELIVERY, WOKEN_BY_REPORTS } from "./loops.ts";
import { fileRequests, type OpenFiles } from "./link/files/file-requests.ts";
import { downloadLinks } from "./link/identity/download-links.ts";
import { hostIdentity } from "./link/identity/host-credential.ts";
import { verifySignature } from "./link/identity/signature.ts";
import { environmentHostKeys } from "./link/identity/environment-host-keys.ts";
import { environmentJupyterTokens } from "./link/identity/environment-jupyter-tokens.ts";
import { environmentTerminalKeys } from "./link/identity/environment-terminal-keys.ts";
import { jobRankKeys } from "./link/identity/job-rank-keys.ts";
import { envVarSeal } from "./link/identity/env-var-seal.ts";
import { passwordSeal } from "./link/identity/password-seal.ts";
import { webhookSeal } from "./link/identity/webhook-seal.ts";
import { openSignOn } from "./sign-on.ts";
import { operatorFile } from "./link/servers/operator.ts";
import { HostKeys } from "./store/hosts/host-keys.ts";
import { revokedKeys } from "./store/hosts/join-tokens.ts";
import { VERSION } from "./release/version.ts";

const INVOICE_CLOSE_DELAY_HOURS = 24;
const RATE_LIMITS = {
  perKey: { burst: 200, perSecond: 50 },
  perAddress: { burst: 400, perSecond: 100 },
  logins: { burst: 30, perSecond: 1 },
};

/** Of the machine and the folder; of what is longer the end. */
const MAX_SERVER_NAME = 256;

/** Nobody guesses it, and no two are the same. */
const newId = (prefix: string) => `${prefix}-${randomBytes(10).toString("hex")}`;

export interface ControlPlane {
  /** Where clients reach it. */
  url: string;
  /** Takes certificates as their files are now, without ending a connection; of one that cannot be used the one before stays. */
  renewCertificates(): Promise<void>;
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
  const { db, operator, nats, publicHost } = engines;
  let { tls } = engines;

  const now = () => new Date();
  const scheme = tls === null ? "http" : "https";
  const calendar = {
    utcOffsetMinutes: config.billingUtcOffsetMinutes,
    closeDelayHours: INVOICE_CLOSE_DELAY_HOURS,
  };
  const passwords = passwordSeal(operator);
  const envVars = envVarSeal(operator);
  const webhookSecrets = webhookSeal(operator);
  const hostKeys = environmentHostKeys(operator);
  const terminalKeys = environmentTerminalKeys(operator);
  const jupyterTokens = environmentJupyterTokens(operator);
  const rankKeys = jobRankKeys(operator);
  const holder = `${process.pid}-${randomBytes(6).toString("hex")}`;
  const leadership = new Leadership(db, { holder, former: succeed(config.stateDir, holder) });
  const attempts = noAttempts();
  const counters = new ServerCounters();
  const deliveries = new WebhookDeliveries({
    db,
    now,
    log,
    seal: webhookSecrets,
    onTried: (outcome) => counters.webhookTried(outcome),
    wake: () => running.wake(WOKEN_BY_DELIVERY),
  });
  const history = new GpuHistory({ db, now });
  const keyReports = new SealingKeyReports({
    db,
    now,
    keys: operator.sealingKeys,
    server: `${hostname()}:${operatorFile(config.stateDir)}`.slice(-MAX_SERVER_NAME),
    holder,
  });
  let gateway: GatewayProcess | null = null;
  const files = fileRequests((hostId) => openFiles(gateway, hostId));
  const pause = (ms: number) => setTimeout(ms);
  const running = startLoops(
    loops({
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
      seals: { envVars, passwords, webhooks: webhookSecrets },
      keyReports,
      files: config.gateway === null ? null : files,
      pause,
      counters,
    }),
    log,
  );
  // Undone where a later step fails: what runs on would keep a process that serves nobody.
  await using begun = new AsyncDisposableStack();
  begun.defer(() => running.stop());
  const wakeOwn = () => {
    running.wake(WOKEN_BY_REPORTS);
    gateway?.checkNow();
  };
  const wake = () => {
    wakeOwn();
    link.wakeOthers();
  };
  const keys = new HostKeys(db);
  const verify = async (host: HostId, text: string, signature: string) =>
    (await keys.ofHost(host)).some((nkey) => verifySignature(nkey, text, signature));
  const queue = ingestQueue({ db, verify, calendar }, now);
  await link.start({
    hosts: hostSync({
      db,
      now,
      log,
      passwords,
      envVars,
      hostKeys,
      terminalKeys,
      jupyterTokens,
      rankKeys,
      history,
      wake,
      nudge: (host) => link.nudge(host),
    }),
    journal: {
      async ingest(hostId, batch, sentAt) {
        const report = await queue.take({ hostId, batch, sentAt });
        counters.ingested(report.decided);
        if (report.quarantined > 0)
          log.error({ hostId, ...report }, "rows of a host's journal were set aside");
      },
      malformed: (host, reason) => recordMalformed(db, host, reason, now()),
    },
    woken: wakeOwn,
    readRevoked: () => revokedKeys(db),
  });

  // In the background: the API serves long before, and answers "not built yet" until then.
  let bundle: AgentBundle | null = null;
  const buildBundle = async () => {
    bundle = await buildAgentBundle(config.stateDir, tls?.ca ?? null, log);
  };
  const building = config.buildsBundle ? buildBundle() : Promise.resolve();
  const publicUrl = config.publicUrl ?? `${scheme}://${bracketed(publicHost)}:${config.listen.port}`;
  const dashboard = new DashboardFiles(config.stateDir, log);
  const closing = new AbortController();
  const payments = config.paymentLog === null ? null : new PaymentLog(config.paymentLog);
  begun.defer(async () => await payments?.close());
  const api: ApiDeps = {
    db,
    recordPayment: payments === null ? null : (payment) => payments.record(payment),
    now,
    newId,
    pause,
    link: hostLink(link, wake),
    identity: hostIdentity(operator, nats.forHosts),
    passwords,
    envVars,
    webhookSecrets,
    hostKeys,
    jupyterTokens,
    signOn: config.signOn === null ? null : openSignOn(config.signOn, { operator, log }),
    files,
    replicaMetrics: replicaMetrics(() => gateway?.tunnels ?? null),
    downloadLinks: downloadLinks(operator),
    attempts,
    metrics: { counters, isLeader: () => leadership.term(now()) !== null },
    closing: closing.signal,
    config: {
      version: VERSION,
      publicUrl,
      joinCommand: (token) => (config.buildsBundle ? joinCommand(publicUrl, token, tls) : null),
      bundle: () => bundle,
      commandFile: commandFile(log),
      packages: () => servedPackages(),
      dashboard: () => dashboard.served(),
      billingCalendar: calendar,
      rateLimits: RATE_LIMITS,
    },
    log,
  };
  const app = createApp(api);
  const server = await openServer(app, {
    host: config.listen.address,
    port: config.listen.port,
    tls: tls === null ? null : pairOf(tls),
  });
  begun.defer(() => server.close());
  // After the API, whose port is more than the gateway's where only one can have it.
  gateway =
    config.gateway === null
      ? null
      : await startGateway(config.gateway, {
          db,
          operator,
          publicHost,
          nudge: (host) => link.nudge(host),
          now,
          log,
          onOrder: wake,
          onAnswer: (status) => counters.gatewayAnswered(status),
        });
  begun.move();
  log.info({ url: publicUrl }, "the control plane serves");

  return {
    url: publicUrl,
    async renewCertificates() {
      gateway?.renewCertificate();
      renewNatsCa(config, nats.address, log);
      tls = await presentRenewed(tls, { engines, server, log });
    },
    async stop() {
      link.endLogs();
      closing.abort();
      await server.close();
      await gateway?.close();
      await Promise.all([building, dashboard.end()]);
      await running.stop();
      await recordCounted(api, { all: true }).catch((error: unknown) =>
        log.warn({ error }, "the last attempts were counted, and could not be written to the audit log"),
      );
      await deliveries.stop();
      await leadership
        .release()
        .catch((error: unknown) => log.warn({ error }, "another server leads once our lease has ended"));
      await keyReports
        .end()
        .catch((error: unknown) =>
          log.warn({ error }, "that this server has ended is seen a day later by sealing-key drop"),
        );
      await link.stop();
      await history
        .end()
        .catch((error: unknown) =>
          log.warn({ error }, "of the history of cards up to five minutes are lost"),
        );
      await engines.stop();
    },
  };
}

const pairOf = ({ keyFile, certFile }: Tls) => ({
  key: readFileSync(keyFile, "utf8"),
  certificate: readFileSync(certFile, "utf8"),
});

/** Has the API present the certificate of our own CA as it is now. Answers what it presents from then on. */
async function presentRenewed(
  tls: Tls | null,
  { engines, server, log }: { engines: Engines; server: ApiServer; log: Log },
): Promise<Tls | null> {
  try {
    const renewed = await engines.renewTls();
    if (renewed === null) return null;
    server.presentCertificate(pairOf(renewed));
    if (renewed.publicKeySha256 !== tls?.publicKeySha256)
      log.info({ file: renewed.certFile }, "the API presents its new certificate");
    return renewed;
  } catch (error) {
    log.error({ error }, "the API's certificate cannot be renewed; it goes on with the one before");
    return tls;
  }
}

/** @param gateway null where this server has none, or not yet: by it hosts are reached */
async function openFiles(gateway: GatewayProcess | null, hostId: HostId): ReturnType<OpenFiles> {
  if (gateway === null) return { isOpen: false, why: reasonOf("server-without-gateway") };
  const { tunnels } = gateway;
  try {
    const instanceId = InstanceId.parse(FILES_NAME);
    return { isOpen: true, stream: await tunnels.open({ hostId, instanceId, port: FILES_PORT }) };
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    const why = error.reason === "refused" ? reasonOf("files-process-missing") : error.why;
    return { isOpen: false, why };
  }
}

function hostLink(link: FleetLink, wake: () => void): HostLink {
  return {
    nudge: (host) => link.nudge(host),
    wake,
    isConnected: () => link.isConnected,
    degraded: () => link.degraded(),
    journalBacklog: () => link.journalBacklog(),
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
