/** How people are told to get into an environment, and why they cannot. */
import { describe, expect, test } from "vitest";
import {
  type EnvironmentNow,
  type LeaseNow,
  accessMethods as accessMethodsOf,
} from "@remotegpu/control-plane/server/core/environments/access-methods";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";

const lease = (change: Partial<LeaseNow> = {}): LeaseNow => ({
  service: "ssh",
  internalPort: 2022,
  want: "held",
  state: "held",
  externalPort: 20_000,
  detail: null,
  releaseReason: null,
  autoReleaseHours: 48,
  hostName: "Rack 3",
  hostAddress: "192.0.2.7",
  isHostHeard: true,
  isHostShut: false,
  servesSsh: true,
  servesRdp: true,
  answers: { isSeen: true, detail: null },
  ...change,
});

const hostKey = { line: "ssh-ed25519 AAAAC3Nz", fingerprint: "SHA256:abc" };

const environment = (change: Partial<EnvironmentNow> = {}): EnvironmentNow => ({
  hasGateway: true,
  status: "running",
  switches: { ssh: true, rdp: false, jupyter: false, tensorboard: false },
  allowsPlainHttp: false,
  leases: [lease()],
  hostKey,
  hasSshPassword: false,
  brings: ["bash", "shell"],
  ...change,
});

/** With each reason as people read it. */
const accessMethods = (now: EnvironmentNow) =>
  accessMethodsOf(now).map((method) => ({ ...method, reason: method.reason && inEnglish(method.reason) }));

describe("a bound port of a running environment is reported with", () => {
  test.each([
    ["ssh", "192.0.2.7", "ssh -p 20000 root@192.0.2.7", null],
    ["ssh", "2001:db8::7", "ssh -p 20000 root@2001:db8::7", null],
    ["rdp", "2001:db8::7", "xfreerdp /v:[2001:db8::7]:20000 /u:root", null],
    ["jupyter", "gpu.example.com", null, "http://gpu.example.com:20000/"],
    ["tensorboard", "2001:db8::7", null, "http://[2001:db8::7]:20000/"],
    ["custom", "192.0.2.7", null, null],
  ] as const)("%s at %s", (service, hostAddress, command, url) => {
    const switches = { ssh: false, rdp: false, jupyter: false, tensorboard: false, [service]: true };

    expect(
      accessMethods(
        environment({ switches, leases: [lease({ service, hostAddress })], allowsPlainHttp: true }),
      ),
    ).toEqual([
      {
        service,
        internalPort: 2022,
        state: "held",
        // Its host saw somebody, whoever brought that.
        isReachable: true,
        host: hostAddress,
        port: 20_000,
        command,
        url,
        hostKeyFingerprint: service === "ssh" ? hostKey.fingerprint : null,
        knownHosts: service === "ssh" ? `[${hostAddress}]:20000 ${hostKey.line}` : null,
        reason: null,
        leadsThroughGateway: service === "ssh" || service === "rdp",
      },
    ]);
  });
});

test.each([
  ["a password opens it", { hasSshPassword: true }, {}, true],
  ["none does", {}, {}, false],
  ["its image's own server answers", { hasSshPassword: true, hostKey: null }, {}, false],
  ["it is another service", { hasSshPassword: true }, { service: "custom" }, false],
] as const)(
  "what its host reports of guesses at a password is reported where %s, and it is reachable",
  (_what, now, change, isReported) => {
    const detail: Reason = { code: "password-guessed", params: { until: "2026-12-02 10:05" } };

    const route = accessMethods(environment({ ...now, leases: [lease({ detail, ...change })] })).at(-1);

    expect(route).toMatchObject({ isReachable: true, reason: isReported ? inEnglish(detail) : null });
  },
);

describe("where the host lets nobody in", () => {
  const shut = { isHostShut: true };

  test("SSH goes through the gateway, and its port leads nowhere from outside", () => {
    expect(accessMethods(environment({ leases: [lease(shut)] }))).toMatchObject([
      {
        isReachable: false,
        leadsThroughGateway: true,
        host: "192.0.2.7",
        port: 20_000,
        reason:
          "Host Rack 3 lets nobody in from outside its network, so the port leads nowhere from there. `remotegpu ssh` goes through the gateway.",
      },
    ]);
  });

  test("other ports are led to from the inside", () => {
    const switches = { ssh: false, rdp: false, jupyter: false, tensorboard: false };
    const leases = [lease({ ...shut, service: "custom", internalPort: 7000 })];

    expect(accessMethods(environment({ switches, leases }))).toMatchObject([
      {
        isReachable: false,
        leadsThroughGateway: false,
        reason:
          "Host Rack 3 lets nobody in from outside its network, so the port leads nowhere from there. `remotegpu port-forward` leads there through the gateway.",
      },
    ]);
  });

  test("RDP goes through the gateway, too", () => {
    const switches = { ssh: false, rdp: true, jupyter: false, tensorboard: false };
    const leases = [lease({ ...shut, service: "rdp", internalPort: 3389 })];

    expect(accessMethods(environment({ switches, leases }))).toMatchObject([
      {
        isReachable: false,
        leadsThroughGateway: true,
        reason:
          "Host Rack 3 lets nobody in from outside its network, so the port leads nowhere from there. `remotegpu open ENVIRONMENT rdp` leads there through the gateway, for as long as it is left open.",
      },
    ]);
  });

  test("where there is no gateway that leads anywhere, nothing is named that does", () => {
    expect(accessMethods(environment({ hasGateway: false, leases: [lease(shut)] }))).toMatchObject([
      {
        reason:
          "Host Rack 3 lets nobody in from outside its network, so the port leads nowhere from there. No gateway leads there either, since no WEB_DOMAIN is set.",
      },
    ]);
  });

  test("what leads nowhere in any case reports that first", () => {
    const leases = [lease({ ...shut, answers: { isSeen: false, detail: asReported("Refused.") } })];

    expect(accessMethods(environment({ leases }))).toMatchObject([
      { leadsThroughGateway: false, reason: "Nothing answers yet. Refused." },
    ]);
  });
});

