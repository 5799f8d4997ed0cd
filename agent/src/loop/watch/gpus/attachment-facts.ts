/**
 * What the runtime needs to attach the host's GPUs, and which it cannot attach: learned with each sample from the CDI
 * specs and device nodes that are there then.
 */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { chooseAttachMode, unattachableGpus } from "../../../core/container/gpu-attachment.ts";
import { CdiSpecFiles, cdiDevicesOf } from "../../../host/gpus/cdi.ts";
import { DeviceNodes } from "../../../host/gpus/device-nodes.ts";
import type { RuntimeInfo } from "../../../runtime/docker/runtime-info.ts";
import type { GpuFacts } from "../../../runtime/runtime.ts";

export type AttachmentOptions = {
  /** Where the device nodes of real cards are, and what makes them; those of the host unless given. */
  deviceNodes?: DeviceNodes;
  log: Log;
};

export class AttachmentFacts {
  readonly #cdiSpecs = new CdiSpecFiles();
  readonly #deviceNodes: DeviceNodes;
  readonly #log: Log;
  #facts: GpuFacts = { mode: null, devices: [], nodes: new Map() };
  /** By the last sample that knew the runtime, and the one before: a spec that is just being written names nothing. */
  #unattachable: [ReadonlyMap<GpuUuid, HostReason>, ReadonlyMap<GpuUuid, HostReason>] = [
    new Map(),
    new Map(),
  ];

  constructor({ deviceNodes, log }: AttachmentOptions) {
    this.#deviceNodes = deviceNodes ?? new DeviceNodes();
    this.#log = log;
  }

  get facts(): GpuFacts {
    return this.#facts;
  }

  /** Why nothing can be started on a card, of those that two samples in a row could not attach. */
  get obstacles(): ReadonlyMap<GpuUuid, HostReason> {
    const [now, before] = this.#unattachable;
    return new Map([...now].filter(([uuid]) => before.has(uuid)));
  }

  async learn(gpus: readonly GpuReport[], runtime: RuntimeInfo | null): Promise<void> {
    const dirs = runtime?.cdiSpecDirs ?? [];
    const { specs, unreadable } = await this.#cdiSpecs.read(dirs.length > 0 ? dirs : undefined);
    for (const sentence of unreadable) this.#log.warn({}, sentence);
    const devices = cdiDevicesOf(specs, gpus);
    const mode = chooseAttachMode({
      runtime: { hasCdi: dirs.length > 0, hasNvidia: runtime?.hasNvidia ?? false },
      gpus,
      known: devices,
    });
    const nodes = await this.#deviceNodes.of(gpus, { areGiven: mode === "gpus" });
    this.#facts = { mode, devices, nodes };
    if (runtime === null) return;
    this.#unattachable = [unattachableGpus(gpus, mode, devices), this.#unattachable[0]];
  }
}
