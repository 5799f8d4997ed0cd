/**
 * Finds out which way this gateway goes to each host, and writes it down: looks whether hosts answer, rarely where they
 * do and ever more rarely where they do not, and sees who has dialled in. A host that has to dial in from now on, or need
 * not any more, is nudged. What it decides by is core/gateway/route.ts.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import {
  type ProbeResult,
  afterProbe,
  type RouteProbes,
  NO_PROBES,
  type Route,
  routeTo,
} from "../../server/core/gateway/route.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import type { Reason } from "../../server/core/reasons/reason.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import {
  endRoutes,
  endRoutesOfTheDead,
  hostsToReach,
  shutOut,
  type HostToReach,
  writeRoute,
} from "../../server/store/gateway/gateway-routes.ts";
import type { DirectRoute } from "./direct-route.ts";
import type { ReversedHosts } from "./reversed-hosts.ts";
import { TunnelError } from "./tunnel.ts";

const PASS_EVERY_MS = 2_000;
const CLEAN_EVERY_MS = 20_000;
/** Without a pass for so long we may be the one that seems dead. */
const AWAKE_MS = 10_000;
const MAX_CONCURRENT_CHECKS = 32;

export interface RoutesLoopDeps {
  db: Database;
  gatewayId: string;
  direct: DirectRoute;
  reversed: ReversedHosts;
  /** "Pull now." */
  nudge: (hostId: HostId) => void;
  now: () => Date;
  log: Log;
}

export class RoutesLoop {
  readonly #deps: RoutesLoopDeps;
  readonly #probes = new Map<HostId, RouteProbes>();
  readonly #checking = new Map<HostId, Promise<void>>();
  readonly #routes = new Map<HostId, Route>();
  /** Where each could be dialled when it was last read. */
  readonly #dialled = new Map<HostId, string>();
  readonly #ending = new AbortController();
  #wake = Promise.withResolvers<void>();
  #running: Promise<void> | null = null;
  #cleanedMs = performance.now();
  #passedMs = performance.now();

  constructor(deps: RoutesLoopDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Takes what it has written away: this gateway is none any more. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#wake.resolve();
    await this.#running;
    await Promise.all(this.#checking.values());
    await this.#orLater(async () => this.#nudge(await endRoutes(this.#deps.db, this.#deps.gatewayId)));
  }

  /** The last that was written; null: nothing was found out yet. */
  routeTo(hostId: HostId): Route | null {
    return this.#routes.get(hostId) ?? null;
  }

  /** Looks at it soon, since a stream could not be opened; or since it dialled in or was lost. */
  suspect(hostId: HostId): void {
    const probes = this.#probes.get(hostId);
    if (probes?.answersSinceMs !== undefined && probes.answersSinceMs !== null)
      this.#probes.set(hostId, { ...probes, dueMs: 0 });
    this.wake();
  }

  wake(): void {
    this.#wake.resolve();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers();
      await this.#orLater(() => this.#pass());
      await Promise.race([
        delay(PASS_EVERY_MS, undefined, { signal }).catch(() => undefined),
        this.#wake.promise,
      ]);
    }
  }

  async #pass(): Promise<void> {
    const { db, gatewayId, reversed, now } = this.#deps;
    const hosts = await hostsToReach(db, gatewayId);
    for (const hostId of await shutOut(db, reversed.hosts)) reversed.end(hostId);
    const nowMs = performance.now();
    const isAwake = nowMs - this.#passedMs < AWAKE_MS;
    this.#passedMs = nowMs;
    this.#forgetAllBut(hosts);
    for (const host of hosts) {
      if (host.route !== null) this.#routes.set(host.id, host.route);
      this.#checkIfMoved(host);
      const isDue = (this.#probes.get(host.id) ?? NO_PROBES).dueMs <= nowMs;
      if (isDue && !this.#checking.has(host.id) && this.#checking.size < MAX_CONCURRENT_CHECKS)
        this.#checking.set(
          host.id,
          this.#check(host).finally(() => this.#checking.delete(host.id)),
        );
      else await this.#settle(host);
    }
    if (!isAwake || nowMs - this.#cleanedMs < CLEAN_EVERY_MS) return;
    this.#cleanedMs = nowMs;
    this.#nudge(await endRoutesOfTheDead(db, now()));
  }

  async #check(host: HostToReach): Promise<void> {
    const probe = await this.#probe(host);
    const before = this.#probes.get(host.id) ?? NO_PROBES;
    this.#probes.set(host.id, afterProbe(before, probe, { nowMs: performance.now(), chance: Math.random() }));
    await this.#orLater(() => this.#settle(host));
  }

  async #probe(host: HostToReach): Promise<ProbeResult> {
    try {
      await this.#deps.direct.probe(host.id, host);
      return { answers: true };
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return { answers: false, reason: error.why };
    }
  }

  async #settle(host: HostToReach): Promise<void> {
    const { db, gatewayId, reversed, now } = this.#deps;
    if (this.#ending.signal.aborted) return;
    const probes = this.#probes.get(host.id) ?? NO_PROBES;
    const at = { hasDialled: reversed.has(host.id), nowMs: performance.now() };
    const found = routeTo(host.route, probes, at);
    if (found === null || (found.route === host.route && isSame(found.detail, host.detail))) return;
    const { isWritten, isChange } = await writeRoute(db, {
      gatewayId,
      hostId: host.id,
      ...found,
      now: now(),
    });
    if (!isWritten) return;
    host.route = found.route;
    host.detail = found.detail;
    this.#routes.set(host.id, found.route);
    if (isChange) this.#nudge([host.id]);
  }

  /** What was found out of other addresses, or of none that was confirmed, says nothing of these. */
  #checkIfMoved({ id, addresses }: HostToReach): void {
    const now = addresses.join(" ");
    const before = this.#dialled.get(id);
    this.#dialled.set(id, now);
    if (before !== undefined && before !== now) this.#probes.delete(id);
  }

  #forgetAllBut(hosts: readonly HostToReach[]): void {
    const known = new Set(hosts.map(({ id }) => id));
    for (const id of this.#probes.keys()) if (!known.has(id)) this.#probes.delete(id);
    for (const id of this.#routes.keys()) if (!known.has(id)) this.#routes.delete(id);
    for (const id of this.#dialled.keys()) if (!known.has(id)) this.#dialled.delete(id);
  }

  #nudge(hostIds: readonly HostId[]): void {
    for (const hostId of hostIds) this.#deps.nudge(hostId);
  }

  /** Postgres may be away; the next pass does it. */
  async #orLater(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#deps.log.warn({ error }, "routes to hosts could not be written; retrying");
    }
  }
}

function isSame(found: Reason | null, written: Reason | null): boolean {
  return found?.code === written?.code && (found && inEnglish(found)) === (written && inEnglish(written));
}