describe("a port does not lead in", () => {
  test.each([
    [{ isHostHeard: false }, "Host Rack 3 is not heard; the port leads in again when it is reached."],
    [{ state: "waiting", externalPort: null }, "Host Rack 3 is binding a port for ssh."],
    [
      { state: "conflict", detail: asReported("nginx has it.") },
      "Something else on host Rack 3 has taken the port; it is tried again. nginx has it.",
    ],
    [{ state: "exhausted", externalPort: null }, "Host Rack 3 has no free port; it is tried again."],
    [
      { state: "released", releaseReason: asReported("Nobody came.") },
      "Nobody came. Renew the access to take another.",
    ],
    [{ want: "released" }, "The port is being released. Renew the access to take another."],
  ] as [Partial<LeaseNow>, string][])("as long as %j", (change, reason) => {
    const [route] = accessMethods(environment({ leases: [lease(change)] }));

    expect(route).toMatchObject({ isReachable: false, reason });
  });

  test.each(["released", "held"] as const)(
    "when its release is ordered and it is %s: nobody gets a number",
    (state) => {
      const [route] = accessMethods(environment({ leases: [lease({ want: "released", state })] }));

      expect(route).toMatchObject({ state: "released", host: null, port: null, command: null });
    },
  );

  test.each([
    ["stopped", "The environment is stopped; the port is kept and leads in while it runs."],
    ["creating", "The environment is still starting; the port is kept and leads in once it runs."],
    ["restarting", "The environment is restarting; the port is kept and leads in while it runs."],
  ] as const)("while the environment is %s, and is reported all the same", (status, reason) => {
    const [route] = accessMethods(environment({ status }));

    expect(route).toMatchObject({ isReachable: false, state: "held", port: 20_000, reason });
  });

  test("that is released, of a stopped environment: its start takes another", () => {
    const [route] = accessMethods(
      environment({ status: "stopped", leases: [lease({ state: "released", releaseReason: null })] }),
    );

    expect(route?.reason).toBe("The port was released. The next start takes another.");
  });
});

test("what its host adds stands behind the reason as a text of its own", () => {
  const leases = [lease({ state: "conflict", detail: asReported("nginx has it.") })];

  expect(accessMethodsOf(environment({ leases }))[0]?.reason).toEqual({
    code: "in-sequence",
    params: {
      reasons: [
        { code: "port-taken-by-other", params: { host_name: "Rack 3" } },
        { code: "as-reported", params: { text: "nginx has it." } },
      ],
    },
  });
});

describe("a service without a lease", () => {
  const jupyter = { ssh: false, rdp: false, jupyter: true, tensorboard: false };

  test.each([
    ["queued", jupyter, true, "It gets a port when the environment is started."],
    ["running", jupyter, true, "No port was taken for it. Renew the access, or start the environment anew."],
    ["running", jupyter, false, "jupyter gets no port of its own: plain HTTP is not allowed here."],
  ] as const)("of a %s environment gives the reason", (status, switches, allowsPlainHttp, reason) => {
    expect(accessMethods(environment({ status, switches, allowsPlainHttp, leases: [] }))).toEqual([
      {
        service: "jupyter",
        internalPort: 8888,
        state: "none",
        isReachable: false,
        host: null,
        port: null,
        command: null,
        url: null,
        hostKeyFingerprint: null,
        knownHosts: null,
        reason,
        leadsThroughGateway: false,
      },
    ]);
  });
});

