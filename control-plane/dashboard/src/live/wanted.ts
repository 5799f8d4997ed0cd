/** Which topics this tab shows now, counted, since several panels may want the same. */
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";

const counts = new Map<StreamTopic, number>();
const listeners = new Set<() => void>();

/** @returns what to call when they are no longer shown */
export function wantTopics(topics: readonly StreamTopic[]): () => void {
  count(topics, 1);
  return () => count(topics, -1);
}

export function wantedTopics(): StreamTopic[] {
  return [...counts.keys()].toSorted();
}

export function onWantedChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function count(topics: readonly StreamTopic[], step: 1 | -1): void {
  for (const topic of topics) {
    const left = (counts.get(topic) ?? 0) + step;
    if (left === 0) counts.delete(topic);
    else counts.set(topic, left);
  }
  for (const listener of listeners) listener();
}
