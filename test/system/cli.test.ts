/** The remotegpu command against the running system: the owner's and the customer's whole day, by the command alone. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { commandFile } from "../support/suite/command-file.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { eventually } from "../support/eventually.ts";
import { House } from "../support/worlds/house.ts";
import { AGENT } from "../support/programs/program.ts";
import { freshDatabase, type FreshDatabase } from "../support/engines/postgres.ts";

const PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJyZWFkLWFuZC1idXR0ZXItYW5kLWphbS1mb3ItdGVh ada@work";
const Row = z.looseObject({ id: z.union([z.string(), z.number()]).transform(String) });
const List = z.object({ items: z.array(z.looseObject({})) });

let database: FreshDatabase;
let house: House;
let hostId: string;
let gpuUuid: string;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  house = ending.adopt(await House.open({ hosts: 1, settings: { DATABASE_URL: database.url } }), (one) =>
    one.close(),
  );
  hostId = house.hosts[0]?.id ?? "";
  gpuUuid = String((await house.admin.rows(`/hosts/${hostId}/gpus`))[0]?.uuid);
});
afterAll(() => ending.disposeAsync());

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

async function throughCat(id: string, input: Buffer) {
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    [commandFile(), "env", "exec", "--stdin", id, "--", "sh", "-c", "cat"],
    {
      env: { REMOTEGPU_SERVER: house.url, REMOTEGPU_KEY: house.customerKey, HOME: house.folder },
      extendEnv: false,
      reject: false,
      input,
      encoding: "buffer",
      stripFinalNewline: false,
      timeout: 60_000,
    },
  );
  return { exitCode, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) };
}

type Who = { asOwner?: boolean };

/** What the command prints when all goes well. */
async function remotegpu(args: string[], { asOwner = false }: Who = {}): Promise<string> {
  const done = await house.cli(args, asOwner ? { REMOTEGPU_KEY: house.adminKey } : {});
  expect(done.exitCode, `remotegpu ${args.join(" ")}: ${done.stderr}`).toBe(0);
  return done.stdout;
}

async function idOf(args: string[], who?: Who): Promise<string> {
  return Row.parse(JSON.parse(await remotegpu([...args, "--json"], who))).id;
}

const owner: Who = { asOwner: true };

test("an owner sets the shop up: customers, money, quotas, prices, specs, images", async () => {
  const customer = await idOf(["customer", "create", "bob", "--email", "bob@example.com"], owner);

  expect(await remotegpu(["customer", "top-up", customer, "12.5"], owner)).toContain("12.5000");
  expect(
    await remotegpu(["customer", "adjust", customer, "-2.5", "--reason", "a mistake of ours"], owner),
  ).toContain("10.0000");
  expect(await remotegpu(["customer", "update", customer, "--display-name", "Bob"], owner)).toContain("Bob");
  expect(await remotegpu(["customer", "show", customer], owner)).toMatch(/^username +bob$/m);
  const quota = ["--cpu", "8", "--memory", "16G", "--gpu", "2", "--storage", "10G", "--environments", "3"];
  expect(await remotegpu(["quota", "set", "--customer", customer, ...quota], owner)).toMatch(/gpu_quota +2/);
  expect(await remotegpu(["quota", "show", "--customer", customer], owner)).toMatch(/memory_quota +16 GiB/);
  expect(
    await remotegpu(["price", "set", "large", "spec", "7.25", "--per", "hour", "--new-spec"], owner),
  ).toContain("7.25");
  expect(
    await remotegpu(["spec", "set", "large", "--shape", '{"cpu":8,"memory":17179869184,"gpu":2}'], owner),
  ).toContain("large");
  expect(await remotegpu(["settings", "set", "MIN_START_MINUTES", "30"], owner)).toBe(
    "MIN_START_MINUTES is 30.",
  );
  const image = await idOf(["image", "create", "busybox", "--display-name", "BusyBox"], owner);
  expect(await remotegpu(["image", "update", image, "--display-name", "Busy Box"], owner)).toContain(image);
  const key = await remotegpu(["customer", "key-create", customer, "--name", "laptop"], owner);
  expect(await house.cli(["me"], { REMOTEGPU_KEY: key })).toMatchObject({
    stdout: expect.stringMatching(/^username +bob$/m),
  });
  const lost = JSON.parse(await remotegpu(["customer", "key-create", customer, "--json"], owner));
  await remotegpu(["customer", "key-delete", customer, String(lost.id)], owner);
  expect(await house.cli(["me"], { REMOTEGPU_KEY: String(lost.key) })).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/\(401\)$/),
  });

  const lab = await idOf(["workspace", "create", "bobs-lab"]);
  expect(await remotegpu(["quota", "set", "--workspace", lab, ...quota], owner)).toMatch(/gpu_quota +2/);
  expect(await remotegpu(["workspace", "share-weight", lab, "3"], owner)).toContain("share weight 3");
  await remotegpu(["workspace", "delete", lab]);
});

