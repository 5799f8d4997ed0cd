/**
 * The whole product as real processes: one control plane with its own Postgres and NATS, and agents, each in a state
 * folder of its own on this machine, with simulated GPUs. `close` leaves nothing behind, whatever happened before.
 */
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { IN_NAMESPACE, OWN_PROGRAMS, Program, type Programs } from "../programs/program.ts";
import { PathClient, type Row } from "../http/path-client.ts";
import { filesSocket } from "@remotegpu/agent/config/config";
import { QUICK_COLLECTION, SPARING_MEMORY } from "@remotegpu/control-plane/server/quickstart/stage";
import { commandFile } from "../suite/command-file.ts";
import { NODE } from "../suite/commands-node.ts";
import { BUSYBOX_IMAGE } from "../samples/desired-instance.ts";
import { docker, importBusyboxImage } from "../containers/docker.ts";
import { eventually } from "../eventually.ts";
import { ownedName } from "../containers/owned-name.ts";
import { endProcessesIn, leftOnHost, processesIn, removeFromHost } from "../containers/leftovers.ts";
import { freePort } from "../engines/free-ports.ts";

const LOOPBACK = "127.0.0.1";
const OK = 200;

const Credential = z.looseObject({ grant: z.looseObject({ host_id: z.string() }) });

function fingerprintOf(file: string): string {
  return createHash("sha256")
    .update(new X509Certificate(readFileSync(file)).raw)
    .digest("hex");
}

/** `access` runs beside the agent, as its own unit would; `files` in a shared pool, and for those who start it. */
export type HostProcess = { id: string; agent: Program; access: Program; files: Program; folder: string };

/** One more control plane on the house's database and NATS, with a state folder of its own. */
export interface Replica {
  program: Program;
  url: string;
}

/** Which an operator makes beforehand, where the control plane has a NATS that is not its own. */
interface Prepared {
  /** The keys of that NATS. */
  operatorFile?: string;
}

export class House {
  readonly folder = mkdtempSync(join(tmpdir(), ownedName("house")));
  /** On the house's first state folder, of whatever version. */
  controlPlane: Program;
  readonly url: string;
  readonly hosts: HostProcess[] = [];
  admin!: PathClient;
  customer!: PathClient;
  customerId = 0;
  customerKey = "";
  adminKey = "";
  readonly #ca: string | null;
  readonly #settings: Record<string, string>;
  readonly #operatorFile: string | undefined;
  readonly #replicas: Replica[] = [];
  /** Some may be on their way. */
  #added = 0;

