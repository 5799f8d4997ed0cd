/** How a host is reached by the gateways that run, as its people are told: one word, and a reason. Pure. */
import { reasonOf } from "../reasons/plain-reason.ts";
import type { Reason } from "../reasons/reason.ts";
import type { Route } from "./route.ts";

export interface GatewayRoute {
  gatewayName: string;
  route: Route;
  /** Why it is not direct; null where nothing is known of that. */
  detail: Reason | null;
}

export interface HostTunnel {
  /** The worst route of several gateways. */
  route: Route;
  reason: Reason;
}

const WORST_FIRST: readonly Route[] = ["none", "reversed", "direct"];

/**
 * @param port of the host's access process for gateways; null: it has none open
 * @param ways of gateways that run
 */
export function tunnelOf(port: number | null, routes: readonly GatewayRoute[]): HostTunnel {
  if (port === null) return { route: "none", reason: reasonOf("tunnel-without-port") };
  if (routes.length === 0) return { route: "none", reason: reasonOf("tunnel-not-tried") };
  const route = WORST_FIRST.find((one) => routes.some((of) => of.route === one)) ?? "none";
  const of = routes.filter((one) => one.route === route);
  return { route, reason: routeReason(route, of) };
}

function routeReason(route: Route, of: readonly GatewayRoute[]): Reason {
  const names = [...new Set(of.map(({ gatewayName }) => gatewayName))].toSorted();
  const gateways = { names, more: 0 };
  const why = of[0]?.detail ?? null;
  const because = why === null ? null : { gateways, why };
  switch (route) {
    case "direct":
      return reasonOf("tunnel-direct");
    case "reversed":
      return because === null
        ? { code: "tunnel-reversed", params: { gateways } }
        : { code: "tunnel-reversed-because", params: because };
    case "none":
      return because === null
        ? { code: "tunnel-missing", params: { gateways } }
        : { code: "tunnel-missing-because", params: because };
  }
}
