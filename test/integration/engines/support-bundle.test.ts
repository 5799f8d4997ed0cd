/** The server's support bundle: what is in it, that no secret is, and that it comes while everything is down. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { bundleArchive } from "@remotegpu/shared/support-bundle/bundle-archive";
import { COMPILED } from "../../support/suite/compiled.ts";
import { freePort } from "../../support/engines/free-ports.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";
import { PlantedSecrets } from "../../support/planted-secrets.ts";
import { programFolder } from "../../support/programs/program-folder.ts";
import { CONTROL_PLANE } from "../../support/programs/program.ts";
import { unpackedBundle } from "../../support/unpacked-bundle.ts";

const OWNER_ONLY = 0o600;
/** A command of a new process that waits for what is down, each part for up to 15 s. */
const COMMAND_WITHIN_MS = 100_000;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "remotegpu-bundle-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A record of the system's journal, as journalctl prints it. */
function record(message: unknown): string {
  const fields = {
    __REALTIME_TIMESTAMP: "1767225600000000",
    _SYSTEMD_UNIT: "remotegpu-control-plane.service",
  };
  return `${JSON.stringify({ ...fields, MESSAGE: message })}\n`;
}

async function bundleOf(env: Record<string, string>, args: string[]) {
  return await execa(process.execPath, [CONTROL_PLANE, "support-bundle", ...args], {
    env: { ...COMPILED, ...env },
    reject: false,
    timeout: COMMAND_WITHIN_MS,
    encoding: "buffer",
  });
}

/** Where people's data stands in the database. */
async function plantIn({ database }: FreshDatabase, planted: PlantedSecrets): Promise<void> {
  const value = (place: string) => planted.plant(place);
  const word = (place: string) => planted.plant(place, (text) => text);
  const { rows } = await database.query<{ id: number }>(
    `INSERT INTO customers (username, email, password_hash, display_name, phone, full_name, company, avatar_url)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
    [
      word("username"),
      `${word("mailbox")}@${word("mail-domain")}.example`,
      value("password hash"),
      value("display name"),
      word("phone"),
      value("full name"),
      value("company"),
      value("avatar"),
    ],
  );
  const customer = rows[0]?.id;
  await database.query(
    "INSERT INTO ssh_keys (customer_id, name, public_key, fingerprint) VALUES ($1, $2, $3, $4)",
    [customer, value("key name"), value("ssh key"), value("fingerprint")],
  );
  await database.query("INSERT INTO webhooks (customer_id, url, secret) VALUES ($1, $2, $3)", [
    customer,
    value("webhook address"),
    value("webhook secret"),
  ]);
  await database.query(
    `INSERT INTO registry_credentials (id, customer_id, registry, username, sealed_password, sealed_by, created_at)
     VALUES ('rc-1', $1, $2, $3, $4, 'key', now())`,
    [customer, value("registry"), value("registry user"), Buffer.from(value("sealed password"))],
  );
  await database.query(
    "INSERT INTO api_keys (customer_id, name, prefix, key_hash) VALUES ($1, $2, 'rgk_abcd', $3)",
    [customer, value("api key name"), value("api key hash")],
  );
  await database.query(
    `INSERT INTO environments (id, customer_id, name, description, image, cpu, memory)
     VALUES ('env-1', $1, $2, $3, $4, 1, 1)`,
    [customer, value("environment name"), value("description"), value("image")],
  );
  await database.query(
    `INSERT INTO hosts (id, name, ip_address, labels, cordon_reason, status_reason)
     VALUES ('host-a', $1, '10.0.0.1', $2, $3, $4)`,
    [
      value("host name"),
      JSON.stringify({ a: value("host label") }),
      value("cordon reason"),
      value("status reason"),
    ],
  );
  await database.query(
    `INSERT INTO alarms (kind, subject, detail, reason_code, reason_params)
     VALUES ('charge-failed', 'customer 7', $1, 'charge-failed', $2)`,
    [value("alarm detail"), JSON.stringify({ why: value("alarm parameter") })],
  );
}

/** Lines that a server, systemd or Node may have written. */
function plantedLog(planted: PlantedSecrets): string {
  const word = (place: string) => planted.plant(place, (text) => text);
  const fields = (more: object) =>
    JSON.stringify({
      level: "warn",
      time: "2026-01-01T00:00:00.000Z",
      trace_id: "4bf92f3577b34da6",
      ...more,
    });
  return [
    record(fields({ msg: `a request with Authorization: Bearer ${word("bearer token in a log")}` })),
    record(fields({ msg: "refused", customer: planted.plant("customer's name in a log") })),
    record(fields({ msg: "refused", env: { HF_TOKEN: planted.plant("variable in a log") } })),
    record(
      fields({
        msg: "failed",
        error: {
          message: `no way to amqp://user:${word("URL in an error")}@queue/x`,
          detail: planted.plant("detail"),
        },
      }),
    ),
    record(`2026-01-01T00:00:00.000Z WARN  refused name=${word("text field")} host=host-a`),
    record(`2026-01-01T00:00:00.000Z WARN  refused name="${word("quoted text field")} and more"`),
    record([...Buffer.from(`odd bytes password=${word("bytes of a log")}`)]),
    record(`mail from ${word("address in a log")}@example.com`),
    record(`key rgk_${word("api key in a log")} and whsec_${word("webhook in a log")}`),
    record(`-----BEGIN PRIVATE KEY----- ${word("private key in a log")}`),
    record(`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA${word("ssh key in a log")} me`),
    record('{"level":"info","time":"2026-01-01T00:00:01.000Z","host":"host-a","msg":"a line to read"}'),
  ].join("");
}