  private constructor(
    listen: { address: string; port: number },
    settings: Record<string, string>,
    { operatorFile }: Prepared,
  ) {
    // The embedded Postgres runs as a user of its own and passes through here.
    chmodSync(this.folder, 0o711);
    const { address, port } = listen;
    const stateDir = this.#stateDir("control-plane", operatorFile);
    // Beyond loopback it shows a certificate of its own CA.
    const isTls = address !== LOOPBACK;
    this.url = `${isTls ? "https" : "http"}://${address}:${port}`;
    this.#ca = isTls ? join(stateDir, "tls", "ca.pem") : null;
    this.#operatorFile = operatorFile;
    this.#settings = {
      REMOTEGPU_STATE_DIR: stateDir,
      REMOTEGPU_LISTEN: `${address}:${port}`,
      // Any free one: several houses stand beside each other.
      REMOTEGPU_GATEWAY_LISTEN: `${LOOPBACK}:0`,
      REMOTEGPU_TUNNEL_LISTEN: `${LOOPBACK}:0`,
      REMOTEGPU_AGENT_BUNDLE: "0",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      DATABASE_URL: "",
      MIGRATION_DATABASE_URL: "",
      NATS_URL: "",
      ...QUICK_COLLECTION,
      ...settings,
    };
    this.controlPlane = new Program(
      OWN_PROGRAMS.controlPlane,
      this.#settings,
      join(this.folder, "control-plane.log"),
    );
  }

  /** A serving control plane with prices, an image on offer, a customer with 100 points, and so many hosts that have joined and are online. */
  static async open({
    hosts,
    address = LOOPBACK,
    settings = {},
    operatorFile,
  }: {
    hosts: number;
    address?: string;
    /** Of the control plane, in place of an engine of its own. */
    settings?: Record<string, string>;
  } & Prepared): Promise<House> {
    await importBusyboxImage();
    const listen = { address, port: await freePort() };
    const house = new House(listen, settings, operatorFile === undefined ? {} : { operatorFile });
    try {
      house.controlPlane.start();
      await house.serves();
      house.adminKey = (await house.controlPlane.command("admin-key")).stdout.trim();
      house.admin = house.client(house.adminKey);
      await house.#openCustomer();
      for (let number = 1; number <= hosts; number += 1) await house.addHost();
    } catch (error) {
      await house.close();
      throw error;
    }
    return house;
  }

  /**
   * Joins one more host, starts its access process and its agent, and waits until it is online.
   * @param programs of the version that the host has
   * @param accessScript in place of that version's access process
   * @param network the namespace of networks in which all of its processes are
   * @param onJoined is done with the host's folder before its agent starts
   */
  async addHost(
    settings: Record<string, string> = {},
    {
      programs = OWN_PROGRAMS,
      accessScript = programs.access,
      network,
      onJoined,
    }: {
      programs?: Programs;
      accessScript?: string;
      network?: string;
      onJoined?: (folder: string) => void;
    } = {},
  ): Promise<HostProcess> {
    const number = (this.#added += 1);
    const folder = join(this.folder, `agent-${number}`);
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    // Whoever names a pool is in it by the token's word.
    const pool = settings["REMOTEGPU_STORAGE_POOL"];
    const { token } = await this.admin.post("/join-tokens", pool === undefined ? {} : { storage_pool: pool });
    const env = {
      REMOTEGPU_STATE_DIR: folder,
      REMOTEGPU_SERVER: this.url,
      REMOTEGPU_JOIN_TOKEN: String(token),
      ...(this.#ca !== null && { REMOTEGPU_CA_SHA256: fingerprintOf(this.#ca) }),
      REMOTEGPU_HOST_NAME: `host-${number}`,
      REMOTEGPU_SIMULATED_GPUS: "1",
      REMOTEGPU_GATEWAY_PORT: "0",
      REMOTEGPU_METRICS_LISTEN: "off",
      REMOTEGPU_CLEAN_ON_EXIT: "1",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      // The machine is everybody's.
      REMOTEGPU_RAISE_LIMITS: "0",
      ...SPARING_MEMORY,
      ...settings,
    };
    const program = (script: string, name: string) => {
      const log = join(this.folder, `${name}-${number}.log`);
      if (network === undefined) return new Program(script, env, log);
      return new Program(IN_NAMESPACE, { ...env, TEST_NETWORK: network, TEST_PROGRAM: script }, log);
    };
    const agent = program(programs.agent, "agent");
    const access = program(accessScript, "access");
    const files = program(programs.files, "files");
    const joined = await agent.command("join");
    if (joined.exitCode !== 0) throw new Error(`host ${number} could not join: ${joined.stderr}`);
    onJoined?.(folder);
    const credential = Credential.parse(JSON.parse(readFileSync(join(folder, "credential.json"), "utf8")));
    const host = { id: credential.grant.host_id, agent, access, files, folder };
    this.hosts.push(host);
    access.start();
    // Before the agent connects: a proof of the pool that finds no files is tried again more than a minute later only.
    if (pool !== undefined) {
      files.start();
      await eventually(() => existsSync(filesSocket(folder)), {
        what: `the files process of host ${number}`,
      });
    }
    // As `npm start` does: of this machine are its addresses, unless it has a network of its own.
    if (network === undefined) {
      const named = await this.controlPlane.command("local-host", host.id);
      if (named.exitCode !== 0) throw new Error(`host ${number} is not of this machine: ${named.stderr}`);
    }
    agent.start();
    await this.isOnline(host.id);
    return host;
  }

  /** The next control plane on the house's first state folder is of this version; none runs there now. */
  async changeControlPlane(programs: Programs): Promise<void> {
    await this.controlPlane.stop();
    this.controlPlane = this.controlPlane.of(programs.controlPlane);
  }

  /**
   * For a house whose database and NATS are not its control plane's own. It is not started yet.
   * @param change of the house's settings
   */
  async addReplica(programs: Programs, change: Record<string, string> = {}): Promise<Replica> {
    const name = `replica-${this.#replicas.length + 1}`;
    const listen = `${LOOPBACK}:${await freePort()}`;
    const stateDir = this.#stateDir(name, this.#operatorFile);
    const own = { REMOTEGPU_STATE_DIR: stateDir, REMOTEGPU_LISTEN: listen };
    const settings = { ...this.#settings, ...own, ...change };
    const program = new Program(programs.controlPlane, settings, join(this.folder, `${name}.log`));
    const replica = { program, url: `http://${listen}` };
    this.#replicas.push(replica);
    return replica;
  }

  client(key: string, server = this.url): PathClient {
    return new PathClient({ server, key, ...(this.#ca !== null && { ca: this.#ca }) });
  }

  async serves(): Promise<void> {
    await eventually(() => this.answers("/readyz"), {
      withinMs: 60_000,
      what: `the control plane, which said:\n${this.controlPlane.output().slice(-1_500)}`,
    });
  }

  /** Whether the path is answered with success. Without a program of its own: it is asked many times a second. */
  async answers(path: string): Promise<boolean> {
    const url = new URL(path, this.url);
    // Until it has begun it has no CA either, and nobody listens.
    const trust = this.#ca !== null && existsSync(this.#ca) ? { ca: readFileSync(this.#ca) } : {};
    const request = (url.protocol === "https:" ? httpsGet : httpGet)(url, { agent: false, ...trust });
    try {
      const [answer] = (await once(request, "response")) as [IncomingMessage];
      return answer.resume().statusCode === OK;
    } catch {
      return false;
    }
  }

  async isOnline(hostId: string): Promise<void> {
    await eventually(
      async () => {
        const host = await this.admin.get(`/hosts/${hostId}`);
        return host.connection === "connected" && (await this.admin.rows(`/hosts/${hostId}/gpus`)).length > 0;
      },
      { withinMs: 60_000, what: `host ${hostId} online` },
    );
  }

  /** Waits until the environment has this status, and returns it whole. */
  async environment(id: string, status: string, withinMs = 60_000): Promise<Row> {
    return eventually(
      async () => {
        const row = await this.customer.get(`/environments/${id}`);
        return row.status === status && row;
      },
      { withinMs, what: `environment ${id} ${status}` },
    );
  }

  /** The remotegpu command as this customer. */
  async cli(args: string[], env: Record<string, string> = {}, input = "") {
    return execa(NODE, [commandFile(), ...args], {
      env: {
        REMOTEGPU_SERVER: this.url,
        REMOTEGPU_KEY: this.customerKey,
        HOME: this.folder,
        ...env,
      },
      extendEnv: false,
      reject: false,
      timeout: 60_000,
      input,
    });
  }

  /** Names and pids of the running containers of a host id. */
  async containersOf(hostId: string): Promise<{ id: string; pid: number; run: string }[]> {
    const filters = JSON.stringify({ label: [`remotegpu.host=${hostId}`], status: ["running"] });
    const found = await docker.listContainers({ filters });
    return Promise.all(
      found.map(async ({ Id, Labels }) => ({
        id: Id,
        pid: (await docker.getContainer(Id).inspect()).State.Pid,
        run: Labels["remotegpu.run"] ?? "",
      })),
    );
  }

  /**
   * Ends everything in order and removes the rest.
   * @throws when an agent that ended in order, or the control plane, left something behind
   */
  async close(): Promise<void> {
    const endedInOrder = this.hosts.filter(({ agent }) => !agent.isEnded);
    await Promise.all(
      this.hosts.map(async ({ agent, access, files }) => {
        await agent.stop();
        await access.stop();
        await files.stop();
      }),
    );
    const controlPlaneRuns = !this.controlPlane.isEnded;
    await this.controlPlane.stop();
    for (const { program } of this.#replicas) await program.stop();
    const left = [
      ...(await Promise.all(endedInOrder.map(({ id }) => leftOnHost(id)))).flat(),
      ...(controlPlaneRuns ? processesIn(this.folder).map((pid) => `process ${pid}`) : []),
    ];
    await endProcessesIn(this.folder);
    await Promise.all(this.hosts.map(({ id }) => removeFromHost(id)));
    rmSync(this.folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
  }

  #stateDir(name: string, operatorFile: string | undefined): string {
    const folder = join(this.folder, name);
    if (operatorFile !== undefined) {
      mkdirSync(folder, { mode: 0o700 });
      copyFileSync(operatorFile, join(folder, "operator.json"));
    }
    return folder;
  }

  async #openCustomer(): Promise<void> {
    for (const [line, price] of Object.entries({ cpu: "0.05", memory: "0.01", gpu: "3.5" }))
      await this.admin.post("/prices", { spec: "default", line, unit_price: price, billing_unit: "hour" });
    // Nobody fetched it from a registry: whoever orders it takes what somebody put on the host.
    await this.admin.post("/images", { name: BUSYBOX_IMAGE });
    const made = await this.admin.post("/customers", { username: "alice", email: "alice@example.com" });
    this.customerId = Number(made.id);
    await this.admin.put(`/customers/${this.customerId}/quota`, {
      quota_level: "custom",
      cpu_quota: 32,
      memory_quota: 32_768,
      gpu_quota: 8,
      storage_quota: 2 ** 40,
      environment_quota: 20,
    });
    await this.admin.post(`/customers/${this.customerId}/top-ups`, { amount: "100" });
    const { key } = await this.admin.post(`/customers/${this.customerId}/api-keys`, { name: "test" });
    this.customerKey = String(key);
    this.customer = this.client(this.customerKey);
  }
}
