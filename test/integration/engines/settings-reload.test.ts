/** A server, a gateway and the processes of a host are told to reload: each goes on, with what its files say then. */
import { X509Certificate } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { serverCertificate } from "@remotegpu/control-plane/server/embedded/certificate-authority";
import { openOperator } from "@remotegpu/control-plane/server/link/servers/operator";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/engines/free-ports.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { ACCESS, CONTROL_PLANE, FILES, Program } from "../../support/programs/program.ts";

const STORY_MS = 120_000;
const NAME = "web.example.com";
/** 127.0.0.1, written so that it is taken for an address of the outside, where the API speaks TLS. */
const OUTSIDE = "[::ffff:7f00:1]";

const ending = new AsyncDisposableStack();
let folder: string;
let fresh: FreshDatabase;
let nats: TestNats;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-reload-"));
  ending.defer(() => rmSync(folder, { recursive: true, force: true }));
  fresh = ending.adopt(await freshDatabase(), (one) => one.drop());
  nats = ending.adopt(await startTestNats({ isTls: true }), (one) => one.close());
}, STORY_MS);
afterAll(() => ending.disposeAsync());

/** The certificates of the web side, in two versions, and the files that the settings name. */
async function webCertificate(name: string) {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  const files = { certFile: join(place, "web.pem"), keyFile: join(place, "web-key.pem") };
  const made = (version: string) =>
    serverCertificate(join(place, version), { addresses: [NAME], now: new Date() });
  const versions = [await made("first"), await made("second")];
  return {
    ...files,
    put(version: 0 | 1) {
      copyFileSync(versions[version]?.certFile ?? "", files.certFile);
      copyFileSync(versions[version]?.keyFile ?? "", files.keyFile);
    },
    fingerprints: versions.map(({ certFile }) => new X509Certificate(readFileSync(certFile)).fingerprint256),
  };
}

/** What a new connection is presented. */
async function presentedAt(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, servername: NAME, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** A connection that is kept open between its requests; each answers the status and which connection it went over. */
function keptAlive(port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, servername: NAME });
  onTestFinished(() => agent.destroy());
  return async () => {
    const sent = request({ host: "127.0.0.1", port, path: "/", agent, headers: { host: NAME } });
    const [connected, answered] = [once(sent, "socket"), once(sent, "response")];
    sent.end();
    const [socket] = (await connected) as [Socket];
    const [answer] = (await answered) as [IncomingMessage];
    const { localPort } = socket;
    await once(answer.resume(), "end");
    return { isReused: sent.reusedSocket, port: localPort };
  };
}

function lineWith(program: Program, text: string, { after = 0 } = {}): Promise<string> {
  const find = () =>
    program
      .output()
      .slice(after)
      .split("\n")
      .find((line) => line.includes(text));
  return eventually(find, { what: text });
}

const hup = (program: Program) => process.kill(program.pid ?? 0, "SIGHUP");
const write = (file: string, settings: Record<string, string | number>) =>
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
    { mode: 0o600 },
  );

function started(script: string, file: string, verb: string): Program {
  const program = new Program(script, { REMOTEGPU_CONFIG_FILE: file }, `${file}.log`, verb);
  onTestFinished(() => program.stop());
  program.start();
  return program;
}

