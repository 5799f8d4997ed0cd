/** How a host is reached by the gateways that run, as its people are told: one word, and a sentence. Pure. */
import type { Way } from "./way.ts";

export interface WayOfGateway {
  gatewayName: string;
  route: Way;
  detail: string;
}

export interface HostTunnel {
  /** The worst route of several gateways. */
  route: Way;
  sentence: string;
}

const WORST_FIRST: readonly Way[] = ["none", "reversed", "direct"];

/**
 * @param port of the host's access process for gateways; null: it has none open
 * @param ways of gateways that run
 */
export function tunnelOf(port: number | null, ways: readonly WayOfGateway[]): HostTunnel {
  if (port === null)
    return {
      route: "none",
      sentence: "Its access process has told of no port for gateways; it may not run.",
    };
  if (ways.length === 0) return { route: "none", sentence: "No gateway that runs has looked for it yet." };
  const way = WORST_FIRST.find((one) => ways.some((of) => of.route === one)) ?? "none";
  const of = ways.filter((one) => one.route === way);
  return { route: way, sentence: sentenceOf(way, of) };
}

function sentenceOf(way: Way, of: readonly WayOfGateway[]): string {
  const names = [...new Set(of.map(({ gatewayName }) => gatewayName))].toSorted().join(", ");
  const detail = of[0]?.detail ?? "";
  switch (way) {
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
