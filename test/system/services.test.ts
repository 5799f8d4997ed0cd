/** An inference service as its owner uses it: ordered, asked, killed, scaled, stopped and started by the command line. */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { importOnce, layBusyboxRoot } from "../support/containers/docker.ts";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House } from "../support/worlds/house.ts";
import { freePort } from "../support/engines/free-ports.ts";

const OWN_IMAGE = "remotegpu-test/serves-a-model:1";
const STORY_MS = 120_000;
/** Many times while a replica takes the place of another. */
const REQUESTED_EVERY_MS = 100;
const WITHIN = { withinMs: 60_000 };
const PATH = { PATH: process.env["PATH"] ?? "" };
/** Each replica says which one it is. */
const SERVES =
  "mkdir -p /tmp/www/cgi-bin; hostname > /tmp/www/index.html; echo ${LEVEL:-one} > /tmp/www/level; echo ok > /tmp/www/health; exec httpd -f -p $PORT -h /tmp/www";

const Service = z.looseObject({
  id: z.string(),
  status: z.string(),
  ready_replicas: z.int(),
  endpoint_url: z.string().nullable(),
  instances: z.array(
    z.looseObject({ rank: z.int(), container_id: z.string().nullable(), serving: z.string().nullable() }),
  ),
});

/** As an image of somebody's own: its program, its user, and the signal that ends it. */
const OWN_PROGRAM = `trap 'echo ended by USR1; exit 0' USR1; cat /gemini/pretrain1/weights.bin > /tmp/index.html
      httpd -p $PORT -h /tmp; echo ready; while :; do sleep 0.1; done`;

let database: FreshDatabase;
let house: House;
/** Of the service that is ordered first, and asked from then on. */
let serviceId: string;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  const web = `localhost:${await freePort()}`;
  const settings = {
    DATABASE_URL: database.url,
    WEB_DOMAIN: web,
    REMOTEGPU_GATEWAY_LISTEN: web.replace("localhost", "127.0.0.1"),
  };
  house = ending.adopt(await House.open({ hosts: 1, settings }), (one) => one.close());
  await importOnce(OWN_IMAGE, layBusyboxRoot, [
    `ENTRYPOINT ${JSON.stringify(["/bin/sh", "-c", OWN_PROGRAM])}`,
    "USER 1000:1000",
    "STOPSIGNAL SIGUSR1",
  ]);
  await house.admin.post("/images", { name: OWN_IMAGE });
}, STORY_MS);
afterAll(() => ending.disposeAsync());

const cli = (...args: string[]) => house.cli(args, PATH);
const curl = (path: string, ...options: string[]) => cli("service", "curl", "hello", path, "--", ...options);

async function service(): Promise<z.infer<typeof Service>> {
  return Service.parse(await house.customer.get(`/inference-services/${serviceId}`));
}

async function serving(replicas: number): Promise<void> {
  await eventually(
    async () => {
      const { status, ready_replicas: ready } = await service();
      return status === "running" && ready === replicas;
    },
    { ...WITHIN, what: `${replicas} replicas that serve` },
  );
}

test(
  "what is ordered answers at its address, once its first replica serves",
  { timeout: STORY_MS },
  async () => {
    const ordered = await cli(
      "service",
      "create",
      "hello",
      "--image",
      BUSYBOX_IMAGE,
      "--version",
      "1",
      "--memory",
      "64M",
      "--health",
      "/health",
      "--command",
      SERVES,
    );
    expect(ordered).toMatchObject({ exitCode: 0 });
    ({ id: serviceId } = Service.parse(JSON.parse((await cli("service", "show", "hello", "--json")).stdout)));

    // Asked before it serves, it is waited for.
    const requested = await curl("/");

    expect(requested).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^svc-\w+-0$/) });
    await serving(1);
  },
);

test("who shows no key of it is refused, and a key of its own opens it", async () => {
  const { endpoint_url: endpoint } = await service();
  const key = (await cli("service", "create-key", "hello", "--name", "app")).stdout.trim();
  const bare = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"];

  expect((await execa("curl", [...bare, endpoint ?? ""])).stdout).toBe("401");
  const header = `Authorization: Bearer ${key}`;
  expect((await execa("curl", [...bare, "--header", header, endpoint ?? ""])).stdout).toBe("200");
});

