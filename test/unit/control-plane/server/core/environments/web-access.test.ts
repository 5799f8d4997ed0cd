import { expect, test } from "vitest";
import type { AccessMethod } from "@remotegpu/control-plane/server/core/environments/access-methods";
import {
  type WebEnvironment,
  whyUnreachable,
  withGateway,
  whySilent,
} from "@remotegpu/control-plane/server/core/environments/web-access";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/values/workload";

const environment = (change: Partial<WebEnvironment> = {}): WebEnvironment => ({
  name: "lab",
  status: "running",
  statusReason: null,
  switches: { ssh: true, rdp: true, jupyter: true, tensorboard: true, terminal: true },
  brings: ["shell", "notebook", "tensorboard"],
  services: null,
  ...change,
});

const textOf = (reason: Reason | null | undefined) => (reason == null ? null : inEnglish(reason));

test.each(["jupyter", "tensorboard", "terminal", "ssh", 8000] as const)(
  "of one that runs and brings everything there is a route to %s",
  (target) => {
    expect(whyUnreachable(environment(), target)).toBeNull();
  },
);

test("what is switched off is not there, whatever it does; a port has no switch", () => {
  const off = environment({
    status: "stopped",
    switches: { ssh: false, rdp: false, jupyter: false, tensorboard: false, terminal: false },
  });

  expect(whyUnreachable(off, "jupyter")).toMatchObject({ kind: "not-there" });
  expect(whyUnreachable({ ...off, status: "running" }, 8000)).toBeNull();
});

test("each status but running is one of starting or stopped", () => {
  const kinds = ENVIRONMENT_STATUSES.map((status) => [
    status,
    whyUnreachable(environment({ status }), "jupyter")?.kind ?? null,
  ]);

  expect(Object.fromEntries(kinds)).toEqual({
    queued: "starting",
    creating: "starting",
    running: null,
    stopping: "stopped",
    restarting: "starting",
    stopped: "stopped",
    error: "stopped",
    deleting: "stopped",
  });
});

test.each([
  [["shell"], "Not in the image: it has no JupyterLab."],
  [["notebook"], null],
  // Nobody could look.
  [null, null],
])("an image that brings %j: %s", (brings, sentence) => {
  expect(textOf(whyUnreachable(environment({ brings }), "jupyter")?.reason)).toBe(sentence);
});

test("what is stopped names the command that starts it, what starts reports why it waits", () => {
  expect(textOf(whyUnreachable(environment({ status: "stopped" }), 80)?.reason)).toContain(
    "remotegpu env start lab",
  );
  expect(
    textOf(
      whyUnreachable(environment({ status: "queued", statusReason: asReported("No host fits.") }), 80)
        ?.reason,
    ),
  ).toContain("No host fits.");
});

const port = (change: Partial<AccessMethod> = {}): AccessMethod => ({
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
  leadsThroughGateway: false,
  reason: asReported("No port."),
  ...change,
});
const noTerminal = { ssh: true, rdp: true, jupyter: true, tensorboard: true, terminal: false };

test("with a gateway web services lie on their origins, ports opened by hand stay what they are", () => {
  const reported = withGateway(
    [port(), port({ service: "ssh" })],
    environment(),
    (service) => `https://${service}.example.com`,
  );

  expect(
    reported.map(({ service, url, isReachable, reason }) => [service, url, isReachable, textOf(reason)]),
  ).toEqual([
    ["jupyter", "https://jupyter.example.com", true, null],
    ["ssh", null, false, "No port."],
    ["terminal", "https://terminal.example.com", true, null],
  ]);
});

test("a service where its host saw nobody is reported with the sentence, and the gateway tries it all the same", () => {
  const silent = environment({
    services: {
      jupyter: { isSeen: false, detail: "Nobody listens on port 8888 in the container." },
      terminal: { isSeen: true, detail: "" },
    },
  });

  const [jupyter, terminal] = withGateway([port()], silent, (service) => `https://${service}.example.com`);

  expect(jupyter).toMatchObject({ url: "https://jupyter.example.com", isReachable: false });
  expect(textOf(jupyter?.reason)).toBe("Nothing answers yet. Nobody listens on port 8888 in the container.");
  expect(terminal).toMatchObject({ isReachable: true, reason: null });
  expect(whyUnreachable(silent, "jupyter")).toBeNull();
});

test.each([
  ["with it", "Nobody listens on port 8888 in the container.", "service-port-closed"],
  ["as a text where it is of another one", "Nobody is there.", "as-reported"],
])("what a host sends as a code beside what it saw is reported %s", (_how, detail, code) => {
  const reason = { code: "service-port-closed", params: { port: 8888 } } as const;

  expect(whySilent({ isSeen: false, detail, reason })?.params).toMatchObject({
    reasons: [{ code: "service-silent" }, { code }],
  });
});

test("what the gateway does not reach has its origin, and the sentence", () => {
  const stopped = environment({ status: "stopped", switches: noTerminal });
  const [jupyter] = withGateway([port()], stopped, () => "https://x.example.com");

  expect(jupyter).toMatchObject({ url: "https://x.example.com", isReachable: false });
  expect(textOf(jupyter?.reason)).toContain("The environment is stopped.");
});

test("without one each names what leads in all the same, and a port that leads in stays as it is", () => {
  const reported = withGateway(
    [port(), port({ service: "tensorboard", isReachable: true, reason: null })],
    environment(),
    null,
  );

  expect(reported.map(({ reason }) => textOf(reason))).toEqual([
    expect.stringMatching(/^No port\. .*remotegpu port-forward lab 8888$/),
    null,
    expect.stringMatching(/WEB_DOMAIN.*remotegpu ssh lab$/),
  ]);
});