test("a member is invited, accepts, gets another role and is removed", async () => {
  const lab = await idOf(["workspace", "create", "shared-lab"]);
  const member = ["workspace", "member"];
  expect(await remotegpu([...member, "invite", lab, "admin", "--role", "viewer"])).toContain(
    `become viewer of workspace ${lab}`,
  );
  const invitation = /^invitation-\S+/m.exec(await remotegpu([...member, "invitations"], owner))?.[0] ?? "";

  expect(await remotegpu([...member, "accept", invitation], owner)).toBe(
    `You are viewer of workspace ${lab}.`,
  );

  const listed = await remotegpu([...member, "list", lab]);
  const [, customer = ""] = /^(\d+) +admin +viewer/m.exec(listed) ?? [];
  expect(await remotegpu([...member, "set", lab, customer, "--role", "admin"])).toContain("is admin");
  expect(await remotegpu([...member, "list", lab])).toMatch(/ admin +admin/);
  await remotegpu([...member, "remove", lab, customer]);
  expect(await remotegpu([...member, "list", lab])).not.toContain("admin");
});

test("an invitation is seen by its sender and withdrawn, and declined by its recipient", async () => {
  const lab = await idOf(["workspace", "create", "another-lab"]);
  const member = ["workspace", "member"];
  const withdrawn = await idOf([...member, "invite", lab, "nobody@example.com"]);
  expect(await remotegpu([...member, "invitations", lab])).toMatch(/ nobody@example\.com +member /);

  expect(await remotegpu([...member, "withdraw", lab, withdrawn])).toContain("is withdrawn");

  expect(await remotegpu([...member, "invitations", lab])).not.toContain("nobody");
  const declined = await idOf([...member, "invite", lab, "admin"]);
  expect(await remotegpu([...member, "decline", declined], owner)).toContain("is declined");
  expect(await remotegpu([...member, "invitations"], owner)).toBe("You are not invited.");
});

test("a customer makes a key for a script, which opens what it names, and revokes it", async () => {
  const key = ["key", "create", "--name", "ci", "--scope", "read", "--scope", "orders"];
  const narrow = await remotegpu([...key, "--expires", "2999-01-31T00:00:00Z"]);

  const listed = await remotegpu(["key", "list"]);
  const refused = await house.cli(["balance"], { REMOTEGPU_KEY: narrow });
  const id = /^(\d+) +ci /m.exec(listed)?.[1] ?? "";

  expect(listed).toMatch(/ ci +rgk_\S+ +\S+ +read, orders +in \d+ d /);
  expect(refused.stderr).toContain("lacks the scope money");
  expect(await remotegpu(["key", "revoke", id])).toBe(`Key ${id} no longer opens anything.`);
});

