/**
 * The fleet as placement sees it: what each host and GPU still has to give, in integers (CPU and GPU share in
 * thousandths, memory in MiB). Built by the store from one consistent read; holds no names, tenants or money.
 */
import { DRILL_LABEL } from "@remotegpu/shared/messages/drill-report";
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { Reason } from "../../reasons/reason.ts";

/** A card is whole and idle, held whole by one instance, or cut into slices. */
export type GpuUse = "idle" | "exclusive" | "shared";

export interface GpuCapacity {
  uuid: string;
  index: number;
  model: string;
  /** Cards of a host with the same number are joined by NVLink; null where the host could not tell. */
  island: number | null;
  /** 0 where the host could not tell. */
  memoryMib: number;
  /** Why nothing new may land on this card, or null. */
  closed: Reason | null;
  use: GpuUse;
  freeShareThousandths: number;
  freeMemoryMib: number;
}

export interface HostCapacity {
  id: string;
  name: string;
  storagePool: string;
  /** Why nothing new may land on this host, or null. */
  closed: Reason | null;
  /** Why only the canary of a drill may land on this host; left out where anything may. */
  undrilled?: Reason;
  labels: Readonly<Record<string, string>>;
  /** Names and ids of the images that it has; what is ordered by another name has to be fetched first. */
  images: readonly string[];
  /** What its agent can do beyond the protocol's first form, as it says. */
  features: readonly string[];
  totalCpuMilli: number;
  totalMemoryMib: number;
  totalTempStorageMib: number;
  freeCpuMilli: number;
  freeMemoryMib: number;
  freeTempStorageMib: number;
  /**
   * By payer: how many placements hold something of it, of a host that takes workloads of one payer at a time. Left out
   * where anybody shares it with anybody.
   */
  payers?: ReadonlyMap<number, number>;
  gpus: GpuCapacity[];
}

/** Whether the host takes work of this kind, as far as drills are concerned: a drill's canary goes anywhere. */
export function mayLandUndrilled({ labels }: { labels: Readonly<Record<string, string>> }): boolean {
  return labels[DRILL_LABEL] !== undefined;
}

/** The label that says in which rack a host stands. */
export const RACK_LABEL = "rack";

/** The ids of two hosts, in their order. */
export type HostPair = readonly [string, string];

export interface Fleet {
  hosts: HostCapacity[];
}

/** A snapshot that contradicts itself: placing on it could sell the same thing twice. */
export class UnsoundFleetError extends Error {
  override name = "UnsoundFleetError";
}

/** @throws UnsoundFleetError naming the host or card and the number that cannot be */
export function assertSound(fleet: Fleet): void {
  const hostIds = new Set<string>();
  const gpuUuids = new Set<string>();
  for (const host of fleet.hosts) {
    if (hostIds.has(host.id)) throw new UnsoundFleetError(`host ${host.id} is listed twice`);
    hostIds.add(host.id);
    // A host may say that it has less than nothing; then nothing of it is free.
    soundAmount(host.freeCpuMilli, `free CPU thousandths of host ${host.id}`, host.totalCpuMilli);
    soundAmount(host.freeMemoryMib, `free memory of host ${host.id}`, host.totalMemoryMib);
    soundAmount(host.freeTempStorageMib, `free disk of host ${host.id}`, host.totalTempStorageMib);
    const indexes = new Set<number>();
    for (const gpu of host.gpus) {
      if (gpuUuids.has(gpu.uuid)) throw new UnsoundFleetError(`GPU ${gpu.uuid} is listed twice`);
      gpuUuids.add(gpu.uuid);
      if (indexes.has(gpu.index))
        throw new UnsoundFleetError(`card ${gpu.index} of host ${host.id} is listed twice`);
      indexes.add(gpu.index);
      assertSoundCard(gpu);
    }
  }
}

function assertSoundCard(gpu: GpuCapacity): void {
  soundAmount(gpu.index, `index of GPU ${gpu.uuid}`);
  if (gpu.island !== null) soundAmount(gpu.island, `NVLink island of GPU ${gpu.uuid}`);
  soundAmount(gpu.memoryMib, `memory of GPU ${gpu.uuid}`);
  soundAmount(gpu.freeShareThousandths, `free share of GPU ${gpu.uuid}`, THOUSANDTHS);
  soundAmount(gpu.freeMemoryMib, `free memory of GPU ${gpu.uuid}`, gpu.memoryMib);
  const free = `${gpu.freeShareThousandths} thousandths and ${gpu.freeMemoryMib} of ${gpu.memoryMib} MiB are free`;
  if (!isUseOf(gpu)) throw new UnsoundFleetError(`GPU ${gpu.uuid} is ${gpu.use}, but ${free}`);
}

/** Whether what is free of the card is what its use leaves. */
function isUseOf({ use, freeShareThousandths, freeMemoryMib, memoryMib }: GpuCapacity): boolean {
  const isWhole = freeShareThousandths === THOUSANDTHS && freeMemoryMib === memoryMib;
  switch (use) {
    case "idle":
      return isWhole;
    case "exclusive":
      return freeShareThousandths === 0 && freeMemoryMib === 0;
    case "shared":
      return !isWhole;
  }
}

function soundAmount(amount: number, what: string, total = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(total)) throw new UnsoundFleetError(`${what} is ${amount} of ${total}`);
  if (!Number.isSafeInteger(amount) || amount < 0) throw new UnsoundFleetError(`${what} is ${amount}`);
  if (amount > Math.max(0, total)) throw new UnsoundFleetError(`${what} is ${amount} of ${total}`);
}

/** Code unit order of ids: the one fixed total order that every tie falls back to. */
export function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}
