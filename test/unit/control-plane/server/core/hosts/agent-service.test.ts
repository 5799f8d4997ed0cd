import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { expect, test } from "vitest";
import { agentService } from "@remotegpu/control-plane/server/core/hosts/agent-service";
import { PROTOCOL } from "@remotegpu/shared/messages/protocol";

test.each([
  { agent: { min: 3, max: 4 }, what: "the same version", mode: "full" },
  { agent: { min: 2, max: 3 }, what: "one version back", mode: "full" },
  { agent: { min: 1, max: 2 }, what: "two versions back", mode: "keep" },
  { agent: { min: 4, max: 5 }, what: "one version ahead", mode: "full" },
  { agent: { min: 5, max: 6 }, what: "two versions ahead", mode: "keep" },
  { agent: { min: 1, max: 9 }, what: "every version", mode: "full" },
  { agent: null, what: "never heard", mode: "full" },
])("an agent of $what is served in mode $mode", ({ agent, mode }) => {
  expect(agentService(agent, { min: 3, max: 4 }).mode).toBe(mode);
});

test.each([
  {
    agent: { min: 1, max: 1 },
    why: "its agent is too old for new work: it speaks protocol 1, this control plane 3 to 4",
  },
  {
    agent: { min: 5, max: 6 },
    why: "its agent is too new for new work: it speaks protocol 5 to 6, this control plane 3 to 4",
  },
])("one that gets no new work hears why: $why", ({ agent, why }) => {
  const service = agentService(agent, { min: 3, max: 4 });

  expect(service.mode === "keep" && inEnglish(service.why)).toBe(why);
});

test("this version serves agents one version back in full", () => {
  const before = PROTOCOL.max - 1;

  expect(PROTOCOL.min).toBe(Math.max(1, before));
});
