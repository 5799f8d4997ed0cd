/**
 * Who is on the cards: what nvidia-smi names, laid beside the containers of live runs, and which cards are yet to be
 * looked at because a container has left them. When nvidia-smi is asked is for gpu-watch.ts.
 */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { OwnedContainer } from "../../../core/container/container.ts";
import {
  afterList,
  afterCheck,
  isCheckDue,
  NO_HANDOVERS,
  unclearGpus,
  type UnclearGpu,
} from "../../../core/gpus/gpu-handover.ts";
import { withProcesses, type LiveContainers } from "../../../core/gpus/gpu-processes.ts";
import { processesOnCards } from "../../../host/gpus/card-processes.ts";
import type { GpuProcess } from "../../../host/gpus/nvidia-smi/nvidia-smi-xml.ts";

/** A look that has begun. */
export type InspectionBegun = {
  /** How many ends of containers it can tell of. */
  asOf: number;
  /** Whose processes are ours at the moment of asking. */
  liveContainers: () => LiveContainers;
};

/** What came of it, to be taken over at once with the cards that it speaks of. */
export type InspectionDone = { gpus: GpuReport[]; asOf: number };

export class CardUsers {
  #handovers = NO_HANDOVERS;
  #isClosed = false;

  listed(containers: readonly OwnedContainer[]): void {
    this.#handovers = afterList(this.#handovers, containers);
  }

  /** A container has left a card since the last look began, or there was none. */
  get isCheckDue(): boolean {
    return isCheckDue(this.#handovers);
  }

  begin(liveContainers: () => LiveContainers): InspectionBegun {
    return { asOf: this.#handovers.ends, liveContainers };
  }

  /** These cards, each with who is on it. */
  async check(
    gpus: readonly GpuReport[],
    processes: readonly GpuProcess[],
    { asOf, liveContainers }: InspectionBegun,
  ): Promise<InspectionDone> {
    // Who is asked may be gone with the agent, and nobody reads the answer then.
    const { seen, ours } = await processesOnCards(processes, () =>
      this.#isClosed ? new Map() : liveContainers(),
    );
    return { gpus: gpus.map((gpu) => withProcesses(gpu, seen, ours)), asOf };
  }

  done({ gpus, asOf }: InspectionDone): void {
    this.#handovers = afterCheck(this.#handovers, { cards: gpus.map(({ uuid }) => uuid), asOf });
  }

  /** Of these cards, as they were seen last: those on which somebody else is, or may be. */
  unclear(gpus: readonly Pick<GpuReport, "uuid" | "strangers">[]): ReadonlyMap<GpuUuid, UnclearGpu> {
    return unclearGpus(gpus, this.#handovers);
  }

  close(): void {
    this.#isClosed = true;
  }
}
