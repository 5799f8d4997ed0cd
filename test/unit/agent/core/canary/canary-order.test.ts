/** What the canary's container and its image are. */
import { describe, expect, test } from "vitest";
import {
  canaryImage,
  canaryOrder,
  isCanaryImage,
  isCanaryImageOf,
} from "@remotegpu/agent/core/canary/canary-order";
import { canaryTargets } from "@remotegpu/agent/core/canary/canary-targets";
import { containerOptions, type HostFacts } from "@remotegpu/agent/core/container/container-spec";
import { ownerOf } from "@remotegpu/agent/core/container/container";
import { HostId, InstanceId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { HOST } from "../../../../support/samples/run-samples.ts";

describe("its container", () => {
  const ids = {
    instanceId: InstanceId.parse("canary"),
    runId: RunId.parse("canary"),
    workloadId: WorkloadId.parse("canary"),
  };
  const host = {
    outsidePid: 4_711,
    paths: ["/var/lib/remotegpu", "/etc/remotegpu"],
    runtimeSocket: "/run/docker.sock",
    targets: canaryTargets({
      listenerPort: 4_000,
      hostAddresses: ["192.0.2.7"],
      gateways: [],
      neighbours: [],
    }),
  };
  const facts: HostFacts = {
    hostId: HOST,
    networkName: "rg-host-a-0f",
    toolboxPath: "/var/lib/remotegpu/toolbox/abc",
    folders: [],
    attachment: { mode: "none" },
    imageProgram: { entrypoint: ["/canary"], command: [] },
    hasLayerQuota: false,
    hasLocalLog: true,
  };
  const order = canaryOrder(ids, { image: "sha256:0", host });
  const made = containerOptions(order, { ...facts, isCanary: true });

  test("has the rights, namespaces, network and first process of a customer's, without any GPU", () => {
    const customers = containerOptions(desiredOf("x", { entrypoint: "image", gpus: [] }), facts);
    const { HostConfig: ours } = made;
    const { HostConfig: theirs } = customers;

    const limits = ["Memory", "MemorySwap", "NanoCpus", "ShmSize", "PidsLimit"] as const;
    const without = (config: typeof ours) => ({
      ...config,
      ...Object.fromEntries(limits.map((name) => [name, 0])),
    });
    expect(without(ours)).toEqual(without(theirs));
    expect(made.Entrypoint).toEqual(customers.Entrypoint);
    expect(made.Cmd).toEqual(["--", "15", "/canary"]);
    expect(ours).toMatchObject({ Devices: [], DeviceRequests: [], Memory: 64 * 2 ** 20, PidsLimit: 64 });
    expect(made.Env).toContain("NVIDIA_VISIBLE_DEVICES=void");
  });

  test("is found as this host's canary, holds its network, and is nobody's run", () => {
    expect(made.Labels).toEqual({
      "remotegpu.host": HOST,
      "remotegpu.network": "canary",
      "remotegpu.canary": "1",
      "remotegpu.bridge": "rg-host-a-0f",
    });
    expect(ownerOf(made.Labels)).toBeNull();
    expect(made.name).toBe("rg-host-a-canary-1-canary");
  });

  test("gets what of the host it is to try", () => {
    expect(made.Env).toEqual(
      expect.arrayContaining([
        "CANARY_PID=4711",
        "CANARY_PATHS=/var/lib/remotegpu:/etc/remotegpu",
        "CANARY_SOCKET=/run/docker.sock",
        expect.stringMatching(/^CANARY_CONNECT=169\.254\.169\.254:80 .* gateway:4000 192\.0\.2\.7:4000$/),
      ]),
    );
    const alone = canaryOrder(ids, { image: "sha256:0", host: { ...host, outsidePid: null } });
    expect(alone.spec.env.CANARY_PID).toBe("");
  });
});

test("its image is known by its name, and distinguished by host and program", () => {
  const hash = "0123456789abcdef".repeat(4);
  const { repository, tag } = canaryImage(HOST, hash);
  const name = `${repository}:${tag}`;

  expect(name).toBe("localhost/remotegpu-canary:host-a-0123456789ab");
  expect([name, "localhost/remotegpu-canary:host-b-0123456789ab", "python:3"].map(isCanaryImage)).toEqual([
    true,
    true,
    false,
  ]);
  const other = HostId.parse("host-a-b");
  expect([HOST, HostId.parse("host"), other].map((host) => isCanaryImageOf(host, name))).toEqual([
    true,
    false,
    false,
  ]);
});