test("what gateways counted of it is printed for Prometheus, and what its replica reports of itself", async () => {
  const counted = await cli("service", "metrics", "hello");
  const own = await cli("service", "metrics", "hello", "--rank", "0");

  expect(counted).toMatchObject({ exitCode: 0 });
  expect(counted.stdout).toMatch(/^remotegpu_service_replicas_ready 1$/m);
  // Its program has no such page.
  expect(own.exitCode).not.toBe(0);
  expect(own.stderr).toContain(
    "Replica 0 tells no metrics: It answers /metrics with 404 Not Found. (502, trace ",
  );
});

test(
  "a replica whose container is killed is started again, and requests that come meanwhile are answered",
  { timeout: STORY_MS },
  async () => {
    const [replica] = (await service()).instances;
    await execa("docker", ["kill", replica?.container_id ?? ""]);

    expect(await curl("/")).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^svc-\w+-0$/) });
    await serving(1);
  },
);

test(
  "scaled up, all its replicas get requests; scaled down, the others go on",
  { timeout: STORY_MS },
  async () => {
    expect(await cli("service", "scale", "hello", "2")).toMatchObject({ exitCode: 0 });
    await serving(2);
    const answered = new Set<string>();
    await eventually(
      async () => {
        const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => curl("/")));
        for (const { stdout } of answers) answered.add(stdout);
        return answered.size === 2;
      },
      { ...WITHIN, what: "an answer of each replica" },
    );

    await cli("service", "scale", "hello", "1");

    await eventually(async () => (await service()).instances.length === 1, {
      ...WITHIN,
      what: "one replica",
    });
    expect((await curl("/")).stdout).toMatch(/^svc-\w+-0$/);
  },
);

/** Asks one request after the other until it is told to end. */
function requestedOverAndOver(url: string): { end: () => Promise<{ failed: string[]; answered: string[] }> } {
  const [failed, answered]: [string[], string[]] = [[], []];
  const headers = { authorization: `Bearer ${house.customerKey}` };
  const over = new AbortController();
  const requesting = (async () => {
    while (!over.signal.aborted) {
      const { ok, text } = await fetch(url, { headers }).then(
        async (answer) => ({ ok: answer.ok, text: await answer.text() }),
        (error: unknown) => ({ ok: false, text: String(error) }),
      );
      (ok ? answered : failed).push(text.trim());
      await delay(REQUESTED_EVERY_MS);
    }
  })();
  return {
    async end() {
      over.abort();
      await requesting;
      return { failed, answered };
    },
  };
}

test(
  "another version takes its place under requests, and the one before comes back in one step",
  { timeout: STORY_MS },
  async () => {
    const { endpoint_url: endpoint } = await service();
    const requested = requestedOverAndOver(new URL("level", `${endpoint}/`).href);
    onTestFinished(() => requested.end().then(() => undefined));
    const upgraded = await cli(
      "service",
      "upgrade",
      "hello",
      "--version",
      "2",
      "--env",
      "LEVEL=two",
      "--wait",
    );
    expect(`${upgraded.exitCode}: ${upgraded.stderr}`).toMatch(/^0: /);
    expect((await curl("/level")).stdout).toBe("two");

    const back = await cli("service", "rollback", "hello", "--wait");

    expect(`${back.exitCode}: ${back.stdout} ${back.stderr}`).toMatch(/^0: .*, version 1\./);
    const { failed, answered } = await requested.end();
    expect(failed).toEqual([]);
    expect([...new Set(answered)]).toEqual(["one", "two"]);
    expect((await curl("/level")).stdout).toBe("one");
    expect((await cli("service", "history", "hello")).stdout).toMatch(/completed[^]*completed/);
  },
);

test(
  "stopped it answers nobody and reports it at once; started it is as before",
  { timeout: STORY_MS },
  async () => {
    await cli("service", "stop", "hello");
    const refused = await eventually(
      async () => {
        const answer = await curl("/", "--fail-with-body");
        return answer.exitCode !== 0 && answer;
      },
      { ...WITHIN, what: "the refusal" },
    );
    expect(refused.stdout).toContain("remotegpu service start");
    await eventually(async () => (await service()).status === "stopped", { ...WITHIN, what: "its end" });

    await cli("service", "start", "hello");

    expect((await curl("/")).stdout).toMatch(/^svc-\w+-\d+$/);
  },
);

