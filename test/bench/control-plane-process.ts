/** One control plane as a process of its own, on a database and a NATS that are there already. */
import { copyFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { spawnProcess, type RunningProcess } from "./running-process.ts";
import { freePort } from "../support/engines/free-ports.ts";

const SERVES_WITHIN_MS = 60_000;
const CONTROL_PLANE = new URL("../../control-plane/server/main.ts", import.meta.url).pathname;

export async function startControlPlane(parts: {
  folder: string;
  /** The keys of that NATS. */
  operatorFile: string;
  databaseUrl: string;
  natsUrl: string;
}): Promise<{ process: RunningProcess; url: string }> {
  await mkdir(parts.folder, { mode: 0o700 });
  copyFileSync(parts.operatorFile, join(parts.folder, "operator.json"));
  const listen = `127.0.0.1:${await freePort()}`;
  const controlPlane = spawnProcess([process.execPath, CONTROL_PLANE, "run"], {
    env: {
      REMOTEGPU_STATE_DIR: parts.folder,
      REMOTEGPU_LISTEN: listen,
      REMOTEGPU_AGENT_BUNDLE: "0",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      DATABASE_URL: parts.databaseUrl,
      NATS_URL: parts.natsUrl,
    },
    logFile: join(parts.folder, "log"),
  });
  await eventually(
    async () => {
      controlPlane.output();
      return (await fetch(`http://${listen}/readyz`)).ok;
    },
    { withinMs: SERVES_WITHIN_MS, what: "the control plane" },
  );
  return { process: controlPlane, url: `http://${listen}` };
}