test("an owner previews a price before it holds, begins with examples, and writes debt off", async () => {
  expect(await remotegpu(["price", "preview", "large", "spec", "8"], owner)).toMatch(
    /^spec +line +unit_price +per +effective_from +in place of .*\nlarge +spec +8 +hour .* 7\.250000 per hour from .*\n\nNothing runs/,
  );
  expect(await remotegpu(["price", "examples"], owner)).toBe("Made: basic, standard, premium.");
  const customer = await idOf(["customer", "create", "eve", "--email", "eve@example.com"], owner);
  await remotegpu(["customer", "adjust", customer, "-1", "--reason", "late usage"], owner);
  expect(
    await remotegpu(["customer", "write-off", customer, "0.75", "--reason", "small change"], owner),
  ).toContain("-0.2500");
  expect(
    await house.cli(["env", "create", "dear", "--image", BUSYBOX_IMAGE, "--max-hourly", "0"]),
  ).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("config.max_price_per_hour: an hour of it costs"),
  });
});

test("a customer logs in once; the key stands in no command line and in a file for its eyes only", async () => {
  const home = join(house.folder, "home");
  mkdirSync(home);
  const env = { HOME: home, PATH: process.env["PATH"] };
  const login = execa(process.execPath, [commandFile(), "login", "--server", house.url], {
    env,
    extendEnv: false,
    input: `${house.customerKey}\n`,
  });
  const commandLine = readFileSync(`/proc/${login.pid ?? 0}/cmdline`, "utf8");

  const done = await login;
  const me = await execa(process.execPath, [commandFile(), "me"], { env, extendEnv: false });

  expect(commandLine).not.toContain(house.customerKey);
  expect(done.stdout).toMatch(/^Logged in as alice\./m);
  expect(done.stdout).not.toContain(house.customerKey);
  expect(statSync(join(home, ".config/remotegpu/profile.json")).mode & 0o777).toBe(0o600);
  expect(me.stdout).toMatch(/^username +alice$/m);

  const named = join(home, "as-admin.json");
  const elsewhere = (args: string[], { input = "", ...more }: Record<string, string> = {}) =>
    execa(process.execPath, [commandFile(), ...args], {
      env: { ...env, ...more },
      extendEnv: false,
      reject: false,
      input,
    });
  const asAdmin = ["login", "--server", house.url, "--profile", named];
  const second = await elsewhere(asAdmin, { input: house.adminKey });
  const stranger = await elsewhere(["login", "--server", house.url], { input: "rgk_no_such_key" });

  expect(second.stdout).toContain(`The key is kept in ${named}.`);
  expect(stranger).toMatchObject({
    exitCode: 1,
    stderr:
      "remotegpu: The server does not know that key, or it was revoked or has expired. Nothing was kept.",
  });
  expect((await elsewhere(["me"])).stdout).toMatch(/^username +alice$/m);
  expect((await elsewhere(["me"], { REMOTEGPU_PROFILE: named })).stdout).toMatch(/^username +admin$/m);
});

