/**
 * What the API is given by main: the database, the clock, a source of ids, and the few things it asks of hosts.
 * The interfaces are what the routes need, so that a test can pass its own clock and a link that goes nowhere.
 */
import type { Context } from "hono";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/messages/protocol";
import type { Log } from "@remotegpu/shared/log";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { AccessKeyClaim, CredentialGrant, JoinRequest } from "@remotegpu/shared/messages/joining";
import type { AttemptBound } from "../core/accounts/attempt-bound.ts";
import type { RateLimit, RateLimiter } from "../core/accounts/rate-limiter.ts";
import type { BillingCalendar } from "../core/billing/billing-calendar.ts";
import type { Degradation, JournalBacklog } from "../core/ingest/journal-stream.ts";
import type { KeyRights } from "../core/accounts/key-scopes.ts";
import type { DownloadLinks } from "../core/environments/download-links.ts";
import type { JupyterTokens } from "../core/environments/jupyter-tokens.ts";
import type { HostKeys } from "../core/environments/host-keys.ts";
import type { ReplicaMetrics } from "../core/inference/replica-metrics.ts";
import type { HostFiles } from "../core/hosts/host-files.ts";
import type { AnsweredRequests } from "../core/metrics/answered-requests.ts";
import type { ServerCounters } from "../core/metrics/server-counters.ts";
import type { PasswordSeal } from "../core/hosts/images/password-seal.ts";
import type { LoginRole } from "../core/sign-on/login-claims.ts";
import type { SignOn } from "../core/sign-on/sign-on.ts";
import type { EnvVarSeal } from "../core/secrets/env-var-seal.ts";
import type { WebhookSeal } from "../core/secrets/webhook-seal.ts";
import type { LogOpening, LogQuery, Reader } from "../core/workloads/log-stream.ts";
import type { BrowserSession } from "../store/accounts/browser-sessions.ts";
import type { AuditEntry } from "../store/audit/audit-log.ts";
import type { RequestAuditScope } from "../store/audit/request-audit-scope.ts";
import type { LoggedPayment } from "../store/billing/ledger/logged-payments.ts";
import type { Database } from "../store/database/database.ts";
import type { RequestedChange } from "./audited-routes.ts";
import type { ServedPackages } from "../installation/served-packages.ts";
import type { ServedDashboard } from "./served-dashboard.ts";
import type { KeyedRequest } from "../store/orders/idempotency.ts";

/** The way to the hosts. Nothing here decides anything: a lost nudge costs one heartbeat. */
export interface HostLink {
  /** Asks a host to pull its desired set now. Never fails and is never waited for. */
  nudge(hostId: HostId): void;
  /** Wakes the control plane's own loops (scheduling, lifecycle) after an order. */
  wake(): void;
  /** Whether this server has its way to NATS; without it no host can be reached. */
  isConnected(): boolean;
  /** What this server stands on and is away; it serves all the same. */
  degraded(): readonly Degradation[];
  /** What waits in the journal stream; null while NATS does not answer. */
  journalBacklog(): Promise<JournalBacklog | null>;
  /** Runs a short command in an instance until it ends or `signal` does; null when the host does not answer. */
  exec(hostId: HostId, request: ExecRequest, signal: AbortSignal): Promise<ExecReply | null>;
  /** Begins to read a run's output on its host. Never fails: what cannot be opened says why. */
  openLogs(hostId: HostId, query: LogQuery, reader: Reader): Promise<LogOpening>;
  /** The list of revoked keys has changed: makes NATS agree with it at once, closing their connections. */
  revocationsChanged(): Promise<void>;
}

/** What joining and renewal ask of the keeper of the hosts' credentials; main plugs the real one in. */
interface HostIdentity {
  /** True when the request was signed by the key it names, for the token it carries. */
  verifyJoinProof(request: JoinRequest): boolean;
  /** True when the host's key for its TLS port was signed by the key it joins or renews with. */
  verifyAccessKey(nkey: string, claim: AccessKeyClaim): boolean;
  /**
   * Signs a credential for exactly this host's subjects; the same claim gives the same rights and expiry. With a key
   * that was verified comes its certificate.
   */
  mint(claim: {
    hostId: HostId;
    nkey: string;
    accessKey: string | null;
    now: Date;
  }): Promise<CredentialGrant>;
  /** A challenge for this host and key that is good for a short while; nothing needs to be stored. */
  makeChallenge(claim: { hostId: string; nkey: string; now: Date }): string;
  /** True when the challenge is ours, fresh, for this host and key, and the signature answers it. */
  verifyRenewal(claim: {
    hostId: string;
    nkey: string;
    challenge: string;
    signature: string;
    now: Date;
  }): boolean;
}

