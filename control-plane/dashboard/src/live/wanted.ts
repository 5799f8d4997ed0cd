/** Which topics this tab shows now, counted, since several panels may want the same. */
const counts = new Map<string, number>();
const listeners = new Set<() => void>();

/** @returns what to call when they are no longer shown */
export function wantTopics(topics: readonly string[]): () => void {
  count(topics, 1);
  return () => count(topics, -1);
}

export function wantedTopics(): string[] {
  return [...counts.keys()].toSorted();
}

export function onWantedChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function count(topics: readonly string[], step: 1 | -1): void {
  for (const topic of topics) {
    const left = (counts.get(topic) ?? 0) + step;
    if (left === 0) counts.delete(topic);
    else counts.set(topic, left);
  }
  for (const listener of listeners) listener();
}
