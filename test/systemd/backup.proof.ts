/**
 * The backup's timer on a machine with systemd and nothing but the package of the control plane: its unit reads keys and
 * passphrase, writes its folder, removes what a killed run left, and what it wrote comes back.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Machine } from "./machine.ts";
import { Stage } from "./stage.ts";

const BUILDER = new URL("../../control-plane/install/packages/build-packages.ts", import.meta.url).pathname;
const BUILD_MS = 300_000;
const PACKAGES = "/root/packages";
const BACKUPS = "/var/lib/remotegpu-backups";
const STATE = "/var/lib/remotegpu-control-plane";
const PAYMENTS = "/var/lib/remotegpu-control-plane/payments";
const URL_OF_DATABASE = "DATABASE_URL=postgres://remotegpu:secret@127.0.0.1/remotegpu";
const SETTINGS = [URL_OF_DATABASE, `REMOTEGPU_PAYMENT_LOG=${PAYMENTS}`];
const UNIT = "remotegpu-backup";
const PROGRAM = `${URL_OF_DATABASE} remotegpu-control-plane`;
const PASSPHRASE = "/etc/remotegpu/backup-passphrase";

let built: string;
let stage: Stage;
let machine: Machine;
beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), "remotegpu-built-"));
  await execa(process.execPath, [BUILDER, "--out", built], { timeout: BUILD_MS });
  stage = await Stage.open();
  machine = await stage.machine("control", ["postgresql", "openssl"]);
  await machine.bring(await readdir(built), { from: built, to: PACKAGES });
  await machine.run(
    "DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends ./remotegpu_*.deb ./remotegpu-control-plane_*.deb",
    { folder: PACKAGES },
  );
  await eventually(() => sql("SELECT 1"), { withinMs: 60_000 });
  await sql("CREATE ROLE remotegpu LOGIN PASSWORD 'secret'");
  await sql("CREATE DATABASE remotegpu OWNER remotegpu");
  await machine.run(
    `mkdir -p /etc/remotegpu && umask 077 && printf '%s\\n' ${SETTINGS.join(" ")} >/etc/remotegpu/control-plane.env && \
     openssl rand -base64 24 >${PASSPHRASE}`,
  );
  await machine.run(`${PROGRAM} migrate`);
  // The fleet's keys, as a server would have made them.
  await machine.run(`${PROGRAM} nats-config >/dev/null`);
});
afterAll(async () => {
  await stage?.close();
  await rm(built, { recursive: true, force: true });
});

async function sql(text: string, database = "postgres"): Promise<string> {
  return await machine.run(`runuser -u postgres -- psql -d ${database} -Atc "${text}"`, { folder: "/tmp" });
}

/** Says what the unit said where it failed. */
async function start(): Promise<void> {
  await machine.run(`systemctl start ${UNIT} || { journalctl -u ${UNIT} -o cat >&2; exit 1; }`);
}

async function backups(): Promise<string[]> {
  return (await machine.run(`ls ${BACKUPS}`)).split("\n");
}

test("the unit takes a backup with keys as its own user, and the database knows when", async () => {
  await start();

  const [name = "", ...others] = await backups();
  expect(name).toMatch(/^remotegpu-\d{8}T\d{6}Z$/);
  expect(others).toEqual([]);
  expect(await machine.run(`cat ${BACKUPS}/${name}/manifest.json`)).toContain('"keys": "keys.sealed"');
  expect(await machine.run(`stat -Lc %a ${BACKUPS}`)).toBe("700");
  const isRecent = "SELECT backup_taken_at > now() - interval '5 min' FROM cluster_state";
  expect(await sql(isRecent, "remotegpu")).toBe("t");
  expect(await machine.run(`journalctl -u ${UNIT} -o cat`)).toMatch(/dumped by (pg_dump|COPY).*with keys/);
});

test("what a killed backup left is removed by the next one", async () => {
  // An own user cannot finish while somebody holds a table.
  const holder = await machine.launch(
    'runuser -u postgres -- psql -d remotegpu -c "BEGIN; LOCK TABLE customers; SELECT pg_sleep(600)"',
    { folder: "/tmp" },
  );
  await machine.run(`systemctl start --no-block ${UNIT}`);
  const partial = async () => (await backups()).filter((name) => name.endsWith(".partial"));
  await eventually(async () => expect(await partial()).toHaveLength(1), { withinMs: 60_000 });

  await machine.run(`systemctl kill --signal=KILL ${UNIT}`);
  await eventually(
    async () => expect((await machine.report(`systemctl is-active ${UNIT}`)).output.trim()).toBe("failed"),
    { withinMs: 60_000 },
  );
  expect(await partial()).toHaveLength(1);
  await holder.interrupt();
  await machine.run(`systemctl reset-failed ${UNIT}`);
  await start();

  expect(await partial()).toEqual([]);
  expect(await backups()).toHaveLength(2);
});

test("the timer is there for each night, and what it takes comes back into an empty database", async () => {
  await machine.run(`systemctl enable --now ${UNIT}.timer`);
  expect(await machine.run(`systemctl list-timers --no-legend ${UNIT}.timer`)).toContain("03:");
  const name = (await backups()).at(-1) ?? "";
  await sql("CREATE DATABASE other OWNER remotegpu");

  const restoring = await machine.run(
    `DATABASE_URL=postgres://remotegpu:secret@127.0.0.1/other remotegpu-control-plane restore --verify \
       --from ${BACKUPS}/${name} --passphrase-file ${PASSPHRASE} --state-dir /root/state`,
  );

  expect(restoring).toContain("placed /root/state/operator.json");
  expect(await machine.run(`cmp /root/state/operator.json ${STATE}/operator.json && echo same`)).toBe("same");
});
