/**
 * How far a pull is, from what the runtime says of each layer, and since when nothing has moved. The runtime speaks of
 * bytes in steps, the larger the layer the larger; repetitions of what was had before are no progress.
 */
import { GIB, MIB } from "@remotegpu/shared/units";

/** One line of the runtime's answer. */
export type PullEvent = {
  id?: string | undefined;
  status: string;
  current: number | null;
  total: number | null;
};

type Stage = "announced" | "queued" | "loading" | "loaded" | "unpacking" | "whole";
type Layer = { stage: Stage; bytesDone: number; bytes: number | null; bytesUnpacked: number };

export type PullProgress = {
  layers: ReadonlyMap<string, Layer>;
  /** Grows with whatever was never reached before. */
  reached: number;
};

export const NOTHING_YET: PullProgress = { layers: new Map(), reached: 0 };

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

export function progressAfter(progress: PullProgress, event: PullEvent): PullProgress {
  const stage = STAGES.find(([, words]) => words.test(event.status))?.[0];
  if (stage === undefined || event.id === undefined) return progress;
  const before = progress.layers.get(event.id) ?? {
    stage: "announced",
    bytesDone: 0,
    bytes: null,
    bytesUnpacked: 0,
  };
  const layers = new Map(progress.layers).set(event.id, layerAfter(before, stage, event));
  return { layers, reached: Math.max(progress.reached, reachedBy(layers)) };
}

function layerAfter(before: Layer, stage: Stage, { current, total }: PullEvent): Layer {
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

function reachedBy(layers: ReadonlyMap<string, Layer>): number {
  return [...layers.values()].reduce(
    (sum, { stage, bytesDone, bytesUnpacked }) => sum + bytesDone + bytesUnpacked + ORDER.indexOf(stage),
    0,
  );
}

/** Something is still to come from the registry, rather than from the host's own disk. */
export function awaitsRegistry({ layers }: PullProgress): boolean {
  return layers.size === 0 || [...layers.values()].some(isAwaited);
}

/** All that is still to come waits for the runtime, which loads only a few layers of all pulls at once. */
export function awaitsRuntime({ layers }: PullProgress): boolean {
  const awaited = [...layers.values()].filter(isAwaited);
  return awaited.length > 0 && awaited.every(({ stage }) => stage === "queued");
}

function isAwaited({ stage }: Layer): boolean {
  return ORDER.indexOf(stage) < LOADED;
}

export type CountedProgress = {
  layersDone: number | null;
  layers: number | null;
  bytesDone: number | null;
  bytes: number | null;
};

export const UNCOUNTED: CountedProgress = { layersDone: null, layers: null, bytesDone: null, bytes: null };

/** As it is told. */
export function countedProgress({ layers }: PullProgress): CountedProgress {
  if (layers.size === 0) return UNCOUNTED;
  const all = [...layers.values()];
  const announced = all.filter(({ bytes }) => bytes !== null);
  return {
    layersDone: all.filter(({ stage }) => stage === "whole").length,
    layers: all.length,
    bytesDone: announced.reduce((sum, { bytesDone, bytes }) => sum + Math.min(bytesDone, bytes ?? 0), 0),
    bytes: announced.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
  };
}

/** For people. */
export function progressSentence(
  image: string,
  { layersDone, layers, bytesDone, bytes }: CountedProgress,
): string {
  if (layers === null) return `Image ${image} is being pulled.`;
  const [unit, name] = (bytes ?? 0) >= GIB ? [GIB, "GiB"] : [MIB, "MiB"];
  const size = (count: number | null) => ((count ?? 0) / unit).toFixed(1);
  return `Image ${image} is being pulled: ${layersDone} of ${layers} layers, ${size(bytesDone)} of ${size(bytes)} ${name}.`;
}