interface Scene {
  env: Record<string, string>;
  planted: PlantedSecrets;
  file: string;
}

/** All places where a secret of a server stands, and a Postgres and a NATS that answer. */
async function scene(database: FreshDatabase, nats: TestNats): Promise<Scene> {
  const planted = new PlantedSecrets();
  await plantIn(database, planted);
  const stateDir = nats.folder;
  const operatorWords = JSON.stringify(nats.operator.preload);
  planted.add("account tokens", /eyJ[\w-]{30,}\.[\w-]{30,}/.exec(operatorWords)?.[0] ?? "");
  planted.add("challenge secret", nats.operator.challengeSecret);
  planted.add("operator's seed", Buffer.from(nats.operator.key.getSeed()).toString());
  mkdirSync(join(stateDir, "tls"), { recursive: true });
  mkdirSync(join(stateDir, "postgres"), { recursive: true });
  writeFileSync(join(stateDir, "tls/ca-key.pem"), planted.plant("CA key"));
  writeFileSync(join(stateDir, "postgres/password"), planted.plant("password of our Postgres"));
  const clientSecretFile = join(stateDir, "client-secret");
  writeFileSync(clientSecretFile, planted.plant("client secret"));
  const settingsFile = join(stateDir, "settings.env");
  const mistyped = planted.plant("mistyped setting", (text) => text);
  writeFileSync(
    settingsFile,
    `REMOTEGPU_JOIN_TOKN=${mistyped}\nS3_SECRET_KEY=${planted.plant("S3 key", (t) => t)}\n`,
  );
  const url = new URL(database.url);
  const { database: owner } = database;
  const password = planted.plant("password of DATABASE_URL", (text) => `${text}/+@:#`);
  const role = `bundle_${url.pathname.slice(1)}`;
  await owner.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${password}'`);
  onTestFinished(async () => void (await owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)));
  url.username = role;
  url.password = encodeURIComponent(password);
  const path = programFolder({
    journalctl: plantedLog(planted),
    systemctl: `Id=remotegpu-control-plane.service\nActiveState=active\nEnvironment=API_TOKEN=${planted.plant("unit's environment", (t) => t)}\n`,
  });
  return {
    planted,
    file: join(folder(), "bundle.tar.gz"),
    env: {
      PATH: `${path}:${process.env["PATH"]}`,
      DATABASE_URL: url.href,
      NATS_URL: nats.address.urls.join(","),
      REMOTEGPU_STATE_DIR: stateDir,
      REMOTEGPU_LISTEN: `127.0.0.1:${await freePort()}`,
      REMOTEGPU_CONFIG_FILE: settingsFile,
      REMOTEGPU_OIDC_ISSUER: "https://login.example",
      REMOTEGPU_OIDC_CLIENT_ID: "fleet",
      REMOTEGPU_OIDC_CLIENT_SECRET_FILE: clientSecretFile,
      RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: planted.plant("variable of rclone"),
      HTTPS_PROXY: `http://proxy:${planted.plant("password of a proxy", (text) => text)}@proxy:3128`,
    },
  };
}

