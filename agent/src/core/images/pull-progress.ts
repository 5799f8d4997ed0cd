/**
 * How far a pull is, from what the runtime says of each layer, and since when nothing has moved. The runtime speaks of
 * bytes in steps, the larger the layer the larger; repetitions of what was had before are no progress. Sizes stand in
 * manifests that customers make, so no number of them is believed.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { GIB, MIB } from "@remotegpu/shared/values/units";

/** One line of the runtime's answer. */
export type PullEvent = {
  id?: string | undefined;
  status: string;
  current: number | null;
  total: number | null;
};

/** Beyond what images have: with more, each line would cost, and so would the report. */
export const MAX_LAYERS = 512;
/** Sums of so many such layers are exact. */
export const MAX_LAYER_BYTES = 4 * 1_024 * GIB;

type Stage = "announced" | "queued" | "loading" | "loaded" | "unpacking" | "whole";
type Layer = { stage: Stage; bytesDone: number; bytes: number | null; bytesUnpacked: number };

const UNKNOWN: Layer = { stage: "announced", bytesDone: 0, bytes: null, bytesUnpacked: 0 };

const STAGES: readonly (readonly [Stage, RegExp])[] = [
  ["announced", /^(Pulling fs layer|Retrying)/],
  ["queued", /^Waiting/],
  ["loading", /^Downloading/],
  ["loaded", /^(Verifying Checksum|Download complete)/],
  ["unpacking", /^Extracting/],
  ["whole", /^(Pull complete|Already exists)/],
];
const ORDER: readonly Stage[] = ["announced", "queued", "loading", "loaded", "unpacking", "whole"];
const LOADED = ORDER.indexOf("loaded");

/** What layers come to, one or all. */
type Sums = {
  layers: number;
  whole: number;
  awaited: number;
  queued: number;
  bytesDone: number;
  bytes: number;
  reached: number;
};

export type CountedProgress = {
  layersDone: number | null;
  layers: number | null;
  bytesDone: number | null;
  bytes: number | null;
};

export const UNCOUNTED: CountedProgress = { layersDone: null, layers: null, bytesDone: null, bytes: null };

/** Lines come by the thousand, so each changes the sums by its own layer alone. */
export class PullProgress {
  readonly #layers = new Map<string, Layer>();
  readonly #sums: Sums = { layers: 0, whole: 0, awaited: 0, queued: 0, bytesDone: 0, bytes: 0, reached: 0 };
  #reached = 0;
  #hasTooManyLayers = false;

  note(event: PullEvent): void {
    const stage = STAGES.find(([, words]) => words.test(event.status))?.[0];
    if (stage === undefined || event.id === undefined) return;
    const before = this.#layers.get(event.id);
    if (before === undefined && this.#layers.size >= MAX_LAYERS) {
      this.#hasTooManyLayers = true;
      return;
    }
    const layer = layerAfter(before ?? UNKNOWN, stage, event);
    this.#layers.set(event.id, layer);
    if (before !== undefined) this.#count(before, -1);
    this.#count(layer, 1);
    this.#reached = Math.max(this.#reached, this.#sums.reached);
  }

  /** Grows with whatever was never reached before. */
  get reached(): number {
    return this.#reached;
  }

  get hasTooManyLayers(): boolean {
    return this.#hasTooManyLayers;
  }

  /** The registry has said what the image is made of. */
  get hasLayers(): boolean {
    return this.#sums.layers > 0;
  }

  /** Something is still to come from the registry, rather than from the host's own disk. */
  get awaitsRegistry(): boolean {
    return !this.hasLayers || this.#sums.awaited > 0;
  }

  /** All that is still to come waits for the runtime, which loads only a few layers of all pulls at once. */
  get awaitsRuntime(): boolean {
    return this.#sums.awaited > 0 && this.#sums.awaited === this.#sums.queued;
  }

  /** As it is told. */
  get counted(): CountedProgress {
    if (!this.hasLayers) return UNCOUNTED;
    const { layers, whole, bytesDone, bytes } = this.#sums;
    return { layersDone: whole, layers, bytesDone, bytes };
  }

  #count(layer: Layer, times: 1 | -1): void {
    const { stage, bytes, bytesDone, bytesUnpacked } = layer;
    const sums = this.#sums;
    sums.layers += times;
    sums.whole += times * Number(stage === "whole");
    sums.awaited += times * Number(ORDER.indexOf(stage) < LOADED);
    sums.queued += times * Number(stage === "queued");
    sums.bytesDone += times * Math.min(bytesDone, bytes ?? 0);
    sums.bytes += times * (bytes ?? 0);
    sums.reached += times * (bytesDone + bytesUnpacked + ORDER.indexOf(stage));
  }
}

function layerAfter(before: Layer, stage: Stage, event: PullEvent): Layer {
  const [current, total] = [believable(event.current), believable(event.total)];
  switch (stage) {
    case "announced":
    case "queued":
      return { ...before, stage, bytesDone: 0 };
    case "loading":
      return { ...before, stage, bytesDone: current ?? before.bytesDone, bytes: total ?? before.bytes };
    case "loaded":
      return { ...before, stage, bytesDone: before.bytes ?? before.bytesDone };
    case "unpacking":
      return {
        stage,
        bytes: before.bytes ?? total,
        bytesDone: before.bytes ?? total ?? before.bytesDone,
        bytesUnpacked: current ?? before.bytesUnpacked,
      };
    case "whole":
      return { ...before, stage, bytesDone: before.bytes ?? before.bytesDone };
  }
}

function believable(bytes: number | null): number | null {
  if (bytes === null || Number.isNaN(bytes)) return null;
  return Math.trunc(Math.min(Math.max(bytes, 0), MAX_LAYER_BYTES));
}

/** For people. */
export function progressReason(image: string, counted: CountedProgress): HostReason {
  const { layersDone, layers } = counted;
  if (layers === null || layersDone === null) return { code: "image-pulling", params: { image } };
  const done = counted.bytesDone ?? 0;
  const total = counted.bytes ?? 0;
  const params = { image, layers_done: layersDone, layers };
  return total >= GIB
    ? { code: "image-pulling-gib", params: { ...params, done_gib: done / GIB, total_gib: total / GIB } }
    : { code: "image-pulling-mib", params: { ...params, done_mib: done / MIB, total_mib: total / MIB } };
}