test(
  "an image of one's own serves the model that is mounted, as its own user, where it is configured to, and ends by its own signal",
  { timeout: STORY_MS },
  async () => {
    const own = `own-${randomBytes(3).toString("hex")}`;
    const folder = join(house.hosts[0]?.folder ?? "", "pool", "weights");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "weights.bin"), "what it has learnt");
    await house.admin.post("/models", { name: own, storage_path: "weights", visibility: "public" });
    const order = ["--image", OWN_IMAGE, "--version", "1", "--memory", "64M", "--model", own];
    expect(await cli("service", "create", own, ...order, "--port", "8123", "--health", "/")).toMatchObject({
      exitCode: 0,
    });

    expect((await cli("service", "curl", own, "/")).stdout).toBe("what it has learnt");

    const inside = await cli("service", "exec", own, "--", "sh", "-c", "id -u; touch /gemini/pretrain1/more");
    expect(inside).toMatchObject({
      stdout: "1000",
      stderr: expect.stringContaining("Read-only file system"),
    });
    await cli("service", "stop", own);
    const { id } = JSON.parse((await cli("service", "show", own, "--json")).stdout);
    const tail = async () => {
      const [replica] = await house.customer.rows(`/inference-services/${id}/instances`, { all: "true" });
      return JSON.stringify(replica?.["runs"]);
    };
    await eventually(async () => (await tail()).includes("ended by USR1"), { ...WITHIN, what: "its end" });
    await cli("service", "delete", own);
  },
);

test("it is billed from when it first served, and deleted it is gone", { timeout: STORY_MS }, async () => {
  await cli("service", "delete", "hello");

  const records = async () => {
    const rows = await house.customer.rows("/billing/records", { resource_id: serviceId });
    return rows.length > 0 && rows;
  };
  const [record] = await eventually(records, { ...WITHIN, what: "its bill" });
  expect(record).toMatchObject({ resource_type: "inference", resource_name: "hello" });
  expect((await cli("service", "show", serviceId)).exitCode).not.toBe(0);
});

// Behind all others: the host has room for two replicas, and one more than is wanted is of the new version.
test(
  "a file makes it what it lists, as often as it is deployed: ordered, changed at once, and by another version",
  { timeout: STORY_MS },
  async () => {
    const name = `filed-${randomBytes(3).toString("hex")}`;
    onTestFinished(async () => void (await cli("service", "delete", name)));
    const file = join(house.folder, "service.yaml");
    const order = {
      name,
      image: BUSYBOX_IMAGE,
      version: "1",
      cpu: 1,
      memory: 67_108_864,
      health_check_path: "/",
    };
    const serves = (word: string) =>
      `mkdir -p /tmp/www; echo ${word} > /tmp/www/index.html; exec httpd -f -p $PORT -h /tmp/www`;
    const deploy = async (change: object, ...options: string[]) => {
      writeFileSync(file, JSON.stringify({ ...order, ...change }));
      return await cli("service", "deploy", file, ...options);
    };
    const first = { config: { command: serves("one") } };
    const second = { version: "2", max_replicas: 4, config: { command: serves("two"), max_in_flight: 8 } };

    expect((await deploy(first)).exitCode).toBe(2);
    expect(await deploy(first, "--yes")).toMatchObject({ exitCode: 0 });
    expect((await cli("service", "curl", name, "/")).stdout).toBe("one");
    expect((await deploy(first, "--yes")).stdout).toContain("already");
    const visible = await deploy(second, "--dry-run");
    expect(visible.stdout).toMatch(/^version +1 +2 +by an upgrade$/m);
    expect(visible.stdout).toMatch(/^max_replicas +10 +4 +at once$/m);
    expect(await deploy(second, "--yes")).toMatchObject({ exitCode: 0 });
    expect((await deploy(second, "--yes")).stdout).toContain("already");

    expect((await cli("service", "status", name)).stdout).toContain("On its way to version 2.");
    await eventually(async () => (await cli("service", "curl", name, "/")).stdout === "two", {
      ...WITHIN,
      what: "an answer of the new version",
    });
  },
);
