/**
 * What is known of the NVLinks among the host's cards. Asked when the cards are others than before, not at every sample:
 * cables do not move. It serves placement alone, so a host that cannot tell is as good as any other, and nothing waits.
 */
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { nvlinkIslands, type LinkedCard } from "../../../core/gpus/nvlink-islands.ts";
import type { NvidiaSmi } from "../../../host/gpus/nvidia-smi/nvidia-smi.ts";
import { NvidiaSmiError } from "../../../host/gpus/nvidia-smi/nvidia-smi-error.ts";

/** After a question that brought nothing; a driver may still be coming up. */
const RETRY_MS = 10 * MS_PER_MINUTE;

type Islands = ReadonlyMap<GpuUuid, number>;
type Links = { islands: Islands; switched: ReadonlySet<GpuUuid> };

export class NvlinkWatch {
  readonly #log: Log;
  /** Null: not known. */
  #islands: Islands | null = null;
  #switched: ReadonlySet<GpuUuid> = new Set();
  /** The cards that were asked about last. */
  #requestedAbout = "";
  #requestedMs = Number.NEGATIVE_INFINITY;
  #isRequesting = false;

  constructor(log: Log) {
    this.#log = log;
  }

  islandOf(uuid: GpuUuid): number | null {
    return this.#islands?.get(uuid) ?? null;
  }

  /** Cards that reach the others over switches, as far as was ever seen. */
  get switched(): ReadonlySet<GpuUuid> {
    return this.#switched;
  }

  /**
   * Asks when that is due. Until the answer is there, what was known of a card holds for it.
   * @returns whether something else is known than before
   */
  async checkWhenDue(nvidiaSmi: NvidiaSmi, cards: readonly LinkedCard[], nowMs: number): Promise<boolean> {
    const about = JSON.stringify(cards.map(({ uuid, index, migEnabled }) => [uuid, index, migEnabled]));
    const isAnotherTry = this.#islands === null && nowMs - this.#requestedMs >= RETRY_MS;
    if (cards.length === 0 || this.#isRequesting || (about === this.#requestedAbout && !isAnotherTry))
      return false;
    const before = this.#islands;
    this.#requestedAbout = about;
    this.#requestedMs = nowMs;
    this.#isRequesting = true;
    const links = await this.#request(nvidiaSmi, cards).finally(() => (this.#isRequesting = false));
    this.#islands = links?.islands ?? null;
    this.#switched = new Set([...this.#switched, ...(links?.switched ?? [])]);
    return !isSame(before, this.#islands);
  }

  async #request(nvidiaSmi: NvidiaSmi, cards: readonly LinkedCard[]): Promise<Links | null> {
    try {
      const map = await nvidiaSmi.nvlinks();
      const islands = nvlinkIslands(cards, map);
      if (islands === null) {
        this.#log.warn({}, "nvidia-smi's topology is not of the cards that it lists");
        return null;
      }
      const switched = cards.filter(({ index }) => map.switched.includes(index));
      return { islands, switched: new Set(switched.map(({ uuid }) => uuid)) };
    } catch (error) {
      if (!(error instanceof NvidiaSmiError)) throw error;
      this.#log.warn({ error }, "which GPUs are joined by NVLink is unknown");
      return null;
    }
  }
}

function isSame(before: Islands | null, after: Islands | null): boolean {
  return JSON.stringify([...(before ?? [])]) === JSON.stringify([...(after ?? [])]);
}
