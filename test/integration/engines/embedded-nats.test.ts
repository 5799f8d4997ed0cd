/** The NATS server that the control plane starts itself: it comes back, cleans up after a crash, and explains itself. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { startNats, NatsStartError, type EmbeddedNats } from "@remotegpu/control-plane/server/embedded/nats";
import { renderNatsConfig } from "@remotegpu/control-plane/server/link/servers/nats-config";
import { openOperator } from "@remotegpu/control-plane/server/link/servers/operator";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";

const run = promisify(execFile);
const SERVE_ALONE = new URL("../../fixtures/embedded-nats-alone.ts", import.meta.url).pathname;

let folder: string;
const running: EmbeddedNats[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-embedded-"));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(port?: number): Promise<EmbeddedNats> {
  const operator = await openOperator(join(folder, "operator.json"));
  const server = await startNats({
    stateDir: folder,
    listen: { address: "127.0.0.1", ...(port === undefined ? {} : { port }) },
    isTls: false,
    config: (at) => renderNatsConfig(operator, { ...at, serverName: "test", tls: null }),
    log: memoryLog(),
  });
  running.push(server);
  return server;
}

const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

test("it keeps its port over restarts and is gone when stopped", async () => {
  const first = await start();
  const pid = first.pid();
  await first.stop();
  expect(isAlive(pid)).toBe(false);

  const second = await start();

  expect(second.port).toBe(first.port);
  expect(second.url).toBe(`nats://127.0.0.1:${second.port}`);
});

test("a killed server is started again", async () => {
  const server = await start();
  const before = server.pid();

  process.kill(before, "SIGKILL");

  const after = await eventually(() => server.pid() !== before && (server.pid() || false), {
    what: "a new process",
  });
  expect(isAlive(after)).toBe(true);
});

test("a server left over from a killed control plane is stopped before a new one starts", async () => {
  const parent = spawn(process.execPath, [SERVE_ALONE, folder], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void parent.kill("SIGKILL"));
  const leftover = Number(String((await once(parent.stdout, "data"))[0]));
  onTestFinished(() => void (isAlive(leftover) && process.kill(leftover, "SIGKILL")));
  parent.kill("SIGKILL");
  await once(parent, "exit");
  expect(isAlive(leftover)).toBe(true);

  const server = await start();

  expect(isAlive(leftover)).toBe(false);
  expect(isAlive(server.pid())).toBe(true);
});

test("a pid file that names somebody else's process ends nobody", async () => {
  const bystander = spawn("sleep", ["60"]);
  onTestFinished(() => void bystander.kill());
  writeFileSync(join(folder, "nats.pid"), `${bystander.pid}\n`);

  await start();

  expect(isAlive(bystander.pid ?? 0)).toBe(true);
});

test("a taken port is one clear line", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const at = other.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;

  const failed = start(port);

  await expect(failed).rejects.toThrow(NatsStartError);
  await expect(failed).rejects.toThrow(`NATS cannot listen on 127.0.0.1 port ${port}: it is taken`);
});

test("a configuration that the server refuses is one clear line, and nothing is left running", async () => {
  const failed = startNats({
    stateDir: folder,
    listen: { address: "127.0.0.1" },
    isTls: false,
    config: () => "nonsense: {",
    log: memoryLog(),
  });

  await expect(failed).rejects.toThrow(/^nats-server does not start: /);
  expect(existsSync(join(folder, "nats.pid"))).toBe(false);
});

test("the printed configuration for an external server is one that nats-server takes", async () => {
  const operator = await openOperator(join(folder, "operator.json"));
  const file = join(folder, "external.conf");
  writeFileSync(
    file,
    renderNatsConfig(operator, {
      listen: { address: "0.0.0.0", port: 4222 },
      storeDir: join(folder, 'a folder with "quotes"'),
      serverName: "remotegpu-1",
      tls: null,
      cluster: {
        listen: { address: "127.0.0.1", port: 6222 },
        routes: ["nats://127.0.0.1:6222", "nats://127.0.0.1:6223"],
        caFile: null,
      },
    }),
  );

  const { stderr } = await run("/usr/sbin/nats-server", ["-t", "-c", file]);

  expect(stderr).toContain("configuration file");
});

test("a server beyond loopback lets in only routes that show a certificate of the fleet's CA", async () => {
  const operator = await openOperator(join(folder, "operator.json"));

  const text = renderNatsConfig(operator, {
    listen: { address: "0.0.0.0", port: 4222 },
    storeDir: folder,
    serverName: "remotegpu-1",
    tls: { certFile: "/tls/server.pem", keyFile: "/tls/server-key.pem" },
    cluster: {
      listen: { address: "0.0.0.0", port: 6222 },
      routes: ["nats://10.0.0.1:6222"],
      caFile: "/tls/ca.pem",
    },
  });

  const cluster = text.slice(text.indexOf("cluster {"));
  expect(cluster).toContain('ca_file: "/tls/ca.pem", verify: true');
});

test("two control planes that start at once share one operator", async () => {
  const file = join(folder, "shared", "operator.json");

  const [one, two] = await Promise.all([openOperator(file), openOperator(file)]);

  expect(one.jwt).toBe(two.jwt);
});
