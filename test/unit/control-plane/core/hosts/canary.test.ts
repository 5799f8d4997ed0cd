/** Why a host is cordoned whose canary got through. */
import { expect, test } from "vitest";
import { canaryReason } from "@remotegpu/control-plane/core/hosts/canary";

const success = (what: string) => ({ attempt: "x", detail: `A container could ${what}.` });

test("names everything that a container could do", () => {
  expect(canaryReason([success("mount a file system"), success("open a raw socket")])).toBe(
    "What every container must be refused succeeded on this host. A container could mount a file system. A container could open a raw socket.",
  );
});

test("has a bound, and says where it was cut", () => {
  const reason = canaryReason(Array.from({ length: 16 }, () => success("x".repeat(280))));

  expect(reason).toHaveLength(500);
  expect(reason.endsWith("…")).toBe(true);
});