test(
  "a customer's day: workspace, data, keys, an environment from order to bill",
  { timeout: 180_000 },
  async () => {
    const pool = join(house.hosts[0]?.folder ?? "", "pool");
    writeFileSync(join(house.folder, "ada.pub"), `${PUBLIC_KEY}\n`);
    const workspace = await idOf(["workspace", "create", "lab", "--type", "team"]);
    expect(await remotegpu(["workspace", "member", "list", workspace])).toMatch(
      /^customer_id +username +role/,
    );
    expect(
      await remotegpu(["ssh-key", "create", "mine", "--public-key", join(house.folder, "ada.pub")]),
    ).toContain("mine");
    const given = await house.cli(
      ["registry-credential", "add", "ghcr.io", "--username", "ada", "--workspace", workspace],
      {},
      "not to be told\n",
    );
    expect(given.stdout).toBe(`Hosts fetch from ghcr.io as ada for workspace ${workspace}.`);
    writeFileSync(join(house.folder, "token"), "another\n");
    const credential = await idOf([
      "registry-credential",
      "add",
      "quay.io",
      "--username",
      "ada",
      "--password-file",
      join(house.folder, "token"),
    ]);
    const credentials = await remotegpu(["registry-credential", "list"]);
    expect(credentials).toMatch(/^id +registry +username +for +usable +created_at$/m);
    expect(credentials).toMatch(/ ghcr\.io +ada +workspace \d+ +yes /);
    expect(credentials).toMatch(/ quay\.io +ada +you +yes /);
    expect(credentials + given.stdout).not.toContain("not to be told");
    expect(await remotegpu(["registry-credential", "remove", credential])).toContain("is gone");
    const dataset = await idOf(["dataset", "create", "faces", "--storage-path", "faces"], owner);
    await remotegpu(["dataset", "update", dataset, "--visibility", "public"], owner);
    const model = await idOf(["model", "create", "llama"]);
    mkdirSync(join(pool, "faces"), { recursive: true });
    writeFileSync(join(pool, "faces", "one"), "a face\n");
    expect(await remotegpu(["estimate", "--cpu", "1", "--gpu", "1", "--minutes", "60"])).toMatch(/3\.56/);

    const order = ["--image", BUSYBOX_IMAGE, "--memory", "128M", "--gpu", "1"];
    const more = ["--workspace", workspace, "--dataset", dataset, "--env", "GREETING=two\nlines", "--wait"];
    const id = await idOf(["env", "create", "work", ...order, ...more]);
    expect(
      await remotegpu(["env", "exec", id, "--", "sh", "-c", 'echo "$GREETING"; cat /gemini/data-1/one']),
    ).toBe("two\nlines\na face");
    expect(
      await house.cli(["env", "exec", id, "--", "sh", "-c", "echo out; echo err >&2; exit 5"]),
    ).toMatchObject({
      exitCode: 5,
      stdout: "out",
      stderr: "err",
    });
    expect(await house.cli(["env", "exec", id, "--", "nosuch"])).toMatchObject({
      exitCode: 127,
      stdout: "",
      stderr: 'exec: "nosuch": executable file not found in $PATH',
    });
    expect(await throughCat(id, EVERY_BYTE)).toMatchObject({ exitCode: 0, stdout: EVERY_BYTE });
    const flood = await house.cli(["env", "exec", id, "--", "sh", "-c", "yes xx | head -c 600000; exit 7"]);
    expect(flood).toMatchObject({
      exitCode: 125,
      stderr: expect.stringMatching(/longer than 512 KiB; .* The command itself exited with 7\./),
    });
    expect(flood.stdout.length).toBe(512 * 1024);
    const tooMuch = await throughCat(id, Buffer.alloc(512 * 1024 + 1));
    expect(tooMuch).toMatchObject({ exitCode: 2, stdout: Buffer.alloc(0) });
    expect(tooMuch.stderr.toString()).toContain("at most 512 KiB");
    expect(await remotegpu(["env", "restart", id, "--wait"])).toContain("is running");
    expect(await remotegpu(["env", "show", id])).toMatch(/^run +host +gpus/m);
    expect(await remotegpu(["env", "instances", id])).toMatch(/^id +rank +state/);
    expect(await remotegpu(["env", "why", id])).toMatch(
      /^status +running\nreason +It runs on host host-1\.$/,
    );
    expect(await remotegpu(["balance"])).toMatch(/^accrued +\d+\.\d{4}$/m);
    expect(await remotegpu(["env", "stop", id, "--wait"])).toContain("is stopped");
    expect(await remotegpu(["env", "update", id, "--name", "done"])).toContain("(done) is stopped");
    expect(await remotegpu(["env", "show", id])).toMatch(/^name +done$[^]*^simulated +true$[^]*GPU-/m);
    const bill = await eventually(
      async () => {
        const table = await remotegpu(["records", "--resource", id]);
        return table.includes("gpu") && table;
      },
      { what: "the record" },
    );
    expect(bill).toMatch(
      /^id +start_time +resource +kind +line +quantity +minutes +unit_price +per +amount$/m,
    );
    const [record] = List.parse(JSON.parse(await remotegpu(["records", "--resource", id, "--json"]))).items;
    const proof = join(house.folder, "bill.json");
    await remotegpu(["proof", String(record?.["id"]), "--output", proof]);
    expect(await remotegpu(["verify-bill", proof])).toMatch(/^Verified of run .* heads? signed by host/m);
    expect(await remotegpu(["records", "--resource", id, "--csv"])).toMatch(/^id,customer_id,[^]*\r\n\d+,/);
    expect(await remotegpu(["statistics", "--by", "day"])).toMatch(/^environment +\d+ +\d+\.\d{4}$/m);
    expect(await remotegpu(["invoices"])).toContain("No month has been closed with charges yet.");
    const refund = ["customer", "refund", String(house.customerId), String(record?.["run_id"]), "0.01"];
    expect(await remotegpu([...refund, "--reason", "it was slow"], owner)).toContain("has a balance of");
    expect(await remotegpu(["env", "start", id, "--wait"])).toContain("is running");
    const update = [
      "env",
      "update",
      id,
      "--name",
      "better work",
      "--jupyter",
      "off",
      "--auto-release-hours",
      "5",
    ];
    const updated = await remotegpu(update);
    expect(updated).toContain("(better work) is running");
    expect(updated).toContain("follow: jupyter_enabled.");
    expect(await remotegpu(["env", "events", id])).toContain("running");
    await remotegpu(["env", "delete", id]);
    await remotegpu(["model", "delete", model]);
  },
);

