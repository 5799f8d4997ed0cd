/**
 * The control plane's container image, built from its packages and run as its page says: a root that nobody can write, a user
 * that is not root, no capability, its state in a volume, on a Postgres and a NATS of another machine.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { USER_ID } from "../../control-plane/install/image/image-configuration.ts";
import { eventually } from "../support/eventually.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";

const PACKAGES_BUILDER = new URL("../../control-plane/install/packages/build-packages.ts", import.meta.url)
  .pathname;
const IMAGE_BUILDER = new URL("../../control-plane/install/image/build-image.ts", import.meta.url).pathname;
const BUILD_MS = 600_000;
const SERVING_MS = 120_000;
const IMAGE = `remotegpu-proof/control-plane:${process.pid}`;
const STATE = "/var/lib/remotegpu-control-plane";
const NAME = `remotegpu-proof-${process.pid}-server`;
const ENGINES = "engines";
const PORT = 8443;
const DATABASE = `postgres://remotegpu:secret@${ENGINES}/remotegpu`;
const Listed = z.object({ items: z.array(z.object({ name: z.string() })) });
const OPENSSL = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";

let folder: string;
let stage: Stage;
let engines: Machine;
let key: string;

/** What the page tells to give `docker run`. */
const confined = () => [
  "--read-only",
  "--cap-drop=ALL",
  "--security-opt=no-new-privileges",
  `--network=${stage.network}`,
  `--volume=${NAME}:${STATE}`,
  `--volume=${join(folder, "credentials")}:/etc/remotegpu/credentials:ro`,
  `--env-file=${join(folder, "control-plane.env")}`,
];

/** One command of the image, in a container of its own. */
async function once(...words: string[]): Promise<string> {
  return (await execa("docker", ["run", "--rm", ...confined(), IMAGE, ...words])).stdout;
}

/** In the server's container, by its rights. */
async function inside(...words: string[]) {
  return await execa("docker", ["exec", NAME, ...words], { reject: false, all: true });
}

/** The command of the same image, over HTTPS. */
async function cli(line: string): Promise<string> {
  const variables = [
    `REMOTEGPU_SERVER=https://${NAME}:${PORT}`,
    `REMOTEGPU_KEY=${key}`,
    `REMOTEGPU_CA=${STATE}/tls/ca.pem`,
  ].map((variable) => `--env=${variable}`);
  const { stdout } = await execa("docker", ["exec", ...variables, NAME, "remotegpu", ...line.split(" ")]);
  return stdout;
}

async function names(): Promise<string[]> {
  const { items } = Listed.parse(JSON.parse(await cli("env list --json")));
  return items.map(({ name }) => name);
}

async function serve(): Promise<void> {
  await execa("docker", ["run", "--detach", `--name=${NAME}`, ...confined(), IMAGE]);
  await eventually(async () => expect(await get("/healthz")).toMatch(/^200 .*"status"/), {
    withinMs: SERVING_MS,
    what: "a server that answers",
  });
}

/** Status and body of what the server answers, over HTTPS by the fleet's own CA. */
async function get(path: string): Promise<string> {
  const script = `
    const { get } = await import("node:https"), { readFileSync } = await import("node:fs");
    get("https://${NAME}:${PORT}${path}", { ca: readFileSync("${STATE}/tls/ca.pem") }, (response) => {
      process.stdout.write(response.statusCode + " ");
      response.pipe(process.stdout);
    });`;
  return (await inside("/usr/lib/remotegpu/node", "--input-type=module", "--eval", script)).all;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "remotegpu-image-"));
  const debs = join(folder, "debs");
  await execa(process.execPath, [PACKAGES_BUILDER, "--out", debs], {
    timeout: BUILD_MS,
  });
  const builder = [IMAGE_BUILDER, "--packages", debs, "--tag", IMAGE];
  await execa(process.execPath, builder, { timeout: BUILD_MS });
  stage = await Stage.open();
  engines = await stage.machine(ENGINES, ["postgresql", "nats-server", "openssl"]);
  await database();
  await settings();
});
afterAll(async () => {
  await execa("docker", ["rm", "--force", NAME], { reject: false });
  await execa("docker", ["volume", "rm", NAME], { reject: false });
  await stage?.close();
  await execa("docker", ["image", "rm", IMAGE], { reject: false });
  await rm(folder, { recursive: true, force: true });
});

