/** The real API on a fresh database, asked in-process; hosts are out of reach, and what they were asked is kept. */
import { reasonOf } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BodyOf, Untyped } from "./answer-body.ts";
import { addressOf, type ApiRequest } from "@remotegpu/control-plane/client/api-request";
import {
  acceptInvitation,
  createCustomer,
  createCustomerApiKey,
  createWorkspaceMember,
  getMe,
} from "@remotegpu/control-plane/client/generated/api";
import type {
  NewApiKey,
  NewCustomerUserType,
  NewInvitationRole,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { createFirstAdminKey } from "@remotegpu/control-plane/server/http/server/admin-key";
import { ServerCounters } from "@remotegpu/control-plane/server/core/metrics/server-counters";
import { noAttempts } from "@remotegpu/control-plane/server/http/request/attempts";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import type { ApiApp, ApiConfig, ApiDeps } from "@remotegpu/control-plane/server/http/deps";
import { expect } from "vitest";
import { downloadLinks } from "@remotegpu/control-plane/server/link/identity/download-links";
import { hostIdentity } from "@remotegpu/control-plane/server/link/identity/host-credential";
import { environmentHostKeys } from "@remotegpu/control-plane/server/link/identity/environment-host-keys";
import { environmentTerminalKeys } from "@remotegpu/control-plane/server/link/identity/environment-terminal-keys";
import { jobRankKeys } from "@remotegpu/control-plane/server/link/identity/job-rank-keys";
import type { RankKeyring } from "@remotegpu/control-plane/server/core/training/launch/rank-keys";
import { envVarSeal } from "@remotegpu/control-plane/server/link/identity/env-var-seal";
import { webhookSeal } from "@remotegpu/control-plane/server/link/identity/webhook-seal";
import { environmentJupyterTokens } from "@remotegpu/control-plane/server/link/identity/environment-jupyter-tokens";
import { passwordSeal } from "@remotegpu/control-plane/server/link/identity/password-seal";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import type { Operator } from "@remotegpu/control-plane/server/link/servers/operator";
import { openTestOperator } from "../engines/operator-keys.ts";
import { type FreshDatabase, freshDatabase } from "../engines/postgres.ts";
import { quietLog } from "../quiet-log.ts";

/** Somebody with a key. */
export interface Caller {
  key: string;
  customerId: number;
}

export interface Answer<Body = Untyped> {
  status: number;
  body: Body;
  headers: Headers;
  contentType: string | null;
}

export interface RequestOptions {
  as?: Caller | undefined;
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface ApiWorld {
  app: ApiApp;
  deps: ApiDeps;
  terminalKeys: ReturnType<typeof environmentTerminalKeys>;
  rankKeys: RankKeyring;
  /** The operator file whose keys the API seals and signs with, and the folder in which it lies. */
  operator: Operator;
  stateDir: string;
  /** The owner's; the API itself works in the application's role. */
  db: Database;
  admin: Caller;
  /** Ids of hosts that were nudged, in order. */
  nudged: string[];
  /** Moves the API's clock. */
  passMinutes(minutes: number): void;
  /** From here on nothing else moves it. */
  stopClock(): void;
  /** As when its server is to end. */
  endStreams(): void;
  /** What happens whenever the API waits for a host; no time passes by itself. */
  meanwhile(work: () => Promise<void> | void): void;
  request<Verb extends string, Path extends string>(
    method: Verb,
    path: Path,
    options?: RequestOptions,
  ): Promise<Answer<BodyOf<Verb, Path>>>;
  /** What a request that is typed is answered. @throws where it is refused */
  send<Answer>(request: ApiRequest<Answer>, as: Caller): Promise<Answer>;
  customer(
    username: string,
    userType?: NewCustomerUserType,
  ): Promise<Caller & { workspaceId: number; uuid: string }>;
  /** Invited by the one and accepted by the other. */
  join(workspaceId: number, owner: Caller, member: Caller, role?: NewInvitationRole): Promise<void>;
  /** Another key of the administrator, or of a customer, with these fields of the API. */
  key(owner: Caller, fields: NewApiKey): Promise<Caller>;
  close(): Promise<void>;
}

/** On a database of its own, which `close` drops; or on one that is handed over for that. */
export async function openApi(config: Partial<ApiConfig> = {}, database?: FreshDatabase): Promise<ApiWorld> {
  const fresh = database ?? (await freshDatabase());
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-api-"));
  const operator = await openTestOperator(join(folder, "operator.json"));
  const closing = new AbortController();
  let minutes = 0;
  let stoodAtMs: number | null = null;
  const nudged: string[] = [];
  let fault: object | undefined;
  let whilePaused: () => Promise<void> | void = () => undefined;
  const deps: ApiDeps = {
    db: fresh.application,
    recordPayment: null,
    now: () => new Date((stoodAtMs ?? Date.now()) + minutes * 60_000),
    newId: (prefix) => `${prefix}-${randomUUID()}`,
    pause: async () => await whilePaused(),
    link: {
      nudge: (hostId) => void nudged.push(hostId),
      wake: () => undefined,
      isConnected: () => true,
      degraded: () => [],
      journalBacklog: () => Promise.resolve({ pending: 0, unacknowledged: 0, followers: [] }),
      exec: () => Promise.resolve(null),
      openLogs: () =>
        Promise.resolve({
          opened: false,
          reason: "unreachable",
          why: asReported("there is no host in this test"),
        }),
      revocationsChanged: () => Promise.resolve(),
    },
    files: { request: () => Promise.resolve({ isReached: false, why: reasonOf("server-without-gateway") }) },
    replicaMetrics: {
      request: () => Promise.resolve({ kind: "away", why: "There is no host in this test." }),
    },
    downloadLinks: downloadLinks(operator),
    identity: hostIdentity(operator, { natsUrls: ["nats://127.0.0.1:4222"], ca: null }),
    passwords: passwordSeal(operator),
    envVars: envVarSeal(operator),
    webhookSecrets: webhookSeal(operator),
    jupyterTokens: environmentJupyterTokens(operator),
    hostKeys: environmentHostKeys(operator),
    signOn: null,
    attempts: noAttempts(),
    metrics: { counters: new ServerCounters(), isLeader: () => true },
    closing: closing.signal,
    config: {
      version: "0.0.0-test",
      publicUrl: "http://127.0.0.1:8080",
      joinCommand: (token) => `join ${token}`,
      bundle: () => null,
      commandFile: () => Promise.resolve(null),
      packages: () => Promise.resolve(null),
      dashboard: () => ({ state: "missing" }),
      billingCalendar: { utcOffsetMinutes: 480, closeDelayHours: 24 },
      rateLimits: {
        perKey: { burst: 1e6, perSecond: 1e6 },
        perAddress: { burst: 1e6, perSecond: 1e6 },
        logins: { burst: 1e6, perSecond: 1e6 },
      },
      ...config,
    },
    log: { ...quietLog, error: (fields) => void (fault = fields) },
  };
  const app = createApp(deps);
  const admin = await createFirstAdminKey(deps.db, deps.now());

  const request = async <Verb extends string, Path extends string>(
    method: Verb,
    path: Path,
    { as, body, headers = {} }: RequestOptions = {},
  ): Promise<Answer<BodyOf<Verb, Path>>> => {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const response = await app.request(path, {
      method,
      headers: {
        ...(as !== undefined && { Authorization: `Bearer ${as.key}` }),
        ...(text !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(text !== undefined && { body: text }),
    });
    const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream") ?? false;
    if (isStream) await response.body?.cancel();
    const answer = isStream ? "" : await response.text();
    // Whatever was asked: an answer of 500 is a bug of ours, and its cause is what the reader of a failed test wants.
    if (response.status === 500) throw new Error(`${method} ${path} failed`, { cause: fault });
    const contentType = response.headers.get("Content-Type");
    const isJson = contentType?.includes("json") ?? false;
    return {
      status: response.status,
      body: isJson ? JSON.parse(answer) : answer,
      headers: response.headers,
      contentType,
    };
  };

  const send = async <Answer>(wanted: ApiRequest<Answer>, as: Caller): Promise<Answer> => {
    const { method, body } = wanted;
    const { status, body: answer } = await request(method, addressOf(wanted), { as, body });
    if (status >= 400)
      throw new Error(`${method} ${addressOf(wanted)} is refused: ${JSON.stringify(answer)}`);
    return answer;
  };

  return {
    app,
    deps,
    operator,
    stateDir: folder,
    terminalKeys: environmentTerminalKeys(operator),
    rankKeys: jobRankKeys(operator),
    db: fresh.database,
    admin,
    nudged,
    passMinutes: (more) => void (minutes += more),
    stopClock: () => void (stoodAtMs = Date.now()),
    endStreams: () => closing.abort(),
    meanwhile: (work) => void (whilePaused = work),
    request,
    send,
    async customer(username, userType = "external") {
      const order = { username, email: `${username}@example.com`, user_type: userType };
      const { id, uuid, personal_workspace_id: workspaceId } = await send(createCustomer(order), admin);
      assert(workspaceId !== null, "a customer has a workspace of their own");
      const { key } = await send(createCustomerApiKey(id, {}), admin);
      return { key, customerId: id, workspaceId, uuid };
    },
    async join(workspaceId, owner, member, role = "member") {
      const { username } = await send(getMe(), member);
      const { id } = await send(createWorkspaceMember(workspaceId, { username, role }), owner);
      expect(await send(acceptInvitation(id), member)).toMatchObject({ role, status: "active" });
    },
    async key({ customerId }, fields) {
      const { key } = await send(createCustomerApiKey(customerId, fields), admin);
      return { key, customerId };
    },
    async close() {
      await fresh.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What an answer must match that is a problem document of this status. */
export function problem(status: number): object {
  return {
    status,
    contentType: "application/problem+json",
    body: {
      type: expect.any(String),
      title: expect.any(String),
      status,
      detail: expect.any(String),
    },
  };
}
