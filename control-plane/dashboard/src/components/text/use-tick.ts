/** Renders again every second while the tab is looked at, all parts at the same moment. */
import { useSyncExternalStore } from "react";

const TICK_MS = 1_000;
const listeners = new Set<() => void>();
let ticks = 0;
let timer: ReturnType<typeof setInterval> | undefined;

export function useTick(): number {
  return useSyncExternalStore(subscribe, () => ticks);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function tick(): void {
  if (document.visibilityState !== "visible") return;
  ticks += 1;
  for (const listener of listeners) listener();
}
