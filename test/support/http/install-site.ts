/**
 * A control plane's side of install.sh for tests: an HTTP or HTTPS server on loopback that hands out the script
 * and a small bundle whose "agent" is a shell script, and a host's root folder with a systemctl that takes notes.
 */
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { AGENT_UNITS, COMMITTED_UNITS, SHELL_NAME } from "../../../agent/src/core/upgrade/unit-text.ts";
import { writeBundleManifest } from "../../../agent/install/bundle-manifest.ts";

const agentFolder = new URL("../../../agent/", import.meta.url).pathname;

/**
 * Plays `node agent.mjs COMMAND`: notes the call with the settings it got; refuses to join on demand. As `node upgrade.mjs`
 * it plays what the upgrade unit comes to: it switches, or leaves a version that is marked bad.
 */
const AGENT = `#!/bin/sh
case $1 in
  */upgrade.mjs)
    opt=\${2#--opt=} version=\${4#--release=}
    echo "$3 $4 $6" >>"$REMOTEGPU_STATE_DIR/calls"
    if [ -e "$opt/$version/bad" ]; then echo "version $version was reverted"; exit 1; fi
    if [ "\${5#--manifest-sha256=}" != "$(sha256sum <"$opt/$version/MANIFEST" | cut -d ' ' -f 1)" ]; then exit 2; fi
    ln -sfn "$(readlink "$opt/current")" "$opt/previous"
    ln -sfn "$version" "$opt/current"
    ln -sfn "$version" "$opt/committed"
    echo "this host runs version $version of the agent, on probation"
    exit ;;
esac
echo "$2 $REMOTEGPU_SERVER|$REMOTEGPU_HOST_NAME|$REMOTEGPU_SIMULATED_GPUS|\${REMOTEGPU_JOIN_TOKEN:-}|\${NOTE:-}" >>"$REMOTEGPU_STATE_DIR/calls"
case $2 in
  is-removed) [ -e "$REMOTEGPU_STATE_DIR/removed" ] && echo "this host was taken out" ;;
  leave) rm "$REMOTEGPU_STATE_DIR/removed" ;;
  *) [ ! -e "$REMOTEGPU_STATE_DIR/refuse" ] ;;
esac
`;

/**
 * Plays systemctl: the access process is active once it was started, the others once they were restarted; a restart fails
 * for a version that is marked bad. A unit is known as it was when all were read last, which enabling one does, too.
 */
const SYSTEMCTL = `#!/bin/sh
host=$(dirname "$(dirname "$0")")
echo "$*" >>"$host/systemctl"
units="$host/etc/systemd/system"
read_units() { rm -rf "$host/known"; cp -r "$units" "$host/known"; }
case $1 in
  daemon-reload) read_units ;;
  is-enabled) [ -e "$host/enabled/$3" ] ;;
  enable) mkdir -p "$host/enabled" && touch "$host/enabled/$3" && read_units ;;
  show)
    shift 3
    for unit in "$@"; do
      # One that was never read is read when it is first spoken of.
      if [ ! -e "$host/known/$unit" ] || cmp -s "$units/$unit" "$host/known/$unit"; then echo no; else echo yes; fi
    done ;;
  is-active) case $* in *timer) [ -e "$host/timers-active" ] ;; *access*) [ -e "$host/access-active" ] ;; *files*) [ -e "$host/files-active" ] ;; *) [ -e "$host/active" ] ;; esac ;;
  start) case $* in *timer) touch "$host/timers-active" ;; *) touch "$host/access-active" ;; esac ;;
  restart) case $* in *files*) touch "$host/files-active"; exit ;; esac; [ ! -e "$host/opt/remotegpu/current/bad" ] && touch "$host/active" ;;
esac
`;

/** Notes what is written down, and which version is current just then; the real one does it. */
const SYNC = `#!/bin/sh
host=$(dirname "$(dirname "$0")")
for each in "$@"; do echo "$(readlink "$host/opt/remotegpu/current") $(basename "$each")" >>"$host/synced"; done
PATH=\${PATH#*:} exec sync "$@"
`;

export type InstallSite = Awaited<ReturnType<typeof openInstallSite>>;

export async function openInstallSite({ tls }: { tls?: { cert: string; key: string } } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-install-"));
  const bundle = join(folder, "bundle");
  const host = join(folder, "host");
  const requests: string[] = [];
  await mkdir(join(host, "bin"), { recursive: true });
  await mkdir(join(host, "run/systemd/system"), { recursive: true });
  await writeExecutable(join(host, "bin/systemctl"), SYSTEMCTL);
  await writeExecutable(join(host, "bin/sync"), SYNC);
  const answer: RequestListener = (request, response) => {
    const path = request.url ?? "";
    requests.push(path);
    const file =
      path === "/install.sh"
        ? join(agentFolder, "install/install.sh")
        : join(folder, path.replace("/bundles/", "bundle/"));
    readFile(file).then(
      (content) => response.end(content),
      () => response.writeHead(404).end(),
    );
  };
  const server = tls ? createTlsServer(tls, answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    host,
    bundle,
    /** Paths that were asked for since the last call. */
    takeRequests: () => requests.splice(0),
    /** Puts a bundle on the shelf whose agent.mjs holds `content`. */
    async offer(content: string, { bad = false } = {}) {
      await rm(bundle, { recursive: true, force: true });
      await mkdir(bundle);
      await writeExecutable(join(bundle, "node"), AGENT);
      await writeFile(join(bundle, "agent.mjs"), content);
      await writeFile(join(bundle, "upgrade.mjs"), "");
      for (const unit of [...AGENT_UNITS, ...COMMITTED_UNITS, SHELL_NAME])
        await copyFile(join(agentFolder, "systemd", unit), join(bundle, unit));
      if (bad) await writeFile(join(bundle, "bad"), "");
      return await writeBundleManifest({ folder: bundle, release: "1.0.0" });
    },
    /** Runs the published one-liner on the host, with curl's own options before it. */
    async install(args: string[], { curl = [], via = "sh" }: { curl?: string[]; via?: string } = {}) {
      const line = `curl -fsS ${curl.map((option) => `'${option}'`).join(" ")} "$0/install.sh" | ${via} -s -- "$@"`;
      return await execa("sh", ["-c", line, url, "--prefix", host, "--no-docker", ...args], {
        reject: false,
        all: true,
        env: { PATH: `${host}/bin:${process.env["PATH"] ?? ""}` },
      });
    },
    /** Runs the script as the agent's package does: the release lies in the bundle's folder. */
    async installRelease(args: string[] = []) {
      const script = join(agentFolder, "install/install.sh");
      const options = ["--release", bundle, "--prefix", host, "--no-docker"];
      return await execa("sh", [script, ...options, ...args], {
        reject: false,
        all: true,
        env: { PATH: `${host}/bin:${process.env["PATH"] ?? ""}` },
      });
    },
    read: (path: string) => readFile(join(host, path), "utf8"),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function writeExecutable(path: string, script: string): Promise<void> {
  await writeFile(path, script);
  await chmod(path, 0o755);
}
