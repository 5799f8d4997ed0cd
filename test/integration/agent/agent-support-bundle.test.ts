/** The agent's support bundle: what is in it, that no secret is, and that a running agent's files stay as they are. */
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { LeaseStore, ACCESS_FILE } from "@remotegpu/agent/access/store/lease-store";
import { hostCollectors } from "@remotegpu/agent/commands/support-bundle/host-collectors";
import { credentialFile, keyFile } from "@remotegpu/agent/config/config";
import { labelsOf } from "@remotegpu/agent/core/container/container";
import { saveCredential } from "@remotegpu/agent/link/credential";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import type { HostId } from "@remotegpu/shared/values/ids";
import { Redactor } from "@remotegpu/shared/support-bundle/redaction";
import { journalFolder, journalWithRows } from "../../support/agent/journal.ts";
import { docker, importBusyboxImage, newHostId, removeLabelled } from "../../support/containers/docker.ts";
import { COMPILED } from "../../support/suite/compiled.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { heldLease } from "../../support/samples/lease-samples.ts";
import { PlantedSecrets } from "../../support/planted-secrets.ts";
import { programFolder } from "../../support/programs/program-folder.ts";
import { AGENT } from "../../support/programs/program.ts";
import { unpackedBundle } from "../../support/unpacked-bundle.ts";

const OWNER_ONLY = 0o600;
const COMMAND_WITHIN_MS = 120_000;

async function bundleOf(env: Record<string, string>, ...args: string[]) {
  return await execa(process.execPath, [AGENT, "support-bundle", ...args], {
    env: { ...COMPILED, ...env },
    reject: false,
    timeout: COMMAND_WITHIN_MS,
  });
}

/**
 * Each file with its checksum, but for the index that readers of a log share in memory. By another program: whoever reads a
 * locked file within the process that has locked it gives up the lock.
 */
async function sumsOf(folder: string): Promise<string[]> {
  const command = "find . -type f ! -name '*-shm' -exec sha256sum {} + | sort -k 2";
  return (await execa("sh", ["-c", command], { cwd: folder })).stdout.split("\n");
}

function fileOf(): string {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-bundle-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "bundle.tar.gz");
}

/** What is planted where an order names it. */
function orderWith(planted: PlantedSecrets) {
  return desiredOf("bundle", {
    env: { HF_TOKEN: planted.plant("variable of an order") },
    image: `registry.example/${planted.plant("image of an order", (text) => text.toLowerCase())}:1`,
    command: planted.plant("command of an order"),
  });
}

async function containerWith(hostId: HostId, planted: PlantedSecrets): Promise<string> {
  onTestFinished(() => removeLabelled(hostId));
  const desired = desiredOf("bundle");
  const { id } = await docker.createContainer({
    Image: await importBusyboxImage(),
    Cmd: ["sh", "-c", planted.plant("command of a container")],
    Env: [`API_KEY=${planted.plant("variable of a container")}`],
    Labels: {
      ...labelsOf({ ...desired, hostId, network: "ws-1", gpus: [] }),
      note: planted.plant("label of a container"),
    },
  });
  return id;
}

function joinFleet(stateDir: string, hostId: HostId, planted: PlantedSecrets): void {
  planted.add("host's seed", Buffer.from(openHostKey(keyFile(stateDir)).seed).toString());
  saveCredential(credentialFile(stateDir), {
    apiUrl: "https://control.example:8080",
    receivedAtMs: 0,
    grant: {
      host_id: hostId,
      jwt: planted.plant("host's credential", (text) => `${text}.${text}.${text}`),
      expires_at: "2030-01-01T00:00:00Z",
      nats_urls: ["nats://127.0.0.1:9"],
      ca: null,
    },
  });
}

