/**
 * The control plane's side of what hosts ask: heartbeats, their desired set, reports of their observed state,
 * credentials of registries, the code of jobs. Any replica serves any host; everything that matters is in Postgres when an answer leaves.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { FEATURE_NAMES } from "@remotegpu/shared/instance/features";
import {
  type Heartbeat,
  type HeartbeatReply,
  PROTOCOL,
  type Refusal,
} from "@remotegpu/shared/messages/protocol";
import type { HostKeys } from "../../core/environments/host-keys.ts";
import type { JupyterTokens } from "../../core/environments/jupyter-tokens.ts";
import type { TerminalKeys } from "../../core/environments/terminal-keys.ts";
import type { RankKeyring } from "../../core/training/launch/rank-keys.ts";
import type { EnvVarSeal } from "../../core/secrets/env-var-seal.ts";
import type { PasswordSeal } from "../../core/hosts/images/password-seal.ts";
import type { DesiredSet, HostHandlers } from "../../link/hosts/host-requests.ts";
import type { WholeReport } from "../../link/hosts/report-assembly.ts";
import { raiseAlarmOnce } from "../../store/events/alarms.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { desiredSetOf } from "../../store/reports/desired/desired-sets.ts";
import { mergeObserved } from "../../store/reports/observed.ts";
import { answerCode } from "./code-parts.ts";
import type { GpuHistory } from "./gpu-history.ts";
import { type HeartbeatQueue, heartbeatQueue } from "./heartbeat-queue.ts";
import { answerLogin } from "./registry-logins.ts";
import { answerStorage } from "../billing/storage-sampling.ts";
import type { Reason } from "../../core/reasons/reason.ts";

export interface HostSyncDeps {
  db: Database;
  now: () => Date;
  log: Log;
  /** The seal of registries' passwords. */
  passwords: PasswordSeal;
  envVars: EnvVarSeal;
  /** The host keys of environments. */
  hostKeys: HostKeys;
  terminalKeys: TerminalKeys;
  jupyterTokens: JupyterTokens;
  rankKeys: RankKeyring;
  history: Pick<GpuHistory, "note">;
  /** Wakes the loops: capacity may have come or gone. */
  wake: () => void;
  /** "Pull now." */
  nudge: (host: HostId) => void;
}

const refused = (reason: string): Refusal => ({ kind: "refused", reason });

export function hostSync(deps: HostSyncDeps): HostHandlers {
  const queue = heartbeatQueue(deps);
  return {
    heartbeat: (host, heartbeat) => heartbeatOf(deps, queue, host, heartbeat),
    desiredSet: (host) => desiredSet(deps, host),
    observed: (host, report) => observed(deps, host, report),
    storage: (host, request) => answerStorage(deps, host, request),
    code: (host, question) => answerCode(deps, host, question),
    login: (host, question) => answerLogin(deps, host, question),
    floods: (host) => floods(deps, host),
  };
}

async function heartbeatOf(
  deps: HostSyncDeps,
  queue: HeartbeatQueue,
  hostId: HostId,
  heartbeat: Heartbeat,
): Promise<HeartbeatReply | Refusal> {
  const outcome = await queue.take({ hostId, heartbeat });
  if (!outcome.accepted) return refused(outcome.reason);
  deps.history.note(hostId, heartbeat);
  const { answer, restored, wasConnected } = outcome;
  if (restored)
    deps.log.warn(
      { host: hostId, ...answer },
      "this host knows higher numbers than the database, which was restored",
    );
  if (!wasConnected) deps.wake();
  return {
    kind: "heartbeat-reply",
    term: answer.term,
    targetGeneration: answer.generation,
    watermark: answer.watermark,
    observedDigest: answer.observedDigest,
    dbIncarnation: answer.dbIncarnation,
    time: deps.now().toISOString(),
    ...(answer.liftCordons.length > 0 && { liftCordons: answer.liftCordons }),
    protocol: PROTOCOL,
    features: [...FEATURE_NAMES],
    ...(answer.release !== null && { release: answer.release }),
  };
}

async function desiredSet(deps: HostSyncDeps, hostId: HostId): Promise<DesiredSet | Refusal> {
  const outcome = await desiredSetOf(deps.db, hostId, {
    now: deps.now(),
    opensKeys: deps.passwords.opensKeys,
    envVars: deps.envVars,
    unopened: (instance) =>
      deps.log.error(
        { host: hostId, instance },
        "values of an instance's variables do not open: operator.json lacks the key that sealed them; it is not sent to its host",
      ),
    hostKeys: deps.hostKeys,
    terminalKeys: deps.terminalKeys,
    jupyterTokens: deps.jupyterTokens,
    rankKeys: deps.rankKeys,
  });
  if (outcome.served) return outcome.desired;
  switch (outcome.reason) {
    case "unknown-host":
      return refused("this host is not known here, or was revoked");
    case "beat-first":
      return refused("a heartbeat of this host has to be accepted first");
    case "report-first":
      return refused("the observed state of this host has to be reported first");
    case "restore-held":
      return refused(
        "the database was restored, and nothing is started or stopped until an administrator resumes",
      );
  }
}

async function floods({ db, now }: HostSyncDeps, hostId: HostId): Promise<void> {
  const reason: Reason = { code: "host-requests-too-many", params: { host_id: hostId } };
  await transaction(db, (sql) =>
    raiseAlarmOnce(sql, { kind: "host-floods", subject: hostId, reason, now: now() }),
  );
}

async function observed(
  deps: HostSyncDeps,
  hostId: HostId,
  report: WholeReport,
): Promise<Refusal | undefined> {
  const outcome = await mergeObserved(deps.db, { hostId, observed: report, now: deps.now() });
  if (!outcome.merged) return refused(outcome.reason);
  if (outcome.changed) deps.wake();
  if (outcome.ordersChanged) deps.nudge(hostId);
  return undefined;
}
