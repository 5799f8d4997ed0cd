/**
 * The newest figures of cards: as the answer has them, and as the stream tells them since, with those of the last minutes,
 * for whoever shows a card.
 */
import type { StreamEvents } from "@remotegpu/control-plane/client/stream-topics";
import { useCallback, useEffect, useSyncExternalStore } from "react";
import { useValues } from "../../live/live.tsx";
import { wantTopics } from "../../live/wanted.ts";

export interface GpuReading {
  /** Share of time in which a kernel ran, percent. */
  utilization_percent: number | null;
  memory_used_mib: number | null;
  temperature_c: number | null;
  /** As the host told it, with its places. */
  power_w: string | number | null;
  sampled_at: string | null;
}

type ReportedReadings = StreamEvents["gpu"];

/** Ten minutes of a heartbeat's samples. */
const STORED = 60;
const NONE: readonly GpuReading[] = [];
const readings = new Map<string, readonly GpuReading[]>();
const listeners = new Set<() => void>();
let lastReported: ReportedReadings | null = null;

/** The oldest first. @param answered null of a card that is held no more, of which nothing is shown */
export function useGpuReadings(uuid: string, answered: GpuReading | null): readonly GpuReading[] {
  // One of its own each, since listeners are told apart by what they are.
  const listener = useCallback((reported: ReportedReadings) => take(reported), []);
  useValues("gpu", listener);
  useEffect(() => wantTopics(["gpu"]), []);
  const reported = useSyncExternalStore(subscribe, () => readings.get(uuid) ?? NONE);
  if (answered === null) return NONE;
  const last = reported.at(-1);
  return last !== undefined && momentOf(last) >= momentOf(answered) ? reported : [...reported, answered];
}

function momentOf({ sampled_at: at }: GpuReading): number {
  return at === null ? -Infinity : Date.parse(at);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function take(reported: ReportedReadings): void {
  // Every card that is shown hears of the same.
  if (reported === lastReported) return;
  lastReported = reported;
  for (const row of reported.rows) {
    const named = Object.fromEntries(reported.columns.map((column, index) => [column, row[index] ?? null]));
    const { uuid, ...reading } = named as unknown as GpuReading & { uuid: string };
    const before = readings.get(uuid) ?? NONE;
    const stored = before.at(-1)?.sampled_at === reading.sampled_at ? before.slice(0, -1) : before;
    readings.set(uuid, [...stored, reading].slice(-STORED));
  }
  for (const listener of listeners) listener();
}