async function metricsServer(text: string): Promise<string> {
  const server = createServer((_request, response) => response.end(text)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const SMI = `==============NVSMI LOG==============
GPU 00000000:3B:00.0
    Product Name                          : NVIDIA H100
    Processes
        Process ID                        : 1234
            Type                          : C
            Name                          : NAME
            Used GPU Memory               : 500 MiB
`;

test(
  "it has what a helper needs, no planted secret in any form, and leaves a running agent's files as they are",
  async () => {
    const planted = new PlantedSecrets();
    const word = (place: string) => planted.plant(place, (text) => text);
    const stateDir = journalFolder();
    const hostId = newHostId();
    const journal = journalWithRows(stateDir, 4);
    journal.desired.replace({
      term: 1,
      generation: 7,
      confirmedStops: null,
      instances: [orderWith(planted)],
    });
    const leases = new LeaseStore(join(stateDir, ACCESS_FILE));
    const held = heldLease("lease-1", 20_001, { detail: planted.plant("detail of a lease") });
    leases.write(0, { saved: [held] });
    onTestFinished(() => leases.close());
    joinFleet(stateDir, hostId, planted);
    const containerId = await containerWith(hostId, planted);
    const path = programFolder({
      journalctl: `${JSON.stringify({
        __REALTIME_TIMESTAMP: "1767225600000000",
        _SYSTEMD_UNIT: "remotegpu-agent.service",
        MESSAGE: JSON.stringify({ level: "info", msg: "a line to read", image: word("image in a log") }),
      })}\n`,
      systemctl: "Id=remotegpu-agent.service\nActiveState=active\n",
      "nvidia-smi": SMI.replace("NAME", `/home/${word("name of a process")}/train`),
    });
    const env = {
      PATH: `${path}:${process.env["PATH"]}`,
      REMOTEGPU_STATE_DIR: stateDir,
      REMOTEGPU_JOIN_TOKEN: planted.plant("join token"),
      REMOTEGPU_SERVER: `https://admin:${word("password of the server's address")}@control.example`,
      REMOTEGPU_METRICS_LISTEN: await metricsServer(
        `remotegpu_agent_up{token="${word("label of metrics")}"} 1\n`,
      ),
      DOCKER_REGISTRY_PASSWORD: planted.plant("registry's password"),
    };
    const before = await sumsOf(stateDir);
    const file = fileOf();

    const ended = await bundleOf(env, "--to", file);

    expect(ended.exitCode).toBe(0);
    const bundle = unpackedBundle(file);
    expect(planted.foundIn(bundle.bytes)).toEqual([]);
    expect(planted.foundIn(Buffer.from(ended.stderr))).toEqual([]);
    expect(await sumsOf(stateDir)).toEqual(before);
    expect(statSync(file).mode & 0o777).toBe(OWNER_ONLY);
    expect(bundle.json("membership.json")).toEqual({ host: hostId, api: "control.example:8080" });
    expect(bundle.json("journal.json")).toMatchObject({
      is_agent_running: true,
      complaint: null,
      meta: { head_seq: 4, watermark: 0 },
      desired: { generation: 7, instances: 1 },
      runs: [{ run: "run-1", end: null }],
    });
    expect(bundle.json("leases.json")).toMatchObject({
      leases: [{ lease: "lease-1", state: "held", port: 20_001 }],
    });
    expect(bundle.json("containers.json")).toMatchObject([
      {
        container: containerId,
        instance: "env-bundle",
        status: { state: "created" },
      },
    ]);
    expect(bundle.text("runtime.json")).toContain('"ServerVersion": "');
    expect(bundle.text("doctor.json")).toContain('"check": "rows-are-chained"');
    expect(bundle.text("nvidia-smi.txt")).toContain("NVIDIA H100");
    expect(bundle.text("nvidia-smi.txt")).toContain("Name                          : [left out]");
    expect(bundle.text("metrics.prom")).toContain("remotegpu_agent_up");
    expect(bundle.text("log.jsonl")).toContain("a line to read");
    expect(bundle.text("units.txt")).toContain("ActiveState=active");
    expect(bundle.text("disks.txt")).toContain("Avail");
    expect(bundle.json("upgrade.json")).toMatchObject({ current: null, results: [] });
    // Nothing but what this machine may not have.
    expect(bundle.manifest.left_out.map(({ name }) => name).filter((name) => name !== "kernel.txt")).toEqual(
      [],
    );
  },
  COMMAND_WITHIN_MS,
);

test(
  "with runtime, driver and journal away it says what is missing",
  async () => {
    const stateDir = journalFolder();
    const path = programFolder({ "nvidia-smi": null, journalctl: "", systemctl: "" });
    const file = fileOf();
    const env = {
      PATH: `${path}:${process.env["PATH"]}`,
      REMOTEGPU_STATE_DIR: stateDir,
      REMOTEGPU_RUNTIME_SOCKET: join(stateDir, "nobody.sock"),
      REMOTEGPU_METRICS_LISTEN: "127.0.0.1:9",
    };

    const ended = await bundleOf(env, "--to", file);

    expect(ended.exitCode).toBe(0);
    const { manifest, names } = unpackedBundle(file);
    const reasons = new Map(manifest.left_out.map(({ name, reason }) => [name, reason]));
    expect(reasons.get("journal.json")).toContain(`there is no journal in ${stateDir}`);
    expect(reasons.get("doctor.json")).toContain("belongs to no fleet yet");
    expect(reasons.get("containers.json")).toContain("belongs to no fleet yet");
    expect(reasons.get("runtime.json")).toContain("the runtime");
    expect(reasons.get("nvidia-smi.txt")).toContain("was not over within 10 s");
    expect(reasons.get("metrics.prom")).toContain("fetch failed");
    expect(names).toContain("leases.json");
  },
  COMMAND_WITHIN_MS,
);

test("of the kernel's log it has lines about GPUs and memory, and none of a process", async () => {
  const kernelLog = join(journalFolder(), "kmsg");
  writeFileSync(
    kernelLog,
    "3,1,10,-;NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.\n6,2,11,-;eth0: link up\n12,3,12,-;NVRM: by a process\n",
  );
  const run = () => Promise.resolve("");
  const collectors = hostCollectors(null, {
    settings: () => "",
    run,
    redactor: new Redactor([]),
    again: ["node"],
    kernelLog,
  });
  let text = "";

  await collectors
    .find(({ name }) => name === "kernel.txt")
    ?.collect((piece) => void (text += piece), new AbortController().signal);

  expect(text).toBe("3,1,10,-;NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.\n");
});