describe("behind a bound port nobody was seen", () => {
  const NOBODY = "Nobody listens on port 8888 in the container.";
  const FULL = "The container has used up the 64 processes that it may have.";
  const CLOSED = { isSeen: false, detail: asReported(NOBODY) };
  const USED_UP = { isSeen: false, detail: asReported(FULL) };

  test.each([
    [
      "ssh",
      ["shell"],
      null,
      "Still starting: its host has not seen yet whether something answers on port 2022.",
    ],
    ["ssh", ["shell"], CLOSED, `Nothing answers yet. ${NOBODY}`],
    ["ssh", null, USED_UP, `Nothing answers yet. ${FULL}`],
    ["jupyter", ["shell"], CLOSED, "Not in the image: it has no JupyterLab."],
    ["jupyter", ["notebook"], CLOSED, `Nothing answers yet. ${NOBODY}`],
    ["jupyter", null, CLOSED, `Nothing answers yet. ${NOBODY}`],
    ["tensorboard", ["notebook"], null, "Not in the image: it has no TensorBoard."],
    ["rdp", [], null, "Not in the image: it has no xrdp."],
    ["custom", [], CLOSED, `Nothing answers yet. ${NOBODY}`],
  ] as const)("of %s in an image with %j, reported %j", (service, brings, answers, reason) => {
    const switches = { ssh: false, rdp: false, jupyter: false, tensorboard: false, [service]: true };

    const [route] = accessMethods(environment({ switches, brings, leases: [lease({ service, answers })] }));

    expect(route).toMatchObject({ state: "held", port: 20_000, isReachable: false, reason });
  });

  test("where the image was to bring its own SSH server and has none", () => {
    const own = lease({
      internalPort: 22,
      answers: { isSeen: false, detail: asReported("Nobody listens.") },
    });

    const [route] = accessMethods(environment({ hostKey: null, leases: [own] }));

    expect(route?.reason).toBe(
      "Not in the image: it has no SSH server of its own, which the order asks for.",
    );
  });

  test("of RDP by an agent that keeps no xrdp up, unless somebody answers all the same", () => {
    const switches = { ssh: false, rdp: true, jupyter: false, tensorboard: false };
    const route = (answers: LeaseNow["answers"]) =>
      accessMethods(
        environment({
          switches,
          brings: ["xrdp"],
          leases: [lease({ service: "rdp", internalPort: 3389, servesRdp: false, answers })],
        }),
      )[0];

    expect(route(CLOSED)?.reason).toBe(
      "The host's agent is too old: it cannot keep an image's xrdp up with a password of each start.",
    );
    expect(route({ isSeen: true, detail: null })).toMatchObject({ isReachable: true, reason: null });
  });

  test("by an agent of before, which does not check", () => {
    const leases = [lease({ service: "custom", internalPort: 80, servesSsh: false, answers: null })];
    const switches = { ssh: false, rdp: false, jupyter: false, tensorboard: false };

    expect(accessMethods(environment({ switches, leases }))).toMatchObject([
      {
        isReachable: false,
        reason: "The host's agent is too old to see whether something answers on port 80.",
      },
    ]);
  });
});

describe("SSH is not reachable", () => {
  test("where the host's agent serves none, whatever is bound", () => {
    for (const internalPort of [22, 2022])
      expect(
        accessMethods(environment({ leases: [lease({ servesSsh: false, internalPort })] })),
      ).toMatchObject([
        {
          isReachable: false,
          port: 20_000,
          reason: "The host's agent is too old: it cannot serve SSH with keys and passwords of its own.",
        },
      ]);
  });

  test("by a port that was taken before its host served it, until a restart", () => {
    expect(accessMethods(environment({ leases: [lease({ internalPort: 22 })] }))).toMatchObject([
      {
        isReachable: false,
        reason: "It was started before its host's agent served SSH; restart it to be served.",
      },
    ]);
  });
});

test("the image's own SSH server is reached on any host, and nobody here knows its key", () => {
  const before = accessMethods(environment({ status: "queued", leases: [], hostKey: null }));
  const routes = accessMethods(
    environment({ hostKey: null, leases: [lease({ internalPort: 22, servesSsh: false })] }),
  );

  expect(before).toMatchObject([{ internalPort: 22, hostKeyFingerprint: null }]);
  expect(routes).toMatchObject([
    {
      internalPort: 22,
      isReachable: true,
      command: "ssh -p 20000 root@192.0.2.7",
      hostKeyFingerprint: null,
      knownHosts: null,
      reason: null,
    },
  ]);
});

test("the fingerprint of its SSH server is reported before there is a port, and no line that names one", () => {
  const [route] = accessMethods(environment({ status: "queued", leases: [] }));
  const [released] = accessMethods(environment({ leases: [lease({ want: "released" })] }));

  for (const reported of [route, released])
    expect(reported).toMatchObject({ hostKeyFingerprint: hostKey.fingerprint, knownHosts: null });
});

test("services come in their order, then ports opened by hand; what is switched off is not listed", () => {
  const leases = [
    lease({ service: "custom", internalPort: 80 }),
    lease({ service: "rdp", internalPort: 3389 }),
    lease(),
    lease({ service: "custom", internalPort: 81, want: "released" }),
  ];

  const routes = accessMethods(environment({ leases }));

  expect(routes.map(({ service, internalPort }) => [service, internalPort])).toEqual([
    ["ssh", 2022],
    ["custom", 80],
    ["custom", 81],
  ]);
  expect(routes[2]?.reason).toBe("The port is being released.");
});
