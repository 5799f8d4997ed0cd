/** Which questions a change makes old. A question names its topics when it is asked (`useApi`). */
import type { StreamEvents } from "@remotegpu/control-plane/client/stream-topics";

export type Change = Pick<StreamEvents["change"], "topic"> & Partial<Pick<StreamEvents["change"], "id">>;

export function concerns(change: Change, topics: readonly string[]): boolean {
  const withId =
    change.id === undefined || change.id === null ? change.topic : `${change.topic}:${change.id}`;
  return topics.some((topic) => topic === change.topic || topic === withId);
}