/** As the customer, to be interrupted. */
const begun = (args: string[]) =>
  execa(process.execPath, [commandFile(), ...args], {
    env: { REMOTEGPU_SERVER: house.url, REMOTEGPU_KEY: house.customerKey, HOME: house.folder },
    extendEnv: false,
    reject: false,
    timeout: 60_000,
  });

test("Ctrl-C ends the waiting and not the order, and a command inside with the one outside", async () => {
  const order = ["--image", BUSYBOX_IMAGE, "--memory", "128M", "--command", "sleep 600"];
  await remotegpu(["host", "cordon", hostId], owner);
  const waiting = begun(["env", "create", "interrupted", ...order, "--wait"]);
  await new Promise<void>((resolve) => {
    waiting.stderr.on("data", (text: Buffer) => text.includes("is ordered") && resolve());
  });
  waiting.kill("SIGINT");
  const waited = await waiting;
  expect(waited).toMatchObject({
    exitCode: 130,
    stderr: expect.stringContaining("It goes on: remotegpu env "),
  });
  const id = /env-\w+/.exec(waited.stderr)?.[0] ?? "none";
  await remotegpu(["host", "uncordon", hostId], owner);
  await house.environment(id, "running");

  const inside = begun(["env", "exec", "interrupted", "--", "sh", "-c", "echo $$ > /inside; exec sleep 601"]);
  const inInside = (script: string) => house.cli(["env", "exec", "interrupted", "--", "sh", "-c", script]);
  await eventually(async () => (await inInside("test -s /inside")).exitCode === 0, { what: "the command" });
  inside.kill("SIGINT");
  expect(await inside).toMatchObject({
    exitCode: 130,
    stderr: expect.stringContaining("the command inside is ended, too"),
  });
  const isGone = async () => (await inInside("kill -0 $(cat /inside)")).exitCode !== 0;
  await eventually(isGone, { what: "the end inside" });
  await remotegpu(["env", "delete", "interrupted"]);
});

