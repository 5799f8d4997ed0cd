/** How a host is reached by the gateways that run, as its people are told: one word, and a sentence. Pure. */
import type { Route } from "./route.ts";

export interface GatewayRoute {
  gatewayName: string;
  route: Route;
  detail: string;
}

export interface HostTunnel {
  /** The worst route of several gateways. */
  route: Route;
  sentence: string;
}

const WORST_FIRST: readonly Route[] = ["none", "reversed", "direct"];

/**
 * @param port of the host's access process for gateways; null: it has none open
 * @param ways of gateways that run
 */
export function tunnelOf(port: number | null, routes: readonly GatewayRoute[]): HostTunnel {
  if (port === null)
    return {
      route: "none",
      sentence: "Its access process has told of no port for gateways; it may not run.",
    };
  if (routes.length === 0) return { route: "none", sentence: "No gateway that runs has looked for it yet." };
  const route = WORST_FIRST.find((one) => routes.some((of) => of.route === one)) ?? "none";
  const of = routes.filter((one) => one.route === route);
  return { route, sentence: sentenceOf(route, of) };
}

function sentenceOf(route: Route, of: readonly GatewayRoute[]): string {
  const names = [...new Set(of.map(({ gatewayName }) => gatewayName))].toSorted().join(", ");
  const detail = of[0]?.detail ?? "";
  switch (route) {
    case "direct":
      return "Gateways reach it at its own address.";
    case "reversed":
      return spaced(`It has dialled gateway ${names}, which cannot reach it.`, detail);
    case "none":
      return spaced(`Gateway ${names} does not reach it, and it has not dialled in.`, detail);
  }
}

function spaced(sentence: string, detail: string): string {
  return detail === "" ? sentence : `${sentence} ${detail}`;
}
