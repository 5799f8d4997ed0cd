import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { expect, test } from "vitest";
import { type AgentService, agentService } from "@remotegpu/control-plane/server/core/hosts/agent-service";
import { PROTOCOL } from "@remotegpu/shared/messages/protocol";

/** Of a control plane of protocol 3 to 4 and version 0.6.0. */
function serviceOf(protocol: { min: number; max: number } | null, version: string | null): AgentService {
  return agentService({ protocol, version }, { protocol: { min: 3, max: 4 }, version: "0.6.0" });
}

test.each([
  { agent: { min: 3, max: 4 }, what: "the same version", mode: "full" },
  { agent: { min: 2, max: 3 }, what: "one version back", mode: "full" },
  { agent: { min: 1, max: 2 }, what: "two versions back", mode: "keep" },
  { agent: { min: 4, max: 5 }, what: "one version ahead", mode: "full" },
  { agent: { min: 5, max: 6 }, what: "two versions ahead", mode: "keep" },
  { agent: { min: 1, max: 9 }, what: "every version", mode: "full" },
  { agent: null, what: "never heard", mode: "full" },
])("an agent of $what is served in mode $mode", ({ agent, mode }) => {
  expect(serviceOf(agent, "0.6.0").mode).toBe(mode);
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
  const service = serviceOf(agent, "0.6.0");

  expect(service.mode === "keep" && inEnglish(service.why)).toBe(why);
});

test("this version serves agents one version back in full", () => {
  const before = PROTOCOL.max - 1;

  expect(PROTOCOL.min).toBe(Math.max(1, before));
});

test.each([
  { version: "0.6.0", what: "this release", mode: "full" },
  { version: "0.6.7-1a2b3c4d5e6f", what: "this release with another patch", mode: "full" },
  { version: "0.5.9", what: "one release back", mode: "full" },
  { version: "0.4.0", what: "two releases back", mode: "keep" },
  { version: "0.2.0", what: "four releases back", mode: "keep" },
  { version: "0.1.0", what: "five releases back", mode: "refused" },
  { version: "0.7.0", what: "one release ahead", mode: "full" },
  { version: "0.8.0", what: "two releases ahead", mode: "keep" },
  { version: "1.6.0", what: "another major version", mode: "keep" },
  { version: "a checkout", what: "no release", mode: "full" },
])("an agent of $what is served in mode $mode", ({ version, mode }) => {
  expect(serviceOf({ min: 3, max: 4 }, version).mode).toBe(mode);
});

test.each([
  {
    version: "0.4.0",
    why: "its agent is too old for new work: it is version 0.4.0, this control plane 0.6.0",
  },
  {
    version: "0.1.0",
    why: "its agent is too old to be supported: it is version 0.1.0, this control plane 0.6.0",
  },
  {
    version: "0.8.0",
    why: "its agent is too new for new work: it is version 0.8.0, this control plane 0.6.0",
  },
])("one of version $version hears why it gets no new work", ({ version, why }) => {
  const service = serviceOf({ min: 3, max: 4 }, version);

  expect(service.mode !== "full" && inEnglish(service.why)).toBe(why);
});
