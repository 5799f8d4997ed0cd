/**
 * One gateway: its port, its entrance, its proxy and the loop that asks for rights again, put together. Several may run on
 * one database. The tunnels to hosts are given to it.
 */
import type { Log } from "@remotegpu/shared/log";
import { ResponseRateLimiter, type DelayedRate } from "../server/core/gateway/response-rate.ts";
import type { WebBase } from "../server/core/gateway/origin.ts";
import type { JupyterTokens } from "../server/core/environments/jupyter-tokens.ts";
import type { Database } from "../server/store/database/database.ts";
import { Entrance } from "./entry/entrance.ts";
import { EntryCookies } from "./entry/entry-cookies.ts";
import { OpenVisits } from "./entry/open-visits.ts";
import { Rights } from "./entry/rights.ts";
import { PresentedEntries } from "./entry/presented-credential.ts";
import { Waker } from "./entry/waker.ts";
import { Router, type RouterParts } from "./router/router.ts";
import { Listener, type ListenOptions } from "./router/listener.ts";
import { type GatewayLimits, GATEWAY_LIMITS, Load, SERVICE_LIMITS } from "./router/load.ts";
import { CHECK_EVERY_MS, SlowBodies } from "./router/slow-bodies.ts";
import { ReverseProxy } from "./proxy/reverse-proxy.ts";
import { Forwarder } from "./proxy/forward.ts";
import { JupyterLogin } from "./proxy/jupyter-login.ts";
import { Callers } from "./load-balancer/callers.ts";
import { KeyGate } from "./load-balancer/key-gate.ts";
import { Reporting } from "./load-balancer/reporting.ts";
import { ServiceProxy } from "./load-balancer/service-proxy.ts";
import { LoadBalancerQueues } from "./load-balancer/load-balancer-queues.ts";
import { ServiceWaker } from "./load-balancer/service-waker.ts";
import { Traffic } from "./load-balancer/traffic.ts";
import { newGatewayId } from "./registration.ts";
import type { Tunnels } from "./tunnel/tunnel.ts";

/** The rate for one address, and for the answers of one container or one service. */
const BROKEN: DelayedRate = { burst: 50, perSecond: 20, longestMs: 5_000 };

export interface GatewayDeps {
  /**
   * The id of its row among the gateways, by which others learn what it has open. Without one they learn nothing of
   * that.
   */
  id?: string;
  db: Database;
  now: () => Date;
  /** A clock that is never set: how long where services stand is known. */
  nowMs?: () => number;
  log: Log;
  /** The fleet's own secret, from which the key of cookies follows. */
  operatorSeed: Uint8Array;
  jupyterTokens: JupyterTokens;
  tunnels: Tunnels;
  /** A request or an upgrade was answered with this status. */
  onAnswer?: (status: number) => void;
  /** Something was ordered by whoever came in. */
  onOrder?: () => void;
  base: WebBase | null;
  /** Below which inference services have names of their own. */
  serviceDomain?: WebBase | null;
  listen: Pick<ListenOptions, "address" | "port" | "certificate">;
  /** So long have answers under way to end when the gateway does. */
  stopWithinMs: number;
  handlers?: RouterParts["handlers"];
  limits?: GatewayLimits;
  /** Between looks at bodies that do not come. */
  bodyCheckMs?: number;
  /** The rate of answers to what is broken. */
  broken?: DelayedRate;
}

export interface Gateway {
  port: number;
  /** As it was ordered: reads the certificate's files again, if they changed. */
  renewCertificate(): void;
  /** Something has changed in the fleet: requests may wait for it. */
  checkNow(): void;
  close(): Promise<void>;
}

/** @throws GatewayListenError */
export async function openGateway(deps: GatewayDeps): Promise<Gateway> {
  const { db, now, log, base, listen, limits = GATEWAY_LIMITS, broken = BROKEN } = deps;
  const scheme = base?.scheme ?? "https";
  const cookies = new EntryCookies(deps.operatorSeed, scheme);
  const rights = new Rights({ db, now });
  const visits = new OpenVisits({ rights, log });
  const entrance = new Entrance({ db, now, log, cookies, scheme });
  const jupyter = new JupyterLogin({ db, now, tokens: deps.jupyterTokens });
  const reverseProxy = new ReverseProxy(deps.tunnels);
  const garbage = new ResponseRateLimiter(broken);
  const forwarder = new Forwarder({
    reverseProxy,
    headersFor: (visit) => jupyter.headersFor(visit),
    garbage,
  });
  const slowBodies = new SlowBodies();
  const heldBack = new ResponseRateLimiter(broken);
  const reporting = deps.id === undefined ? null : new Reporting({ db, id: deps.id, log });
  const onOrder = deps.onOrder ?? (() => undefined);
  const serviceWaker = new ServiceWaker({ db, now, log, onWoken: onOrder });
  const lines = new LoadBalancerQueues({
    db,
    now,
    log,
    ...(deps.nowMs !== undefined && { nowMs: deps.nowMs }),
    wake: (id) => serviceWaker.wake(id),
    report: async (report) => await reporting?.report(report),
  });
  const callers = new Callers({ db, now, log });
  const traffic = new Traffic({ gateway: deps.id ?? newGatewayId(), db, now, log });
  const keyGate = new KeyGate({ db, now, log, flush: () => traffic.flush() });
  const door = new Router({
    base,
    serviceDomain: deps.serviceDomain ?? null,
    services: new ServiceProxy({
      lines,
      callers,
      reverseProxy,
      traffic,
      keyGate,
      garbage,
      slowBodies,
    }),
    serviceLoad: new Load(SERVICE_LIMITS),
    isBehindProxy: listen.certificate === null,
    entrance,
    presented: new PresentedEntries({ db, now, cookies }),
    rights,
    waker: new Waker({
      db,
      now,
      log,
      rights,
      tunnels: deps.tunnels,
      onWoken: onOrder,
    }),
    visits,
    forwarder,
    handlers: deps.handlers ?? {},
    load: new Load(limits),
    heldBack,
    slowBodies,
    now,
    log,
  });
  const listener = await Listener.open(
    {
      request: (request, response) => door.request(request, response),
      upgrade: (request, socket, head) => door.upgrade(request, socket, head),
    },
    {
      ...listen,
      maxConnections: limits.connections,
      onAnswer: deps.onAnswer,
      waitMs: (address) => heldBack.waitMs(address, performance.now()),
    },
    log,
  );
  visits.start();
  callers.start();
  lines.start();
  traffic.start();
  keyGate.start();
  slowBodies.start(deps.bodyCheckMs ?? CHECK_EVERY_MS);
  return {
    port: listener.port,
    renewCertificate: () => listener.renewCertificate({ isOrdered: true }),
    checkNow: () => lines.checkNow(),
    async close() {
      lines.turnAway();
      await listener.drain(deps.stopWithinMs);
      slowBodies.stop();
      await visits.stop();
      await lines.stop();
      await serviceWaker.stop();
      await callers.stop();
      await listener.close();
      reverseProxy.close();
      await keyGate.stop();
      await traffic.stop();
      await entrance.stop();
    },
  };
}
