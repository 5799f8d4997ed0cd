/** Which ports an environment is to hold, and which may be opened by hand. */
import { describe, expect, test } from "vitest";
import {
  customPortObstacle,
  leasedServices,
  MAX_CUSTOM_PORTS,
  planLeases,
  type ServiceSwitches,
  type WantedLease,
} from "@remotegpu/control-plane/server/core/leases/lease-plan";

const NONE: ServiceSwitches = { ssh: false, rdp: false, jupyter: false, tensorboard: false };
const ALL: ServiceSwitches = { ssh: true, rdp: true, jupyter: true, tensorboard: true };

test.each([
  ["nothing is switched on", NONE, true, []],
  ["plain HTTP is not allowed", ALL, false, ["ssh", "rdp"]],
  ["plain HTTP is allowed", ALL, true, ["ssh", "rdp", "jupyter", "tensorboard"]],
  ["only TensorBoard is wanted, over plain HTTP", { ...NONE, tensorboard: true }, true, ["tensorboard"]],
] as const)("when %s, these services get a port", (_what, switches, allowed, services) => {
  expect(leasedServices(switches, allowed)).toEqual(services);
});

const lease = (service: WantedLease["service"], hostId: string, internalPort = 22): WantedLease => ({
  id: `${service}-${hostId}`,
  hostId,
  service,
  internalPort,
  autoReleaseHours: 12,
});
const SSH = { service: "ssh", internalPort: 22, autoReleaseHours: 48 };
const MOVED = { code: "lease-of-moved-environment", params: {} };
const withoutService = (service: string) => ({ code: "lease-without-service", params: { service } });

describe("a start on host a", () => {
  test.each([
    ["with nothing held takes what is wanted", [], [], [SSH]],
    ["keeps what is held there", [lease("ssh", "a")], [], []],
    [
      "after a move gives back what is held elsewhere and takes it anew",
      [lease("ssh", "b")],
      [{ id: "ssh-b", hostId: "b", reason: MOVED }],
      [SSH],
    ],
    [
      "after a move takes along what was opened by hand, with its hours",
      [lease("ssh", "a"), lease("custom", "b", 80)],
      [{ id: "custom-b", hostId: "b", reason: MOVED }],
      [{ service: "custom", internalPort: 80, autoReleaseHours: 12 }],
    ],
    ["leaves alone what was opened by hand there", [lease("ssh", "a"), lease("custom", "a", 80)], [], []],
    [
      "gives back the port of a service that gets none",
      [lease("ssh", "a"), lease("jupyter", "a", 8888)],
      [{ id: "jupyter-a", hostId: "a", reason: withoutService("jupyter") }],
      [],
    ],
    [
      "does not take a service along that gets none",
      [lease("ssh", "a"), lease("jupyter", "b", 8888)],
      [{ id: "jupyter-b", hostId: "b", reason: MOVED }],
      [],
    ],
  ])("%s", (_what, wanted, release, take) => {
    const plan = planLeases({ hostId: "a", services: ["ssh"], sshPort: 22, wanted, autoReleaseHours: 48 });

    expect(plan).toEqual({ release, take });
  });
});

describe("a start on a host that serves SSH", () => {
  const planned = (wanted: WantedLease[]) =>
    planLeases({ hostId: "a", services: ["ssh"], sshPort: 2022, wanted, autoReleaseHours: 48 });
  const OURS = { ...SSH, internalPort: 2022 };

  test("takes the port of our server", () => {
    expect(planned([])).toEqual({ release: [], take: [OURS] });
    expect(planned([lease("ssh", "a", 2022)])).toEqual({ release: [], take: [] });
  });

  test("takes it in place of one that leads to where the server was before", () => {
    expect(planned([lease("ssh", "a", 22), lease("custom", "a", 22)])).toEqual({
      release: [
        {
          id: "ssh-a",
          hostId: "a",
          reason: { code: "lease-of-other-ssh-port", params: { internal_port: 2022 } },
        },
      ],
      take: [OURS],
    });
  });

  test("gives each lease back once", () => {
    const plan = planLeases({
      hostId: "a",
      services: [],
      sshPort: 2022,
      wanted: [lease("ssh", "a", 22)],
      autoReleaseHours: 48,
    });

    expect(plan.release).toEqual([{ id: "ssh-a", hostId: "a", reason: withoutService("ssh") }]);
  });
});

describe("a port opened by hand", () => {
  const opened = (count: number) => Array.from({ length: count }, (_, n) => 7000 + n);

  test.each([
    ["may be any", 80, NONE, [], null],
    ["may not be a service's that is switched on", 22, ALL, [], "internal_port"],
    ["may be the one that our SSH server leaves to the image", 2022, ALL, [], null],
    ["may be a service's that is switched off", 22, NONE, [], null],
    ["may be the last of many", 80, ALL, opened(MAX_CUSTOM_PORTS - 1), null],
  ] as const)("%s", (_what, port, switches, ports, field) => {
    const obstacle = customPortObstacle(port, { switches, sshPort: 22, opened: ports, closing: 0 });

    expect(obstacle?.field ?? null).toBe(field);
  });

  test.each([
    ["is open already", 7000, opened(1), 0, { code: "port-open-already", params: { internal_port: 7000 } }],
    [
      "is one too many",
      80,
      opened(MAX_CUSTOM_PORTS),
      0,
      { code: "custom-ports-too-many", params: { max_ports: 16 } },
    ],
    [
      "is one too many beside those that close",
      80,
      opened(6),
      10,
      { code: "custom-ports-closing", params: { ports: 10 } },
    ],
  ])("that %s is refused with its reason", (_what, port, ports, closing, reason) => {
    expect(customPortObstacle(port, { switches: NONE, sshPort: 22, opened: ports, closing })).toEqual({
      field: null,
      reason,
    });
  });
});

test("where our SSH server listens, its port may not be opened by hand, and the image's may", () => {
  const obstacle = (port: number) =>
    customPortObstacle(port, { switches: ALL, sshPort: 2022, opened: [], closing: 0 });

  expect(obstacle(2022)).toEqual({
    field: "internal_port",
    reason: { code: "port-of-service", params: { internal_port: 2022, service: "ssh" } },
  });
  expect(obstacle(22)).toBeNull();
});
