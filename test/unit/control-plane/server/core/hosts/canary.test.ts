/** Why a host is cordoned whose canary got through. */
import { expect, test } from "vitest";
import { canaryReason, unclearSentence } from "@remotegpu/control-plane/server/core/hosts/canary";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

const success = (what: string) => ({ attempt: "x", detail: `A container could ${what}.` });

test("names everything that a container could do", () => {
  expect(inEnglish(canaryReason([success("mount a file system"), success("open a raw socket")]))).toBe(
    "What every container must be refused succeeded on this host. A container could mount a file system. A container could open a raw socket.",
  );
});

test("has a bound, and marks where it was cut", () => {
  const reason = inEnglish(canaryReason(Array.from({ length: 16 }, () => success("x".repeat(280)))));

  expect(reason).toHaveLength(500);
  expect(reason.endsWith("…")).toBe(true);
});

test("names what is unclear, and of many how many more", () => {
  expect(unclearSentence(["see-gpu", "load-bpf"])).toBe(
    "what its canary tried was answered by neither a refusal nor a success: see-gpu, load-bpf.",
  );
  expect(unclearSentence(Array.from({ length: 10 }, (_each, at) => `x-${at}`))).toMatch(
    /: x-0, x-1, x-2, x-3, x-4, x-5, x-6, x-7 and 2 more\.$/,
  );
});
