/**
 * `npm run protocol:record`: plays a host and a control plane of this version, or with `-- previous` those of the previous
 * release, and writes one message of each kind that passes between them into `fixtures/protocol/recorded/VERSION`: the longest,
 * since it has the most members. What names this machine is written otherwise. Needs the container runtime.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NatsConnection } from "nats";
import { z } from "zod";
import { AGENT_VERSION } from "@remotegpu/agent/process/version";
import { connectControlPlane } from "@remotegpu/control-plane/server/link/servers/connection";
import { openOperator } from "@remotegpu/control-plane/server/link/servers/operator";
import { eventually } from "../eventually.ts";
import { OWN_PROGRAMS } from "../programs/program.ts";
import { quietLog } from "../quiet-log.ts";
import { BUSYBOX_IMAGE } from "../samples/desired-instance.ts";
import { aPublicKey } from "../samples/ssh-keys.ts";
import { House, type HostProcess } from "../worlds/house.ts";
import { previousRelease, sourcesOf } from "./previous-release.ts";
import { RECORDED } from "./recorded-messages.ts";
import { PREVIOUS } from "./releases.ts";

const WITHIN_MS = 180_000;
const MAX_BYTES = 16 * 1024;
/** Without these nothing is written. */
const EXPECTED = [
  "heartbeat",
  "heartbeat-reply",
  "pull",
  "pull-reply",
  "observed",
  "observed-reply",
  "journal-batch",
  "exec",
  "exec-reply",
  "log-open",
  "session-opened",
  "session-data",
  "session-close",
];

/** A job that writes one. */
const ONE_LINE = ["--max-minutes", "30", "--wait", "--", "sh", "-c", "echo recorded"];

const Message = z.looseObject({ kind: z.string().regex(/^[a-z-]+$/) });
const Credential = z.looseObject({ grant: z.looseObject({ nats_urls: z.array(z.string()) }) });

const isPrevious = process.argv[2] === "previous";
const version = isPrevious ? PREVIOUS.version : AGENT_VERSION;
const longest = new Map<string, string>();

function note(bytes: Uint8Array): void {
  const text = new TextDecoder().decode(bytes);
  if (bytes.length > MAX_BYTES || !text.startsWith('{"kind":')) return;
  const { kind } = Message.parse(JSON.parse(text));
  if (text.length > (longest.get(kind)?.length ?? 0)) longest.set(kind, text);
}

/** Everything that the control plane's account sees: requests of hosts, its own, and the answers to both. */
async function listen(house: House, { folder }: HostProcess): Promise<NatsConnection> {
  const operator = await openOperator(join(house.folder, "control-plane/operator.json"));
  const { grant } = Credential.parse(JSON.parse(readFileSync(join(folder, "credential.json"), "utf8")));
  const connection = await connectControlPlane(operator, { urls: grant.nats_urls, ca: null }, quietLog);
  connection.subscribe(">", { callback: (error, message) => error ?? note(message.data) });
  return connection;
}

async function command(house: House, ...words: string[]): Promise<void> {
  const { exitCode, stderr } = await house.cli(words);
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
}

async function playThrough(house: House): Promise<void> {
  await house.customer.post("/ssh-keys", { name: "recorded", public_key: aPublicKey() });
  const order = {
    image: BUSYBOX_IMAGE,
    cpu: 1,
    memory: 128 * 2 ** 20,
    gpu: 1,
    name: "recorded",
  };
  const id = String((await house.customer.post("/environments", order)).id);
  await house.environment(id, "running", WITHIN_MS);
  const path = `/environments/${id}`;
  await house.customer.post("/port-mappings", { env_id: id, service_type: "custom", internal_port: 7000 });
  await house.customer.post(`${path}/exec`, {
    argv: ["sh", "-c", "cat; echo no >&2"],
    stdin: "yes\n",
  });
  await command(house, "job", "create", "count", "--image", BUSYBOX_IMAGE, ...ONE_LINE);
  await command(house, "job", "logs", "count");
  await house.customer.post(`${path}/restart`);
  await house.environment(id, "running", WITHIN_MS);
  await eventually(() => EXPECTED.every((kind) => longest.has(kind)), {
    withinMs: WITHIN_MS,
    what: "each kind of message",
  }).catch((error: unknown) => {
    const missing = EXPECTED.filter((kind) => !longest.has(kind));
    throw new Error(`not sent: ${missing.join(", ")}`, { cause: error });
  });
}

/** Of this machine only its own images, a name and addresses of the documentation's networks. */
function anonymous(text: string, house: House): unknown {
  return JSON.parse(text.replaceAll(house.folder, "/var/lib/remotegpu"), (key, value: unknown) => {
    if (key === "hostname" && typeof value === "string" && !value.startsWith("env")) return "gpu-1";
    if (key === "ipAddress") return "192.0.2.7";
    if (key === "images" && Array.isArray(value)) return [BUSYBOX_IMAGE];
    return value;
  });
}

const programs = isPrevious ? sourcesOf(await previousRelease()) : OWN_PROGRAMS;
const house = await House.open({ hosts: 0 });
try {
  await house.changeControlPlane(programs);
  house.controlPlane.start();
  await house.serves();
  const pool = { REMOTEGPU_STORAGE_POOL: "pool-a" };
  const host = await house.addHost(pool, { programs });
  const connection = await listen(house, host);
  await playThrough(house);
  await connection.close();
} finally {
  await house.close();
}
const folder = join(RECORDED, version);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [kind, text] of longest)
  writeFileSync(join(folder, `${kind}.json`), `${JSON.stringify(anonymous(text, house), null, 2)}\n`);
console.log(`${longest.size} kinds of messages of ${version} in ${folder}`);