test("what a container writes is followed until Ctrl-C, and there after its end, with how it ended", async () => {
  const command = "exec 2>/dev/null; trap 'echo bye; exit' TERM; echo begin; while :; do sleep 0.1; done";
  const order = ["--image", BUSYBOX_IMAGE, "--memory", "128M", "--command", command, "--wait"];
  const id = await idOf(["env", "create", "talker", ...order]);
  const following = begun(["env", "logs", id, "--follow"]);
  await new Promise<void>((resolve) => {
    following.stdout.once("data", () => resolve());
  });

  following.kill("SIGINT");

  expect(await following).toMatchObject({ stdout: "begin", stderr: "", exitCode: 0 });
  expect(await remotegpu(["env", "stop", id, "--wait"])).toContain("is stopped");
  await eventually(async () => (await house.containersOf(hostId)).length === 0, { what: "its end" });
  expect(await remotegpu(["env", "logs", id])).toBe("begin\nbye");
  expect(await remotegpu(["env", "logs", id, "--tail", "1", "--follow"])).toBe("bye");
  expect(JSON.parse(await remotegpu(["env", "logs", id, "--json"]))).toEqual({ log: "begin\nbye\n" });
  expect(await remotegpu(["env", "instances", id])).toMatch(/stopped: exit code 143, SIGTERM/);
  expect(await remotegpu(["env", "events", id])).toMatch(/run-ended .*Last line: bye/);
  await remotegpu(["env", "delete", id]);
});

test("a cordoned host gets no order, and the customer gets the reason; a cordoned GPU likewise", async () => {
  const order = ["--image", BUSYBOX_IMAGE, "--memory", "128M", "--gpu", "1"];

  await remotegpu(["host", "cordon", hostId], owner);
  const waited = await house.cli(["env", "create", "patient", ...order, "--wait", "--timeout", "0"]);
  expect(waited).toMatchObject({ exitCode: 124, stderr: expect.stringContaining("the order stands") });
  const id = /env-\w+/.exec(waited.stderr)?.[0] ?? "none";
  await eventually(async () => (await remotegpu(["env", "why", id])).includes("host-1"), { what: "why" });
  await remotegpu(["gpu", "cordon", gpuUuid], owner);
  await remotegpu(["host", "uncordon", hostId], owner);
  expect(await remotegpu(["env", "show", id])).toMatch(/^status +queued$/m);

  await remotegpu(["gpu", "uncordon", gpuUuid], owner);

  await house.environment(id, "running");
  await remotegpu(["host", "drain", hostId], owner);
  await house.environment(id, "stopped");
  await remotegpu(["host", "uncordon", hostId], owner);
  await remotegpu(["env", "delete", id]);
});

test("files go in and come out by the tunnel to the host's files process, beside the container and after it", async () => {
  const order = ["--image", BUSYBOX_IMAGE, "--memory", "128M", "--command", "sleep 600"];
  const id = await idOf(["env", "create", "filed", ...order, "--wait"]);
  const brought = join(house.folder, "brought");
  const fetched = join(house.folder, "fetched");
  writeFileSync(brought, "brought in\n");
  const without = await house.cli(["env", "put", id, brought]);
  house.hosts[0]?.files.start();
  await eventually(async () => (await house.cli(["env", "ls", id, "code"])).exitCode === 0, {
    what: "files",
  });

  await remotegpu(["env", "put", id, brought]);
  const inside = await remotegpu(["env", "exec", id, "--", "cat", "/gemini/code/brought"]);
  await remotegpu(["env", "exec", id, "--", "sh", "-c", "echo made inside >/gemini/output/made"]);
  await remotegpu(["env", "stop", id, "--wait"]);
  await remotegpu(["env", "get", id, "output/made", fetched]);

  expect(without).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining("its files process does not run, or its agent is too old."),
  });
  expect(inside).toBe("brought in");
  expect(readFileSync(fetched, "utf8")).toBe("made inside\n");
  await remotegpu(["env", "delete", id]);
});

