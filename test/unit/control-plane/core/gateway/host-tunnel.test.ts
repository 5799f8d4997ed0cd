import { expect, test } from "vitest";
import { tunnelOf, type GatewayRoute } from "@remotegpu/control-plane/core/gateway/host-tunnel";

const way = (gatewayName: string, one: GatewayRoute["route"], detail = ""): GatewayRoute => ({
  gatewayName,
  route: one,
  detail,
});

test.each<[string, number | null, GatewayRoute[], string, string]>([
  [
    "no port is open",
    null,
    [way("a", "direct")],
    "none",
    "Its access process has told of no port for gateways; it may not run.",
  ],
  ["nobody has looked", 19_443, [], "none", "No gateway that runs has looked for it yet."],
  [
    "it answers all",
    19_443,
    [way("a", "direct"), way("b", "direct")],
    "direct",
    "Gateways reach it at its own address.",
  ],
  [
    "one of two needs its tunnel",
    19_443,
    [way("a", "direct"), way("b", "reversed", "It is silent.")],
    "reversed",
    "It has dialled gateway b, which cannot reach it. It is silent.",
  ],
  [
    "it is not reached by two processes of one machine",
    19_443,
    [way("a", "none", "It is silent."), way("a", "none", "It is silent."), way("b", "reversed")],
    "none",
    "Gateway a does not reach it, and it has not dialled in. It is silent.",
  ],
])("where %s", (_where, port, ways, word, sentence) => {
  expect(tunnelOf(port, ways)).toEqual({ route: word, sentence });
});