describe("the control plane", () => {
  test(
    "takes certificates and the log's level and form, and ends no connection",
    { timeout: STORY_MS },
    async () => {
      const web = await webCertificate("server");
      web.put(0);
      const [port, webPort] = [await freePort(), await freePort()];
      const stateDir = join(folder, "server-state");
      const caFile = join(folder, "server/nats-ca.pem");
      copyFileSync(join(nats.folder, "tls/ca.pem"), caFile);
      mkdirSync(stateDir);
      copyFileSync(join(nats.folder, "operator.json"), join(stateDir, "operator.json"));
      const settings = {
        REMOTEGPU_STATE_DIR: stateDir,
        REMOTEGPU_LISTEN: `${OUTSIDE}:${port}`,
        REMOTEGPU_PUBLIC_URL: `https://127.0.0.1:${port}`,
        REMOTEGPU_GATEWAY_LISTEN: `127.0.0.1:${webPort}`,
        REMOTEGPU_TUNNEL_LISTEN: "off",
        REMOTEGPU_AGENT_BUNDLE: "0",
        DATABASE_URL: fresh.url,
        NATS_URL: nats.address.urls.join(","),
        NATS_CA_FILE: caFile,
        WEB_DOMAIN: NAME,
        WEB_CERT: web.certFile,
        WEB_KEY: web.keyFile,
      };
      const file = join(folder, "server.env");
      write(file, settings);
      const server = started(CONTROL_PLANE, file, "run");
      await lineWith(server, "the control plane serves");
      const tls = join(stateDir, "tls");
      const own = () => new X509Certificate(readFileSync(join(tls, "server.pem"))).fingerprint256;
      const firstOwn = own();
      expect([await presentedAt(port), await presentedAt(webPort)]).toEqual([firstOwn, web.fingerprints[0]]);
      const open = [keptAlive(port), keptAlive(webPort)];
      const before = await Promise.all(open.map((visit) => visit()));

      // New ones, of whatever is on its disk.
      web.put(1);
      for (const name of ["server.pem", "server-key.pem"]) rmSync(join(tls, name));
      copyFileSync(join(folder, "server/second/ca.pem"), caFile);
      write(file, {
        ...settings,
        REMOTEGPU_LOG_FORMAT: "text",
        REMOTEGPU_PUBLIC_URL: "https://other.example.com",
      });
      hup(server);

      const pending = await lineWith(server, "changed settings take effect at the next restart");
      expect(pending).toMatch(/^\S+Z WARN  changed .* settings=\["REMOTEGPU_PUBLIC_URL"\]$/);
      await lineWith(server, "the API presents its new certificate");
      await lineWith(server, "the CA of NATS was read again");
      expect(own()).not.toBe(firstOwn);
      const now = [own(), web.fingerprints[1]];
      expect([await presentedAt(port), await presentedAt(webPort)]).toEqual(now);
      const after = await Promise.all(open.map((visit) => visit()));
      expect(after).toEqual(before.map(({ port: same }) => ({ isReused: true, port: same })));

      // Broken ones: an error each, and everything stays.
      const sofar = server.output().length;
      for (const broken of [web.certFile, join(tls, "server.pem"), caFile])
        writeFileSync(broken, "no certificate\n");
      write(file, { ...settings, REMOTEGPU_LOG_LEVEL: "loud" });
      hup(server);

      await lineWith(server, "the API's certificate cannot be renewed", { after: sofar });
      const errors = server
        .output()
        .slice(sofar)
        .split("\n")
        .filter((line) => line.includes("Z ERROR "));
      expect(errors.map((line) => line.split(" ").slice(2, 8).join(" "))).toEqual([
        "the settings are invalid; those from",
        "the gateway's certificate cannot be read;",
        "the CA of NATS cannot be",
        "the API's certificate cannot be renewed;",
      ]);
      expect([await presentedAt(port), await presentedAt(webPort)]).toEqual(now);
      expect(await Promise.all(open.map((visit) => visit()))).toEqual(after);
      expect(server.isEnded).toBe(false);
    },
  );
});

test(
  "a gateway alone takes its certificate, and writes nothing below the new level",
  { timeout: STORY_MS },
  async () => {
    const web = await webCertificate("gateway");
    web.put(0);
    const webPort = await freePort();
    const stateDir = join(folder, "gateway-state");
    mkdirSync(stateDir);
    await openOperator(join(stateDir, "operator.json"));
    const settings = {
      REMOTEGPU_STATE_DIR: stateDir,
      REMOTEGPU_GATEWAY_LISTEN: `127.0.0.1:${webPort}`,
      REMOTEGPU_TUNNEL_LISTEN: "off",
      DATABASE_URL: fresh.url,
      WEB_DOMAIN: NAME,
      WEB_CERT: web.certFile,
      WEB_KEY: web.keyFile,
    };
    const file = join(folder, "gateway.env");
    write(file, settings);
    const gateway = started(CONTROL_PLANE, file, "gateway");
    await lineWith(gateway, "the gateway serves");
    const visit = keptAlive(webPort);
    const { port } = await visit();

    web.put(1);
    write(file, { ...settings, REMOTEGPU_LOG_LEVEL: "error" });
    hup(gateway);

    await eventually(async () => (await presentedAt(webPort)) === web.fingerprints[1], {
      what: "the new certificate",
    });
    expect(await visit()).toEqual({ isReused: true, port });
    expect(gateway.output()).not.toContain("presents its new certificate");
    expect(gateway.output()).not.toContain("the settings were read again");
  },
);

describe("a process of a host", () => {
  test.each([
    { script: ACCESS, name: "access" },
    { script: FILES, name: "files" },
  ])("$name takes the log's form and goes on", { timeout: STORY_MS }, async ({ script, name }) => {
    const settings = {
      REMOTEGPU_STATE_DIR: join(folder, `${name}-state`),
      REMOTEGPU_LEASE_ADDRESS: "127.0.0.1",
      REMOTEGPU_GATEWAY_PORT: 0,
      REMOTEGPU_LOG_LEVEL: "warn",
    };
    mkdirSync(join(folder, `${name}-state/pool`), { recursive: true });
    const file = join(folder, `${name}.env`);
    write(file, settings);
    const program = started(script, file, "run");
    await eventually(() => isHupCaught(program.pid), { what: "that it listens for HUP" });
    const { pid } = program;

    write(file, { ...settings, REMOTEGPU_LOG_LEVEL: "info", REMOTEGPU_LOG_FORMAT: "text" });
    hup(program);

    const line = await lineWith(program, "the settings were read again");
    expect(line).toMatch(/^\S+Z INFO  the settings were read again .*logLevel=info logFormat=text$/);
    expect([program.isEnded, program.pid]).toEqual([false, pid]);
  });
});

/** Before, the signal would end it. */
function isHupCaught(pid: number | undefined): boolean {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return (caught & 1n) === 1n;
}