test("an order for a host's label runs on a host that carries it, and is refused where none does", async () => {
  const order = ["--image", BUSYBOX_IMAGE, "--memory", "128M", "--command", "sleep 600"];
  await remotegpu(["host", "update", hostId, "--labels", '{"rack":"7","zone":"b"}'], owner);
  const here = ["--host-label", "rack=7", "--host-label", "zone=b"];

  const id = await idOf(["env", "create", "labelled", ...order, ...here, "--wait"]);
  const elsewhere = await house.cli(["env", "create", "elsewhere", ...order, "--host-label", "rack=8"]);

  expect(JSON.parse(await remotegpu(["env", "show", id, "--json"]))).toMatchObject({
    config: { command: "sleep 600", host_labels: { rack: "7", zone: "b" } },
  });
  expect(elsewhere).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("no host has it") });
  const refused = await house.cli(["env", "create", "absurd", ...order, "--host-label", "a b=c"]);
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("config.host_labels.a b") });
  await remotegpu(["env", "delete", id]);
});

test("a join token opens once: another key is refused with it, and the owner is warned", async () => {
  const token = (await remotegpu(["join-token"], owner)).split("\n")[0] ?? "";
  const join2 = async (name: string) =>
    await execa(process.execPath, [AGENT, "join"], {
      reject: false,
      env: {
        REMOTEGPU_STATE_DIR: join(house.folder, name),
        REMOTEGPU_SERVER: house.url,
        REMOTEGPU_JOIN_TOKEN: token,
        REMOTEGPU_HOST_NAME: name,
      },
    });

  const first = await join2("rightful");
  const again = await join2("rightful");
  const stranger = await join2("stranger");

  expect([first.exitCode, again.exitCode, stranger.exitCode]).toEqual([0, 0, 1]);
  expect(again.stdout).toBe(first.stdout);
  expect(stranger.stderr).toMatch(/^remotegpu-agent: .*$/);
  const { rows } = await database.database.query("SELECT kind FROM alarms WHERE cleared_at IS NULL");
  expect(rows).toHaveLength(1);
  const hosts = List.parse(JSON.parse(await remotegpu(["host", "list", "--json"], owner))).items;
  expect(new Set(hosts.map(({ name }) => name))).toEqual(new Set(["host-1", "rightful"]));
  expect(await remotegpu(["alarms"], owner)).toMatch(/^id +raised_at +kind .*\n.* join-token-reused /m);
  const alarm = String(JSON.parse(await remotegpu(["alarms", "--json"], owner)).items[0].id);
  expect(await remotegpu(["alarm", "clear", alarm], owner)).toBe(
    `Alarm ${alarm} (join-token-reused) is cleared.`,
  );
  expect(await remotegpu(["fleet"], owner)).toMatch(/^alarms_open +0$/m);
  const rightful = String(hosts.find(({ name }) => name === "rightful")?.["id"]);
  expect(
    await remotegpu(["host", "update", rightful, "--name", "right", "--labels", '{"rack":"7"}'], owner),
  ).toMatch(/^name +right$/m);
  const { generation } = JSON.parse(await remotegpu(["host", "show", rightful, "--json"], owner));
  expect(await remotegpu(["host", "confirm-stops", rightful, String(generation)], owner)).toContain(
    "are confirmed",
  );
  expect(await remotegpu(["host", "revoke", rightful], owner)).toContain("revoke done");
  expect(await remotegpu(["host", "delete", rightful, "--lost"], owner)).toContain("is gone");
  expect(await remotegpu(["host", "list"], owner)).not.toContain(rightful);
});

