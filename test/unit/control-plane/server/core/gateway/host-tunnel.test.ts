import { expect, test } from "vitest";
import { tunnelOf, type GatewayRoute } from "@remotegpu/control-plane/server/core/gateway/host-tunnel";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const route = (gatewayName: string, one: GatewayRoute["route"], detail = ""): GatewayRoute => ({
  gatewayName,
  route: one,
  detail: detail === "" ? null : asReported(detail),
});

test.each<[string, number | null, GatewayRoute[], string, string]>([
  [
    "no port is open",
    null,
    [route("a", "direct")],
    "none",
    "Its access process has told of no port for gateways; it may not run.",
  ],
  ["nobody has checked", 19_443, [], "none", "No gateway that runs has looked for it yet."],
  [
    "it answers all",
    19_443,
    [route("a", "direct"), route("b", "direct")],
    "direct",
    "Gateways reach it at its own address.",
  ],
  [
    "one of two needs its tunnel",
    19_443,
    [route("a", "direct"), route("b", "reversed", "It is silent.")],
    "reversed",
    "It has dialled gateway b, which cannot reach it. It is silent.",
  ],
  [
    "it is not reached by two processes of one machine",
    19_443,
    [route("a", "none", "It is silent."), route("a", "none", "It is silent."), route("b", "reversed")],
    "none",
    "Gateway a does not reach it, and it has not dialled in. It is silent.",
  ],
])("where %s", (_where, port, routes, word, sentence) => {
  const tunnel = tunnelOf(port, routes);

  expect({ ...tunnel, reason: inEnglish(tunnel.reason) }).toEqual({ route: word, reason: sentence });
});
