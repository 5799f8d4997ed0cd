/** The way of a gateway to the files process of a host: through the port for gateways and the relay, which never opens a file. */
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { createOperator } from "@nats-io/nkeys";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import {
  AccessAuthority,
  type GatewayCredential,
} from "@remotegpu/control-plane/server/link/identity/access-authority";
import { HostId } from "@remotegpu/shared/values/ids";
import { accessName } from "@remotegpu/shared/messages/joining";
import { AccessUnderTest } from "../../support/agent/access.ts";
import { encoded, FilesUnderTest, FOLDER } from "../../support/agent/files.ts";
import { eventually } from "../../support/eventually.ts";

const HOST = HostId.parse("host-1");
const LARGE = 20_000_000;

let access: AccessUnderTest;
let files: FilesUnderTest;
let authority: AccessAuthority;
let gateway: GatewayCredential;
let port: number;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  access = ending.adopt(await AccessUnderTest.begin(), (one) => one.end());
  files = ending.adopt(await FilesUnderTest.begin({ state: access.folder }), (one) => one.program.stop());
  authority = await AccessAuthority.of({ key: createOperator() });
  const key = openHostKey(`${access.folder}/host.nk`);
  const certified = await authority.certifyHost(HOST, key.accessClaim.key, new Date());
  gateway = await authority.gateway(new Date());
  await access.print({ instances: [], gateway: { key: key.accessKeyPem, ...certified } });
  port = await eventually(() => access.messages?.gatewayPort ?? undefined, { what: "the open port" });
});
afterAll(() => ending.disposeAsync());

/** Past the answer to CONNECT. */
async function enter(target: string): Promise<{ socket: TLSSocket; status: string }> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    servername: accessName(HOST),
    ca: authority.ca,
    key: gateway.key,
    cert: gateway.certificate,
  });
  await once(socket, "secureConnect");
  socket.write(`CONNECT ${target} HTTP/1.1\r\n\r\n`);
  const [answer] = await once(socket, "data");
  return { socket, status: String(answer).split(" ")[1] ?? "" };
}

async function request(path: string): Promise<{ head: string; bytes: number }> {
  const { socket } = await enter("files:1");
  const query = `folder=${encoded(FOLDER)}&path=${encoded(path)}`;
  socket.write(`GET /entry?${query} HTTP/1.1\r\nHost: files\r\nConnection: close\r\n\r\n`);
  const parts: Buffer[] = [];
  for await (const part of socket as AsyncIterable<Buffer>) parts.push(part);
  const output = Buffer.concat(parts);
  const end = output.indexOf("\r\n\r\n");
  return { head: output.subarray(0, end).toString(), bytes: output.length - end - 4 };
}

test("a gateway reads a file of the pool, of any length", async () => {
  writeFileSync(files.at("large"), Buffer.alloc(LARGE, "x"));

  const { head, bytes } = await request("large");

  expect(head).toContain("HTTP/1.1 200 OK");
  expect(bytes).toBe(LARGE);
});

test("a port of the files process that is none leads nowhere", async () => {
  const { socket, status } = await enter("files:2");
  socket.destroy();

  expect(status).toBe("503");
});

test("without the files process the route is refused, and open again once it is there", async () => {
  await files.program.kill();
  const refused = await enter("files:1");
  refused.socket.destroy();
  await files.start();
  mkdirSync(files.at("back"), { recursive: true });

  expect(refused.status).toBe("503");
  expect((await request("back")).head).toContain("HTTP/1.1 200 OK");
});
