/** The operator's certificate of the web side, whose files change while the gateway runs. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { connect as connectPlain } from "node:net";
import type { Duplex } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serverCertificate } from "@remotegpu/control-plane/server/embedded/certificate-authority";
import { GatewayListenError } from "@remotegpu/control-plane/gateway/router/listen-error";
import { Listener } from "@remotegpu/control-plane/gateway/router/listener";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";

const folder = mkdtempSync(join(tmpdir(), "remotegpu-web-cert-"));
const certificate = { certFile: join(folder, "web.pem"), keyFile: join(folder, "web-key.pem") };
const log = memoryLog();
const open: ServerResponse[] = [];
let pairs: { certFile: string; keyFile: string }[];
let listener: Listener;

const options = { address: "127.0.0.1", port: 0, certificate, waitMs: () => 0, maxConnections: 100 };
const door = {
  request: (_request: unknown, response: ServerResponse) => {
    open.push(response);
    response.write("first");
  },
  /** What comes over such a connection goes back. */
  upgrade: (_request: unknown, socket: Duplex) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    socket.pipe(socket);
  },
};

beforeAll(async () => {
  const made = (name: string) =>
    serverCertificate(join(folder, name), { addresses: ["web.example.com"], now: new Date() });
  pairs = [await made("one"), await made("two")];
  put(0);
  listener = await Listener.open(door, options, log);
});
afterAll(async () => {
  await listener.close();
  rmSync(folder, { recursive: true });
});

/** The operator's files become those of one of the two. */
function put(nth: number, what: ("certFile" | "keyFile")[] = ["certFile", "keyFile"]): void {
  for (const file of what) copyFileSync(pairs[nth]?.[file] ?? "", certificate[file]);
}

async function dialled(): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port: listener.port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  return socket;
}

/** What is shown to somebody who connects now, by the number of its pair. */
async function visible(): Promise<number> {
  const socket = await dialled();
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return pairs.findIndex(
    ({ certFile }) => new X509Certificate(readFileSync(certFile)).fingerprint256 === fingerprint256,
  );
}

test("new connections are presented the new one, and what is open goes on", async () => {
  const before = await dialled();
  before.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(before, "data");
  expect(await visible()).toBe(0);

  put(1);
  listener.renewCertificate();

  expect(await visible()).toBe(1);
  open[0]?.end("last");
  const [last] = (await once(before, "data")) as [Buffer];
  expect(String(last)).toContain("last");
  before.destroy();
});

test("a WebSocket and a connection that is kept alive go on over a renewal, and over one that fails", async () => {
  put(0);
  listener.renewCertificate();
  const upgraded = await dialled();
  upgraded.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const [switched] = (await once(upgraded, "data")) as [Buffer];
  expect(String(switched)).toMatch(/^HTTP\/1\.1 101 /);
  const alive = await dialled();
  let text = "";
  alive.on("data", (chunk: Buffer) => (text += String(chunk)));
  const answer = async () => {
    text = "";
    alive.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await eventually(() => text.includes("first"), { what: "the beginning" });
    open.at(-1)?.end("last");
    await eventually(() => text.endsWith("last\r\n0\r\n\r\n"), { what: "the end" });
  };
  await answer();

  put(1);
  listener.renewCertificate({ isOrdered: true });
  expect(await visible()).toBe(1);
  writeFileSync(certificate.certFile, "no certificate");
  listener.renewCertificate({ isOrdered: true });
  expect(await visible()).toBe(1);

  upgraded.write("still there");
  expect(String(((await once(upgraded, "data")) as [Buffer])[0])).toBe("still there");
  await answer();
  for (const socket of [upgraded, alive]) socket.destroy();
});

test("one that cannot be used is logged again whenever it was ordered", () => {
  log.lines.length = 0;

  for (let order = 1; order <= 2; order += 1) listener.renewCertificate({ isOrdered: true });

  expect(log.lines.map(({ level }) => level)).toEqual(["error", "error"]);
  put(1);
  listener.renewCertificate();
});

test.each<[string, () => void]>([
  ["is none", () => writeFileSync(certificate.certFile, "no certificate")],
  ["belongs to another key", () => put(0, ["certFile"])],
  ["is not there", () => rmSync(certificate.certFile)],
])("one that %s is refused with an error, logged once, and the one before stays", async (_what, breakIt) => {
  put(1);
  listener.renewCertificate();
  log.lines.length = 0;

  breakIt();
  for (let check = 1; check <= 3; check += 1) listener.renewCertificate();

  expect(await visible()).toBe(1);
  expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
    ["error", "the gateway's certificate cannot be read; it goes on with the one before"],
  ]);
  put(0);
  listener.renewCertificate();
  expect(await visible()).toBe(0);
});

test("who speaks no TLS, begins it and goes no further, or sends nothing holds no connection", async () => {
  put(0);
  const hasty = await Listener.open(door, { ...options, headWithinMs: 1_000 }, log);
  const kinds = ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01", ""];
  const sockets = kinds.map((bytes) => {
    const socket = connectPlain({ host: "127.0.0.1", port: hasty.port });
    socket.on("error", () => undefined);
    socket.write(Buffer.from(bytes, "latin1"));
    return socket.resume();
  });

  await Promise.all(sockets.map((socket) => once(socket, "close")));

  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
  await hasty.close();
});

test("one address holds a quarter of all connections at most, and others come in", async () => {
  put(0);
  const small = await Listener.open(door, { ...options, maxConnections: 8 }, log);
  const from = (localAddress: string) => {
    const socket = connectPlain({ host: "127.0.0.1", port: small.port, localAddress });
    socket.on("error", () => undefined);
    return socket;
  };
  const [first, second] = [from("127.0.0.1"), from("127.0.0.1")];
  await Promise.all([once(first, "connect"), once(second, "connect")]);

  await new Promise((resolve) => from("127.0.0.1").resume().once("close", resolve));
  const visible = connect({ socket: from("127.0.0.2"), rejectUnauthorized: false });
  await once(visible, "secureConnect");
  expect([first.destroyed, second.destroyed]).toEqual([false, false]);

  first.destroy();
  const again = await eventually(
    async () => {
      const next = connect({ socket: from("127.0.0.1"), rejectUnauthorized: false });
      next.on("error", () => undefined);
      await once(next, "secureConnect");
      return next;
    },
    { withinMs: 60_000, what: "room" },
  );
  expect(again.destroyed).toBe(false);
  for (const one of [second, visible, again]) one.destroy();
  await small.close();
}, 60_000);

test("a gateway does not begin with one that is none", async () => {
  put(0, ["keyFile"]);
  writeFileSync(certificate.certFile, "no certificate");

  await expect(Listener.open(door, options, log)).rejects.toThrow(GatewayListenError);
});
