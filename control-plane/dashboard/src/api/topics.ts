/** Which questions a change makes old. A question names its topics when it is asked (`useApi`). */
/** Of the stream: `env:env-1`, or `env` with its id beside it. */
export interface Change {
  topic: string;
  id?: string | number | null;
}

export function concerns(change: Change, topics: readonly string[]): boolean {
  const withId =
    change.id === undefined || change.id === null ? change.topic : `${change.topic}:${change.id}`;
  return topics.some((topic) => topic === change.topic || topic === withId);
}
