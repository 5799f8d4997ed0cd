/**
 * One run of the canary from the making of its container to its end: its image is there or is made, its container is made
 * like a customer's and started, what its program printed is read and judged, and all of it but the image is gone.
 */
import { createHash } from "node:crypto";
import { InstanceId, RunId, WorkloadId, type HostId } from "@remotegpu/shared/values/ids";
import { joined, TAR_END, tarFilling, tarHeader } from "@remotegpu/shared/instance/tar-header";
import type { Log } from "@remotegpu/shared/log";
import { KIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import {
  canaryFindings,
  LEAST_OUTSIDE_PID,
  type CanaryFindings,
  type Expectation,
} from "../../core/canary/canary-findings.ts";
import {
  canaryImage,
  canaryOrder,
  isCanaryImageOf,
  type CanaryHost,
  type CanaryIds,
} from "../../core/canary/canary-order.ts";
import { canaryTargets } from "../../core/canary/canary-targets.ts";
import { openListener } from "../../host/open-listener.ts";
import { RuntimeError } from "../../runtime/docker/runtime-error.ts";
import type { RuntimeInfo } from "../../runtime/docker/runtime-info.ts";
import type { Images } from "../../runtime/images/images.ts";
import type { Runtime } from "../../runtime/runtime.ts";

const IDS: CanaryIds = {
  instanceId: InstanceId.parse("canary"),
  runId: RunId.parse("canary"),
  workloadId: WorkloadId.parse("canary"),
};

/** The program gives up what does not answer after half a second, and everything after ten. */
const ENDS_WITHIN_MS = 30 * MS_PER_SECOND;
const OUTPUT_WITHIN_MS = 10 * MS_PER_SECOND;
const MAX_OUTPUT_BYTES = 64 * KIB;

export type CanaryRunParts = {
  hostId: HostId;
  runtime: {
    images: Pick<Images, "idOf" | "removeNamed" | "import">;
    info: () => Promise<Pick<RuntimeInfo, "name">>;
  } & Pick<
    Runtime,
    "canaries" | "outOfReach" | "socketPath" | "create" | "start" | "ended" | "logs" | "remove"
  >;
  stateDir: string;
  /** IPv4, those first that matter most. */
  hostAddresses: () => readonly string[];
  /** Of the image, compiled or as the bundle has it. */
  program: () => Promise<Buffer>;
  log: Log;
};

/**
 * What the runtime would not remove of it is left for the next one, which is not made before that is gone: no failure to
 * remove it takes away what was found.
 * @throws RuntimeError, RuntimeDown, ToolboxError
 */
export async function runCanary(parts: CanaryRunParts): Promise<CanaryFindings> {
  const { runtime, log } = parts;
  await removeCanaries(runtime);
  const imageId = await imageOf(parts);
  const listener = await openListener();
  try {
    const expected = await expectationOf(parts, listener.port);
    const order = canaryOrder(IDS, { image: imageId, host: hostOf(parts, expected) });
    const containerId = await runtime.create(order, {
      kind: "ready",
      attachment: { mode: "none" },
      folders: [],
      imageId,
      isCanary: true,
    });
    await runtime.start(containerId, order.spec);
    await runtime.ended(containerId, { withinMs: ENDS_WITHIN_MS });
    return canaryFindings(await outputOf(runtime, containerId), expected);
  } finally {
    listener.close();
    await removeCanaries(runtime).catch((error: unknown) => {
      log.warn({ error }, "the canary's container could not be removed; the next one removes it first");
    });
  }
}

/** Whatever an earlier one has left of itself, running or not. @throws RuntimeError, RuntimeDown */
export async function removeCanaries(runtime: Pick<Runtime, "canaries" | "remove">): Promise<void> {
  for (const containerId of await runtime.canaries()) await runtime.remove({ containerId, runId: IDS.runId });
}

async function expectationOf(
  { runtime, hostAddresses }: CanaryRunParts,
  listenerPort: number,
): Promise<Expectation> {
  const [outOfReach, { name }] = await Promise.all([runtime.outOfReach(), runtime.info()]);
  return {
    targets: canaryTargets({ listenerPort, hostAddresses: hostAddresses(), ...outOfReach }),
    hasOutside: process.pid >= LEAST_OUTSIDE_PID,
    hasDockerProfile: name === "docker",
  };
}

function hostOf({ stateDir, runtime }: CanaryRunParts, { targets, hasOutside }: Expectation): CanaryHost {
  return {
    outsidePid: hasOutside ? process.pid : null,
    paths: [stateDir],
    runtimeSocket: runtime.socketPath,
    targets,
  };
}

/** By its name it is looked for each time: somebody may have removed it. Those of earlier versions go. */
async function imageOf({ hostId, runtime, program }: CanaryRunParts): Promise<string> {
  const { images } = runtime;
  const content = await program();
  const { repository, tag } = canaryImage(hostId, createHash("sha256").update(content).digest("hex"));
  const there = await images.idOf(`${repository}:${tag}`);
  if (there !== null) return there;
  await images.removeNamed((name) => isCanaryImageOf(hostId, name));
  const changes = ['ENTRYPOINT ["/canary"]'];
  return images.import(rootWith(content), { repository, tag, changes });
}

function rootWith(program: Buffer): Uint8Array {
  const name = new TextEncoder().encode("canary");
  const header = tarHeader({ type: "file", name, bytes: program.length, isExecutable: true });
  return joined([header, program, new Uint8Array(tarFilling(program.length)), TAR_END]);
}

/** Following it, for the runtime may still be writing down what was printed last. */
async function outputOf(runtime: Pick<Runtime, "logs">, containerId: string): Promise<string> {
  const signal = AbortSignal.timeout(OUTPUT_WITHIN_MS);
  const query = { containerId, follow: true, tailLines: null, after: null, isLineByLine: false, signal };
  const pieces: Uint8Array[] = [];
  let read = 0;
  for await (const { output, bytes } of runtime.logs(query)) {
    if (output !== "stdout") continue;
    read += bytes.length;
    if (read > MAX_OUTPUT_BYTES) throw new RuntimeError("the canary printed more than its program does");
    pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString("latin1");
}