test(
  "it has what a helper needs, and no planted secret in any form",
  async () => {
    const database = await freshDatabase();
    onTestFinished(() => database.drop());
    const nats = await startTestNats();
    onTestFinished(() => nats.close());
    const { env, planted, file } = await scene(database, nats);

    const ended = await bundleOf(env, ["--to", file]);

    expect(Buffer.from(ended.stderr).toString()).toContain("left out: metrics.prom: ");
    expect(ended.exitCode).toBe(0);
    const bundle = unpackedBundle(file);
    expect(planted.places.length).toBeGreaterThan(40);
    expect(planted.foundIn(bundle.bytes)).toEqual([]);
    expect(planted.foundIn(Buffer.concat([Buffer.from(ended.stdout), Buffer.from(ended.stderr)]))).toEqual(
      [],
    );
    expect(statSync(file).mode & 0o777).toBe(OWNER_ONLY);
    expect(bundle.manifest.left_out.map(({ name }) => name)).toEqual(["metrics.prom"]);
    expect(bundle.json("database/migrations.json")).toContainEqual(
      expect.objectContaining({ name: "0004_control_plane.sql" }),
    );
    expect(bundle.json("database/hosts.json")).toEqual([
      expect.objectContaining({ id: "host-a", connection: "never" }),
    ]);
    expect(bundle.json("database/alarms.json")).toEqual([
      expect.objectContaining({ kind: "charge-failed", subject: "customer 7" }),
    ]);
    expect(bundle.json("database/settings.json")).toContainEqual(
      expect.objectContaining({ name: "max_connections" }),
    );
    expect(bundle.json("nats/jetstream.json")).toMatchObject({ server: { name: "test" }, streams: [] });
    expect(bundle.text("doctor.jsonl")).toContain('"check":"transactions-sum-to-zero"');
    expect(bundle.text("log.jsonl")).toContain("a line to read");
    expect(bundle.text("settings.json")).toContain("REMOTEGPU_JOIN_TOKN");
    expect(bundle.text("units.txt")).toContain("ActiveState=active");
    expect(bundle.text("disks.txt")).toContain("Avail");
    // What whoever asks for a second one has is not overwritten.
    const again = await bundleOf(env, ["--to", file]);
    expect(Buffer.from(again.stderr).toString()).toContain(
      `remotegpu-control-plane: EEXIST: file already exists`,
    );
    expect(again.exitCode).toBe(1);
  },
  2 * COMMAND_WITHIN_MS,
);

test("a secret that was in it would be found", async () => {
  const planted = new PlantedSecrets();
  const plain = planted.plant("plain");
  const encoded = planted.plant("encoded");
  planted.plant("absent");
  const text = `{"a":${JSON.stringify(plain)},"b":"${Buffer.from(`Basic user:${encoded}`).toString("base64")}"}`;
  const file = join(folder(), "bundle.tar.gz");
  const head = { program: "p", version: "1", madeAt: new Date(), tookMs: 1 };
  const entries = [{ name: "a.json", text }];
  writeFileSync(file, gzipSync(bundleArchive("folder", head, { entries, described: [], left_out: [] })));

  const found = planted.foundIn(unpackedBundle(file).bytes);

  expect(found).toContain("plain: json");
  expect(found.some((form) => form.startsWith("encoded: base64"))).toBe(true);
  expect(found.filter((form) => form.startsWith("absent"))).toEqual([]);
});

test(
  "with everything down it says what is missing, and goes to standard output",
  async () => {
    const stateDir = folder();
    const planted = new PlantedSecrets();
    const password = planted.plant("password", (text) => text);
    const token = planted.plant("token of NATS", (text) => text);
    const nowhere = `127.0.0.1:${await freePort()}`;
    // A program that hangs holds up only its own entry.
    const path = programFolder({ df: null, journalctl: "", systemctl: "ActiveState=failed\n" });
    const env = {
      PATH: `${path}:${process.env["PATH"]}`,
      DATABASE_URL: `postgres://app:${password}@${nowhere}/x`,
      NATS_URL: `nats://${token}@${nowhere}`,
      REMOTEGPU_STATE_DIR: stateDir,
      REMOTEGPU_LISTEN: nowhere,
    };

    const ended = await bundleOf(env, ["--to", "-"]);

    expect(ended.exitCode).toBe(0);
    const file = join(stateDir, "received.tar.gz");
    writeFileSync(file, ended.stdout);
    const bundle = unpackedBundle(file);
    expect(planted.foundIn(Buffer.concat([bundle.bytes, Buffer.from(ended.stderr)]))).toEqual([]);
    const reasons = new Map(bundle.manifest.left_out.map(({ name, reason }) => [name, reason]));
    expect(reasons.get("database/tables.json")).toContain(
      `cannot reach Postgres at ${nowhere}: ECONNREFUSED`,
    );
    expect(reasons.get("nats/jetstream.json")).toContain("operator.json, the key to NATS, is not there");
    expect(reasons.get("log.jsonl")).toContain("has no lines of remotegpu-control-plane.service");
    expect(reasons.get("disks.txt")).toBe("df was not over within 10 s");
    expect(bundle.names).toEqual([
      "manifest.json",
      "version.json",
      "settings.json",
      "units.txt",
      "doctor.jsonl",
    ]);
  },
  COMMAND_WITHIN_MS,
);

test(
  "with settings at fault it says which, and looks nowhere else",
  async () => {
    const file = join(folder(), "bundle.tar.gz");

    const ended = await bundleOf({ REMOTEGPU_LISTEN: "everywhere", PATH: programFolder({}) }, ["--to", file]);

    expect(ended.exitCode).toBe(0);
    const bundle = unpackedBundle(file);
    expect(bundle.names).toEqual(["manifest.json", "version.json", "settings.json"]);
    expect(bundle.manifest.left_out.map(({ name }) => name)).toEqual(["units.txt", "log.jsonl"]);
    expect(bundle.text("settings.json")).toContain('"sound": false');
  },
  COMMAND_WITHIN_MS,
);
