/** What a support bundle has of a host. */
import { cpus, freemem, loadavg, release, totalmem, uptime } from "node:os";
import { boundedBody } from "@remotegpu/shared/bounded-body";
import type { Collector } from "@remotegpu/shared/support-bundle/collection";
import {
  diskCollector,
  documentCollector,
  logCollector,
  programCollector,
  type RunProgram,
  unitCollector,
} from "@remotegpu/shared/support-bundle/program-collectors";
import type { Redactor } from "@remotegpu/shared/support-bundle/redaction";
import { localPlace } from "@remotegpu/shared/values/local-url";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Config } from "../../config/config.ts";
import { kernelLineOf } from "../../core/host/kernel-line.ts";
import { KERNEL_LOG, KernelLog } from "../../host/kernel-log.ts";
import { AGENT_VERSION } from "../../process/version.ts";
import { Docker } from "../../runtime/docker/docker.ts";
import * as own from "./own-parts.ts";

const UNITS = ["agent", "access", "files", "upgrade"].map((name) => `remotegpu-${name}.service`);
const TIMERS = ["remotegpu-upgrade.timer", "remotegpu-upgrade-cleanup.timer"];
/** The journal of a host that was cut off for weeks is large, and so is the doctor's walk through it. */
const OWN_BOUNDS = { withinMs: 60 * MS_PER_SECOND, maxBytes: 4 * MIB };
const MAX_METRICS_BYTES = 4 * MIB;
const ABOUT_GPUS = /NVRM|nvidia|Xid|nvswitch|NVLink|AER:|pcieport|vfio|mlx5|oom-kill|Out of memory/i;
const MAX_KERNEL_LINES = 2_000;

/**
 * Those that may hold up a whole process, such as a large journal or a disk that hangs, are read by a process of their own:
 * `support-bundle --only PART`.
 */
export const OWN_PARTS = ["doctor", "journal", "leases"] as const;
export type OwnPart = (typeof OWN_PARTS)[number];

export interface HostParts {
  /** What `config check --json` prints. */
  settings: () => string;
  run: RunProgram;
  redactor: Redactor;
  /** This program again, with what its command line began with. */
  again: readonly [string, ...string[]];
  kernelLog?: string;
}

/** @param config null where the settings are at fault, so that it is not known where anything is */
export function hostCollectors(config: Config | null, parts: HostParts): Collector[] {
  const { settings, run, redactor, kernelLog = KERNEL_LOG } = parts;
  return [
    documentCollector("version.json", "this program and this machine", machine),
    {
      name: "settings.json",
      source: "config check --json",
      without: "values of secret settings: of those there is the length",
      collect: (add) => add(settings()),
    },
    documentCollector("upgrade.json", "the files of upgrades", own.upgradeFigures),
    kernelLines(kernelLog),
    unitCollector([...UNITS, ...TIMERS], run),
    logCollector(UNITS, { run, redactor }),
    ...(config === null ? [] : [...ofState(config, parts), ...ofRuntime(config), gpus(config, run)]),
  ];
}

function machine(): unknown {
  return {
    version: AGENT_VERSION,
    is_installed: import.meta.filename.endsWith(".mjs"),
    node: process.versions,
    platform: `${process.platform} ${process.arch} ${release()}`,
    cpus: cpus().length,
    memory_bytes: totalmem(),
    memory_free_bytes: freemem(),
    load: loadavg(),
    up_seconds: uptime(),
    now: new Date().toISOString(),
  };
}

function ofState(config: Config, { run, again }: HostParts): Collector[] {
  const [program, ...args] = again;
  const parts = OWN_PARTS.map((part): Collector => ({
    name: `${part}.json`,
    source: `support-bundle --only ${part}, in a process of its own`,
    withinMs: OWN_BOUNDS.withinMs + MS_PER_SECOND,
    maxBytes: OWN_BOUNDS.maxBytes,
    collect: async (add) => add(await run(program, [...args, "--only", part], OWN_BOUNDS)),
  }));
  return [
    ...parts,
    documentCollector("membership.json", "which host of which fleet", () => own.membershipFigures(config)),
    documentCollector("health.json", "what the running agent wrote last", () => own.healthFigures(config)),
    diskCollector([config.stateDir, config.poolFolder, "/"], run),
    ...(config.metricsListen === null ? [] : [scrape(config.metricsListen)]),
  ];
}

function ofRuntime({ runtimeSocket, ...config }: Config): Collector[] {
  const docker = new Docker(runtimeSocket ?? undefined);
  return [
    {
      ...documentCollector("containers.json", "containers of this host, by the runtime", () =>
        own.containerFigures({ runtimeSocket, ...config }, docker),
      ),
      without: "images, variables, commands, labels and mounts",
    },
    {
      ...documentCollector("runtime.json", "docker info and docker version", () =>
        own.runtimeFigures(docker),
      ),
      without: "proxies, registries and labels",
    },
  ];
}

/** Names of processes are customers'. */
function gpus({ nvidiaSmiPath, simulatedGpus }: Config, run: RunProgram): Collector {
  const collector = programCollector("nvidia-smi.txt", [nvidiaSmiPath, "-q"], run);
  return {
    ...collector,
    without: "names of processes",
    async collect(add) {
      if (simulatedGpus > 0) throw new Error(`the ${simulatedGpus} cards of this host are simulated`);
      const text = await run(nvidiaSmiPath, ["-q"], { withinMs: 10 * MS_PER_SECOND, maxBytes: MIB });
      add(withoutProcessNames(text));
    },
  };
}

/** A process is told by four lines, of which the third is its name. */
function withoutProcessNames(text: string): string {
  return text.replace(/^(\s*Process ID\b.*\n(?:.*\n)?\s*Name\s*:).*$/gm, "$1 [left out]");
}

function kernelLines(path: string): Collector {
  return {
    name: "kernel.txt",
    source: `lines of ${path} about GPUs and memory`,
    async collect(add) {
      const log = new KernelLog(path);
      const records = await log.newLines();
      await log.close();
      if (records === null) throw new Error(`${path} is not there or may not be read`);
      const lines = records.filter((record) => {
        const { isKernels, message } = kernelLineOf(record);
        return isKernels && ABOUT_GPUS.test(message);
      });
      add(
        lines
          .slice(-MAX_KERNEL_LINES)
          .map((line) => `${line}\n`)
          .join(""),
      );
    },
  };
}

function scrape(listen: { address: string; port: number }): Collector {
  const url = `http://${localPlace(listen)}/metrics`;
  return {
    name: "metrics.prom",
    source: `a scrape of ${url}`,
    maxBytes: MAX_METRICS_BYTES,
    async collect(add, signal) {
      const response = await fetch(url, { signal });
      if (!response.ok || response.body === null) throw new Error(`it answers ${response.status}`);
      const bytes = await boundedBody(response.body, { maxBytes: MAX_METRICS_BYTES, signal });
      add(new TextDecoder().decode(bytes));
    },
  };
}