async function database(): Promise<void> {
  const sql = (text: string) => engines.run(`runuser -u postgres -- psql -c "${text}"`, { folder: "/tmp" });
  await engines.run(
    `cd /etc/postgresql/*/main && echo "listen_addresses = '*'" >>postgresql.conf && \
     echo "host all all all scram-sha-256" >>pg_hba.conf && systemctl restart postgresql`,
  );
  await eventually(() => sql("SELECT 1"), { withinMs: 60_000 });
  await sql("CREATE ROLE remotegpu LOGIN PASSWORD 'secret'");
  await sql("CREATE DATABASE remotegpu OWNER remotegpu");
  const ca = `${OPENSSL} -subj "/CN=the operator" -keyout ca-key.pem -out ca.pem`;
  const server = `${OPENSSL} -CA ca.pem -CAkey ca-key.pem -subj "/CN=${ENGINES}" -addext "subjectAltName=DNS:${ENGINES}" \
    -addext "basicConstraints=critical,CA:FALSE" -keyout server-key.pem -out server.pem`;
  await engines.run(
    `mkdir -p /etc/nats && cd /etc/nats && ${ca} && ${server} && chgrp nats *.pem && chmod 640 server-key.pem && \
     install -d -o nats -g nats /var/lib/nats`,
  );
}

async function settings(): Promise<void> {
  const lines = [
    `DATABASE_URL=${DATABASE}`,
    `NATS_URL=tls://${ENGINES}:4222`,
    "NATS_CA_FILE=/etc/remotegpu/credentials/nats-ca.pem",
    `REMOTEGPU_LISTEN=0.0.0.0:${PORT}`,
    `REMOTEGPU_PUBLIC_URL=https://${NAME}:${PORT}`,
  ];
  await writeFile(join(folder, "control-plane.env"), `${lines.join("\n")}\n`);
  await execa("mkdir", ["--mode=755", join(folder, "credentials")]);
  await writeFile(join(folder, "credentials/nats-ca.pem"), await engines.run("cat /etc/nats/ca.pem"));
}

test("it runs as a user that is not root, and names the folder that it keeps", async () => {
  const { stdout } = await execa("docker", ["image", "inspect", "--format", "{{json .Config}}", IMAGE]);

  expect(JSON.parse(stdout)).toMatchObject({
    User: `${USER_ID}:${USER_ID}`,
    Volumes: { [STATE]: {} },
    Cmd: ["run"],
  });
});

test("it brings the database to its schema, and makes the fleet's keys and the configuration of NATS", async () => {
  expect(await once("migrate")).toMatch(/\d{4}_\w+\.sql/);

  const config = await once(
    "nats-config",
    "--tls-cert=/etc/nats/server.pem",
    "--tls-key=/etc/nats/server-key.pem",
  );
  expect(config).toContain("jetstream");
  await engines.run(`cat >/etc/nats-server.conf <<'END'\n${config}\nEND\nsystemctl restart nats-server`);
});

test("it serves with a root that it cannot write, as its user, without a capability", async () => {
  await serve();

  expect((await inside("touch", "/usr/lib/remotegpu/new")).all).toContain("Read-only file system");
  const { stdout: status } = await execa("docker", ["exec", NAME, "cat", "/proc/1/status"]);
  expect(status).toMatch(new RegExp(`^Uid:\\t${USER_ID}\\t${USER_ID}\\t${USER_ID}\\t${USER_ID}$`, "m"));
  expect(status).toMatch(/^CapEff:\t0+$/m);
  expect(status).toMatch(/^CapBnd:\t0+$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(await get("/healthz")).not.toContain("degraded");
});

test("it takes an order by HTTP, and hands out agent and packages", async () => {
  key = (await inside("remotegpu-control-plane", "admin-key")).stdout.trim();
  for (const line of ["cpu", "memory", "gpu"]) await cli(`price set default ${line} 1`);
  await cli("quota set --customer 1 --cpu 8 --memory 8G --gpu 2 --storage 20G --environments 4");
  await cli("customer top-up 1 100000");
  await cli("image create proof/busybox:1");

  await cli("env create first --image proof/busybox:1 --cpu 1 --memory 256M --gpu 1");

  expect(await names()).toEqual(["first"]);
  await eventually(async () => expect(await get("/install.sh")).toMatch(/^200 #!\/bin\/sh/), {
    withinMs: 60_000,
  });
  expect(await get("/install/")).toMatch(/^200 .*remotegpu-agent_/);
});

test("a container that is replaced goes on with the same keys, from its volume", async () => {
  await execa("docker", ["stop", "--time=60", NAME]);
  const format = ["inspect", "--format", "{{.State.ExitCode}}", NAME];
  expect((await execa("docker", format)).stdout).toBe("0");
  await execa("docker", ["rm", NAME]);

  await serve();

  expect(await names()).toEqual(["first"]);
});