export interface ApiConfig {
  version: string;
  /** The address clients reach us at, without a trailing slash: it stands in install.sh and in printed commands. */
  publicUrl: string;
  /**
   * The line to run on a host that is to join with this token; it pins our CA where we have one. Null where no agent
   * is handed out.
   */
  joinCommand: (token: string) => string | null;
  /** The agent's bundle, served below /bundles and as /install.sh; null while there is none. */
  bundle: () => { folder: string; installScript: string } | null;
  /** The remotegpu command as one file, with its SHA-256 in hex; null where it cannot be made. */
  commandFile: () => Promise<{ text: string; hash: string } | null>;
  /** The Debian packages that are handed out; null where there are none. */
  packages: () => Promise<ServedPackages | null>;
  /** What is shown under /; asking for the first time has it built. */
  dashboard: () => ServedDashboard;
  billingCalendar: BillingCalendar;
  /** `logins`: of an address by single sign-on, each of which has the identity provider asked something. */
  rateLimits: { perKey: RateLimit; perAddress: RateLimit; logins: RateLimit };
}

/** Whose attempts are counted: an account, whichever of its keys it used. */
export type ActingAccount = Pick<AuditEntry, "actorRole"> & { actorCustomerId: number };

/** What is counted together: what was done and changed nothing is no refusal. */
export type CountedAttempts = Record<"done" | "refused", AttemptBound<ActingAccount>>;

/** What metrics show of this process beside its requests. */
interface ProcessMetrics {
  readonly counters: ServerCounters;
  isLeader(): boolean;
}

export interface ApiDeps {
  db: Database;
  /** Keeps a payment outside of the database, on disk when it resolves; null where nothing is kept there. */
  recordPayment: ((payment: LoggedPayment) => Promise<void>) | null;
  now: () => Date;
  /** A fresh opaque id: `newId("env")` → "env-…", safe wherever shared/ids.ts says so. */
  newId: (prefix: string) => string;
  /** Resolves after so many milliseconds. */
  pause: (ms: number) => Promise<void>;
  link: HostLink;
  /** The files of storage pools, by their hosts. */
  files: HostFiles;
  replicaMetrics: ReplicaMetrics;
  downloadLinks: DownloadLinks;
  identity: HostIdentity;
  /** The seal of registries' passwords. */
  passwords: PasswordSeal;
  envVars: EnvVarSeal;
  webhookSecrets: WebhookSeal;
  /** The host keys of environments. */
  hostKeys: HostKeys;
  jupyterTokens: JupyterTokens;
  /** Null where no identity provider is set. */
  signOn: SignOn | null;
  /** Aborted when this server is to end: answers that last are ended in order. */
  closing: AbortSignal;
  /** What was asked for and only counted so far. */
  attempts: CountedAttempts;
  metrics: ProcessMetrics;
  config: ApiConfig;
  log: Log;
}

/** Who is asking, as the bearer key says. */
export interface Actor {
  apiKeyId: number;
  customerId: number;
  customerUuid: string;
  username: string;
  isAdmin: boolean;
  /** What this key opens of what the account may do. */
  keyRights: KeyRights;
  /** Null for a key without an end. */
  keyExpiresAt: Date | null;
  /** By whose login the key was made; null: by none. */
  identityId: number | null;
  /** What that login's claims say in place of the account's type; null: nothing. */
  loginRole: LoginRole | null;
}

export interface ApiEnv {
  Variables: {
    deps: ApiDeps;
    /** Of the request: what is written for several requests at once is written in a trace of its own. */
    traceId: string;
    answered: AnsweredRequests;
    limiters: { keys: RateLimiter; addresses: RateLimiter; logins: RateLimiter };
    actor: Actor;
    /** The hash of the key that was sent, whether it opens anything or not. */
    keyHash: string | undefined;
    /** The key or the session's token by which the request is known. */
    secret: string | undefined;
    /** Where a browser asks by its session. */
    session: BrowserSession | undefined;
    /** Every route that changes something, as "PATCH /api/v1/environments/{id}". */
    changes: ReadonlyMap<string, RequestedChange>;
    /** Set by routes where an admin acts on what belongs to others; written to the audit log. */
    auditSubject: string | undefined;
    /** True where the handler has written to the audit log what is to be there; of a poll that changed nothing it is nothing. */
    isRecorded: true | undefined;
    /** At an address of no page, where the dashboard's page says so. */
    isPage: true | undefined;
    /** The id of a request that may change something, like its audit scope. */
    requestId: string;
    requestAuditScope: RequestAuditScope | undefined;
    /**
     * The request of a POST with an Idempotency-Key that was not answered yet, where the handler itself stores the
     * answer.
     */
    keyedRequest: KeyedRequest | undefined;
    /** True once it was done in one transaction with its answer, or handed to who does that. */
    isCarriedOut: true | undefined;
    /** While it is true, a refusal or a failure does not mean that nothing was done beyond the database. */
    mayBeDone: boolean | undefined;
  };
}

export type ApiApp = OpenAPIHono<ApiEnv>;
export type ApiContext = Context<ApiEnv>;
