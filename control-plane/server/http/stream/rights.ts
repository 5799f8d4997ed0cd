/** Who may hear what of a stream: asked when it begins, and of all readers together again and again. */
import type { Topic } from "../../core/stream/topics.ts";
import { mayHear } from "../../core/stream/topics.ts";
import { liveSessions, ownersOf, sightsOf } from "../../store/overview/stream/stream-readers.ts";
import type { ApiDeps } from "../deps.ts";
import type { StreamReader } from "./reader.ts";

type RightsDeps = Pick<ApiDeps, "db" | "now">;

/** Ends what somebody may not hear any more: topics, and the stream with its key, its session or its last topic. */
export async function closeWhatIsLost({ db, now }: RightsDeps, readers: Set<StreamReader>): Promise<void> {
  const at = now();
  const all = [...readers];
  const [sights, sessions, owners] = await Promise.all([
    sightsOf(db, { apiKeyIds: distinct(all.map(({ reading }) => reading.apiKeyId)), now: at }),
    liveSessions(db, {
      sessionIds: distinct(all.flatMap(({ reading }) => reading.sessionId ?? [])),
      now: at,
    }),
    ownersOf(db, workloadsOf(all.flatMap(({ topics }) => [...topics.values()]))),
  ]);
  for (const reader of all) {
    const { apiKeyId, sessionId } = reader.reading;
    const hasSession = sessionId === null || sessions.has(sessionId);
    const sight = hasSession ? sights.get(apiKeyId) : undefined;
    if (sight !== undefined) reader.see(sight);
    for (const [name, topic] of reader.topics)
      if (sight === undefined || !mayHear(sight, topic, owners.get(name) ?? null)) reader.close(name);
    if (reader.topics.size > 0) continue;
    readers.delete(reader);
    reader.end();
  }
}

export function workloadsOf(topics: readonly Topic[]) {
  return topics.flatMap((topic) =>
    topic.kind === "workload" ? [{ kind: topic.workload, id: topic.id }] : [],
  );
}

function distinct(ids: readonly number[]): number[] {
  return [...new Set(ids)];
}
