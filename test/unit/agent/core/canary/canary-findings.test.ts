/** What the canary's program prints, as findings. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ATTEMPTS } from "@remotegpu/agent/core/canary/attempts";
import {
  canaryFindings,
  type CanaryFindings,
  type Expectation,
} from "@remotegpu/agent/core/canary/canary-findings";
import type { Target } from "@remotegpu/agent/core/canary/canary-targets";

/** CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, AUDIT_WRITE. */
const PROMISED = "200405fb";
const TARGETS: Target[] = [
  { attempt: "reach-metadata", address: "169.254.169.254", port: 80 },
  { attempt: "reach-host", address: "gateway", port: 4_000 },
  { attempt: "reach-host", address: "192.0.2.7", port: 4_000 },
  { attempt: "reach-neighbour", address: "10.210.3.2", port: 9, strayAddress: "10.210.3.254" },
];
const EXPECTED: Expectation = { targets: TARGETS, hasOutside: true, hasDockerProfile: true };

/** All refused but what `answers` says otherwise. */
function printed(answers: Record<string, string> = {}, { isWhole = true } = {}): string {
  const all: Record<string, string> = {
    ...Object.fromEntries(ATTEMPTS.map(({ name }) => [name, "1"])),
    capabilities: PROMISED,
    ...Object.fromEntries(["0", "1", "2", "3", "4"].map((at) => [`connect-${at}`, "110"])),
    ...answers,
  };
  const lines = Object.entries(all).map(([name, answer]) => `${name} ${answer}\n`);
  return lines.join("") + (isWhole ? "end\n" : "");
}

function tried(output: string, expected = EXPECTED): Extract<CanaryFindings, { kind: "tried" }> {
  const findings = canaryFindings(output, expected);
  if (findings.kind !== "tried") throw new Error("it is broken off");
  return findings;
}

test("all refused are no success and nothing unclear", () => {
  expect(tried(printed())).toEqual({
    kind: "tried",
    tried: ATTEMPTS.length + 1 + TARGETS.length,
    succeeded: [],
    unclear: [],
  });
});

test("what succeeded is reported in a sentence, once each", () => {
  const output = printed({ "mount-proc": "0", "connect-1": "0", "connect-2": "0" });

  expect(tried(output).succeeded).toEqual([
    { attempt: "mount-proc", detail: "A container could mount a /proc of its own." },
    { attempt: "reach-host", detail: "A container could reach a service of its host at its gateway." },
  ]);
});

test.each([
  ["metadata", { "connect-0": "0" }, "A container could reach the metadata address 169.254.169.254:80."],
  ["its host", { "connect-2": "0" }, "A container could reach a service of its host at 192.0.2.7."],
  [
    "a neighbour, which refused by itself",
    { "connect-3": "111", "connect-4": "113" },
    "A container could reach another workspace's container at 10.210.3.2.",
  ],
])("names what was reached: %s", (_what, answers, detail) => {
  expect(tried(printed(answers)).succeeded.map((success) => success.detail)).toEqual([detail]);
});

test.each([
  ["SYS_ADMIN", "202405fb", "0x200000"],
  ["SYS_PTRACE and NET_RAW", "200c25fb", "0x82000"],
  ["all of them", "1ffffffffff", "0x1ffdffbfa04"],
])("a right more than was given is a hole: %s", (_what, mask, more) => {
  const detail = `A container has capabilities that it was not given (${more}).`;

  expect(tried(printed({ capabilities: mask })).succeeded).toEqual([
    { attempt: "hold-more-capabilities", detail },
  ]);
});

test("fewer rights than were given are none", () => {
  expect(tried(printed({ capabilities: "0" }))).toMatchObject({ succeeded: [], unclear: [] });
});

test("what was not printed, or with no number, is unclear and no success", () => {
  const output = printed({ "make-device": "x", "connect-3": "", capabilities: "no" }).replace(
    "mount-tmpfs 1\n",
    "",
  );

  expect(tried(output)).toMatchObject({
    succeeded: [],
    unclear: ["mount-tmpfs", "make-device", "hold-more-capabilities", "reach-neighbour"],
  });
});

const ALL = ATTEMPTS.length + 1 + TARGETS.length;
/** So many attempts answered with an error that says nothing. */
const unclearIn = (count: number) =>
  Object.fromEntries(ATTEMPTS.slice(0, count).map(({ name }) => [name, "17"]));

test("one that is unclear for the most part has found out nothing", () => {
  expect(canaryFindings("end\n", EXPECTED)).toEqual({ kind: "inconclusive", tried: ALL, unclear: ALL });
  const half = Math.floor(ALL / 2);
  expect(canaryFindings(printed(unclearIn(half + 1)), EXPECTED)).toMatchObject({
    kind: "inconclusive",
    unclear: half + 1,
  });
  expect(tried(printed(unclearIn(half)))).toMatchObject({ succeeded: [] });
});

test("a success is one, however much else is unclear", () => {
  const output = printed({ ...unclearIn(ATTEMPTS.length), "raw-socket": "0" });

  expect(tried(output).succeeded.map(({ attempt }) => attempt)).toEqual(["raw-socket"]);
});

test("one that did not come to its end reports nothing, whatever it printed", () => {
  const output = printed({ "mount-proc": "0" }, { isWhole: false });

  expect(canaryFindings(output, EXPECTED)).toEqual({ kind: "broken-off" });
  expect(canaryFindings("", EXPECTED)).toEqual({ kind: "broken-off" });
});

test("without a process of the host to try, and beside a looser profile, nothing of them counts", () => {
  const output = printed({ "signal-outside": "0", "add-key": "0", "load-bpf": "0" });

  const names = tried(output).succeeded.map(({ attempt }) => attempt);
  const fewer = tried(output, { ...EXPECTED, hasOutside: false, hasDockerProfile: false });

  expect(names).toEqual(["signal-outside", "add-key", "load-bpf"]);
  expect(fewer.succeeded).toEqual([]);
});

test("whatever is printed is read, and only a name with its own 0 or a right beyond is a success", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (noise) => {
      const { succeeded } = tried(`${noise.replaceAll("0", "1")}\n${printed()}`);

      expect(succeeded.map(({ attempt }) => attempt)).toEqual([]);
    }),
  );
});
