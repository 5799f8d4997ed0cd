import { expect, test } from "vitest";
import { releasesBehind } from "@remotegpu/control-plane/server/core/hosts/upgrades/agent-skew";

test.each([
  { agent: "0.2.0", own: "0.2.0", behind: 0 },
  { agent: "0.1.0", own: "0.2.0", behind: 1 },
  { agent: "0.2.9", own: "0.2.0", behind: 0 },
  { agent: "0.2.0-1a2b3c4d5e6f", own: "0.10.3", behind: 8 },
  { agent: "0.3.0", own: "0.2.0", behind: -1 },
  { agent: "1.0.0", own: "0.2.0", behind: -998 },
  { agent: "0.9.0", own: "1.0.0", behind: 991 },
  { agent: "a checkout", own: "0.2.0", behind: null },
  { agent: "0.2", own: "0.2.0", behind: null },
  { agent: "0.2.0 or so", own: "0.2.0", behind: null },
  { agent: null, own: "0.2.0", behind: null },
])("an agent of $agent is $behind releases behind a control plane of $own", ({ agent, own, behind }) => {
  expect(releasesBehind(agent, own)).toBe(behind);
});