test.each([
  { args: ["host", "list"], head: /^id +name +status +connection +health .*$/m, asOwner: true },
  { args: ["host", "show", "HOST"], head: /^name +host-1$/m, asOwner: true },
  { args: ["host", "gpus", "HOST"], head: /^index +uuid +name .* island .*\n0 +GPU-.* yes /m, asOwner: true },
  { args: ["host", "pulls", "HOST"], head: /^It pulls nothing now\.$/m, asOwner: true },
  {
    args: ["host", "events", "HOST", "--limit", "500"],
    head: /^at +actor +kind +[^]*host-joined/m,
    asOwner: true,
  },
  { args: ["customer", "list"], head: /^id +username +email .*$/m, asOwner: true },
  { args: ["fleet"], head: /gpu/, asOwner: true },
  { args: ["audit-log"], head: /^at +actor_customer_id +action +target_kind .*$/m, asOwner: true },
  { args: ["alarms"], head: /^id +raised_at +kind [^]*join-token-reused/m, asOwner: true },
  { args: ["customer", "key-list", "2"], head: /^id +name +prefix +created_at /m, asOwner: true },
  {
    args: ["storage"],
    head: /^(Nothing has been sampled yet\.|workspace_id +day +samples +.*)$/m,
    asOwner: false,
  },
  { args: ["quota", "show"], head: /^quota_level +\w+\ncpu_quota +\d+$/m, asOwner: false },
  { args: ["quarantine"], head: /^Nothing yet\.$/m, asOwner: true },
  { args: ["settings", "list"], head: /^key +value +default .*\n[^]*MIN_START_MINUTES/m, asOwner: true },
  { args: ["spec", "list"], head: /^spec +description +shape$/m, asOwner: false },
  { args: ["spec", "show", "large"], head: /^spec +large$/m, asOwner: false },
  { args: ["price", "list"], head: /^spec +line +unit_price +billing_unit .*$/m, asOwner: false },
  { args: ["workspace", "list"], head: /^id +name +type [^]*\d +lab +team/m, asOwner: false },
  { args: ["ssh-key", "list"], head: /^id +name +fingerprint +created_at\n.*SHA256:/m, asOwner: false },
  { args: ["dataset", "list"], head: /^id +name +visibility .*\n.*faces +public/m, asOwner: false },
  { args: ["model", "list"], head: /^Nothing yet\.$/m, asOwner: false },
  { args: ["image", "list"], head: /^id +name +display_name [^]*\n.*Busy Box/m, asOwner: false },
  { args: ["env", "list"], head: /^(No environments\..*|id +name +status .*)$/m, asOwner: false },
])("$args is a table for people and JSON for scripts", async ({ args, head, asOwner }) => {
  const given = args.map((arg) => (arg === "HOST" ? hostId : arg));

  const [table, json] = await Promise.all([
    remotegpu(given, { asOwner }),
    remotegpu([...given, "--json"], { asOwner }),
  ]);

  expect(table).toMatch(head);
  expect(JSON.parse(json)).toBeTypeOf("object");
});

test.each([
  {
    why: "the server refuses",
    args: ["env", "show", "env-none"],
    exitCode: 1,
    stderr: /^remotegpu: .*\(404\)$/,
  },
  { why: "another's right is needed", args: ["fleet"], exitCode: 1, stderr: /^remotegpu: .*\(403\)$/ },
  {
    why: "an argument is missing",
    args: ["env", "create"],
    exitCode: 2,
    stderr: /^error: .*(required|missing)/,
  },
  { why: "a value is none", args: ["records", "--limit", "many"], exitCode: 2, stderr: /whole number/ },
  {
    why: "an amount is none",
    args: ["customer", "top-up", "2", "1e3"],
    exitCode: 2,
    stderr: /Give an amount/,
  },
  { why: "there is no such command", args: ["environments"], exitCode: 2, stderr: /unknown command/ },
  {
    why: "nobody answers",
    args: ["me", "--server", "http://127.0.0.1:1"],
    exitCode: 3,
    stderr: /^remotegpu: .*cannot be reached/,
  },
])("the exit code reports that $why", async ({ args, exitCode, stderr }) => {
  const done = await house.cli(args);

  expect(done).toMatchObject({ exitCode, stdout: "", stderr: expect.stringMatching(stderr) });
});
