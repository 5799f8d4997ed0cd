/** Which containers a cgroup path names: forms of runtimes and drivers, nested ones, and whatever else may stand there. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { containersOf } from "@remotegpu/agent/core/container/cgroup-path";

const ID = "0123456789abcdef".repeat(4);
const OUTER = "fedcba9876543210".repeat(4);

test.each([
  ["v2, cgroupfs driver", `0::/docker/${ID}\n`],
  ["v2, systemd driver", `0::/system.slice/docker-${ID}.scope\n`],
  [
    "v2, below a user's slice",
    `0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker-${ID}.scope\n`,
  ],
  ["v1, many lines", `12:pids:/docker/${ID}\n11:memory:/docker/${ID}\n`],
  [
    "v1, systemd driver",
    `9:devices:/system.slice/docker-${ID}.scope\n1:name=systemd:/system.slice/docker-${ID}.scope\n`,
  ],
  ["v1, some controllers at the root", `5:cpuset:/\n4:memory:/docker/${ID}\n`],
  ["both, the id only on v1", `0::/\n3:cpuset:/\n2:memory:/docker/${ID}\n`],
  ["a named hierarchy", `1:name=systemd:/docker/${ID}\n`],
  [
    "containerd of Kubernetes",
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a_1.slice/cri-containerd-${ID}.scope\n`,
  ],
  ["containerd, cgroupfs driver", `0::/kubepods/besteffort/pod11111111-2222-3333-4444-555555555555/${ID}\n`],
  ["containerd alone", `0::/default/${ID}\n`],
  ["CRI-O", `0::/kubepods.slice/crio-${ID}.scope/container\n`],
  ["podman", `0::/machine.slice/libpod-${ID}.scope/container\n`],
  ["podman without root", `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope\n`],
  ["podman, v1", `7:memory:/libpod_parent/libpod-${ID}\n`],
  ["seen from inside another cgroup namespace", `0::/../../docker/${ID}\n`],
])("%s", (_what, cgroups) => {
  expect(containersOf(cgroups)).toEqual([ID]);
});

test("of nested containers all are named, the outermost first and each once", () => {
  expect(containersOf(`0::/docker/${OUTER}/docker/${ID}\n`)).toEqual([OUTER, ID]);
  expect(containersOf(`0::/docker/${OUTER}/system.slice/docker-${ID}.scope/${ID}\n`)).toEqual([OUTER, ID]);
});

test.each([
  ["a session of the host", "0::/user.slice/user-0.slice/session-1.scope\n"],
  ["a service of the host", "0::/system.slice/nvidia-persistenced.service\n"],
  ["the root", "0::/\n"],
  ["a longer number", `0::/docker/${ID}0\n`],
  ["a shorter number", `0::/docker/${ID.slice(1)}\n`],
  ["nothing", ""],
])("%s is no container", (_what, cgroups) => {
  expect(containersOf(cgroups)).toEqual([]);
});

describe("any text", () => {
  test("names containers or none", () => {
    const pieces = fc.constantFrom(
      "0::",
      "/",
      "docker",
      ID,
      OUTER,
      "docker-",
      ".scope",
      ":",
      "\n",
      "12:memory:",
      "a",
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 20 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const ids = containersOf(text);
        expect(ids.every((id) => /^[0-9a-f]{64}$/.test(id))).toBe(true);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 2_000 },
    );
  });
});
