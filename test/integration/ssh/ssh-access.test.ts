/** How people are told to get into an environment by SSH, and what its host is told of its server. */
import { createHash, createPublicKey } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;

beforeEach(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true, ssh: true, pool: "shared" });
});
afterEach(async () => await scene.close());

const ask = async (method: string, path: string, body?: unknown, as: Caller = alice) =>
  await scene.api.ask(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
/** The way in by SSH. */
const wayIn = async (id: string) => (await ask("GET", `/environments/${id}/access`)).body.services[0];

async function running(change: object = {}, on = host): Promise<string> {
  const { id } = (await scene.order(alice, change)).body;
  await scene.schedule();
  await on.round();
  return id;
}

const sshOf = (id: string, on = host) => on.desired.find(({ spec }) => spec.workloadId === id)?.live.ssh;

/** Of an Ed25519 key, as ssh-keygen shows it. */
function fingerprintOf(privatePem: string): string {
  const { x = "" } = createPublicKey(privatePem).export({ format: "jwk" });
  const head = Buffer.from("0000000b7373682d6564323535313900000020", "hex");
  const digest = createHash("sha256").update(Buffer.concat([head, Buffer.from(x, "base64url")]));
  return `SHA256:${digest.digest("base64").replace(/=+$/, "")}`;
}

test("the host key that its host gets is the one that people are told, also on another host", async () => {
  const id = await running();
  const { hostKey = "" } = sshOf(id) ?? {};
  const before = await wayIn(id);
  const other = await scene.host("host-b", { leases: true, ssh: true, pool: "shared" });
  await ask("POST", `/environments/${id}/stop`);
  await host.round({ phase: "stopped" });
  await ask("POST", "/hosts/host-a/cordon", { reason: "full" }, scene.api.admin);
  await ask("POST", `/environments/${id}/start`);
  await scene.schedule();
  await other.round();

  const after = await wayIn(id);

  expect(before.host_key_fingerprint).toBe(fingerprintOf(hostKey));
  expect(before.known_hosts).toMatch(
    new RegExp(`^\\[10\\.0\\.0\\.1\\]:${before.port} ssh-ed25519 [A-Za-z0-9+/]{68}$`),
  );
  expect(sshOf(id, other)?.hostKey).toBe(hostKey);
  expect(after).toMatchObject({ host_key_fingerprint: before.host_key_fingerprint });
  expect(after.known_hosts.split(" ").slice(1)).toEqual(before.known_hosts.split(" ").slice(1));
});

test("no two environments have the same host key, and it stands nowhere in the database", async () => {
  const [one, two] = [await running(), await running()];

  const keys = [one, two].map((id) => sshOf(id)?.hostKey ?? "");

  expect(new Set(keys).size).toBe(2);
  const { rows } = await scene.api.db.query("SELECT live, spec FROM placements");
  for (const key of keys) expect(JSON.stringify(rows)).not.toContain(key.split("\n")[1]);
});
