/** How pages ask and act. Whatever is asked names the topics of the stream that make it old. */
import type { ApiRequest, Page as ApiPage } from "@remotegpu/control-plane/client/api-request";
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  type UseMutationResult,
  useQuery,
  useQueryClient,
  type UseQueryResult,
} from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useLive } from "../live/live.tsx";
import { wantTopics } from "../live/wanted.ts";
import { Away, newKey, send } from "./client.ts";
import { serverTimeOf } from "./server-clock.ts";
import { AWAY_POLL_MS, POLL_MS } from "./query-client.ts";

const NO_TOPICS: readonly StreamTopic[] = [];

export interface Page<Item> extends ApiPage<Item> {
  /** When what is kept for many was made. */
  at?: string;
}

export interface Freshness {
  /** `fleet`, `queue`, `env:env-1` …; without any it is asked again every ten seconds. */
  topics?: readonly StreamTopic[];
  /** False: not yet. */
  enabled?: boolean;
  /** False: asked once. */
  isLive?: boolean;
  /** True: also while the stream tells of no change, since it moves by itself. */
  isMoving?: boolean;
  /** Where it is asked again by itself, in place of every ten seconds. */
  everyMs?: number;
}

/** One answer, `useApi(getFleetMap(query), { topics: ["fleet"] })`. While another filter is asked, the old answer stays. */
export function useApi<Answer>(
  request: ApiRequest<Answer>,
  freshness: Freshness = {},
): UseQueryResult<Answer> {
  return useQuery({
    ...useFreshness(freshness),
    queryKey: keyOf(request),
    queryFn: ({ signal }) => send(request, { signal }),
    placeholderData: keepPreviousData,
  });
}

/** A list that the server pages: its first page, and each page behind a cursor. */
export interface PagedList<Item> {
  key: readonly unknown[];
  read: (cursor: string | null, signal: AbortSignal) => Promise<Page<Item>>;
}

/** The list that is a member of another answer. */
export function listWithin<Answer, Item>(
  request: ApiRequest<Answer>,
  listIn: (answer: Answer) => Page<Item>,
): PagedList<Item> {
  return {
    key: [...keyOf(request), "pages"],
    read: async (cursor, signal) => listIn(await send(behind(request, cursor), { signal })),
  };
}

/** A list by pages of the server, one after the other. */
export function usePages<Item>(list: ApiRequest<Page<Item>> | PagedList<Item>, freshness: Freshness = {}) {
  const { key, read } = "read" in list ? list : listWithin(list, (page) => page);
  return useInfiniteQuery({
    ...useFreshness(freshness),
    queryKey: key,
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
  });
}

function behind<Answer>(request: ApiRequest<Answer>, cursor: string | null): ApiRequest<Answer> {
  return cursor === null ? request : { ...request, query: { ...request.query, cursor } };
}

/** When an answer came, as the server counts: the age of the figures in it. */
export function answeredAt({ dataUpdatedAt }: Pick<UseQueryResult, "dataUpdatedAt">): string {
  return new Date(serverTimeOf(dataUpdatedAt)).toISOString();
}

function useFreshness(freshness: Freshness) {
  const { topics = [], enabled = true, isLive = true, isMoving = false, everyMs = POLL_MS } = freshness;
  const { isStreaming, refused } = useLive();
  const wanted = useSame(enabled && isLive ? topics : NO_TOPICS);
  useEffect(() => wantTopics(wanted), [wanted]);
  const isReported = isStreaming && topics.length > 0 && !topics.some((topic) => refused.has(topic));
  const isPolled = isLive && (isMoving || !isReported);
  return {
    meta: { topics },
    enabled,
    // No change is told of what could not be asked: a way that was lost for a moment would leave it so for good.
    refetchInterval: ({ state }: { state: { error: Error | null } }) =>
      state.error instanceof Away ? AWAY_POLL_MS : isPolled && everyMs,
  };
}

/** The same list for as long as it names the same topics. */
function useSame(topics: readonly StreamTopic[]): readonly StreamTopic[] {
  const [same, setSame] = useState(topics);
  if (same.join() === topics.join()) return same;
  setSame(topics);
  return topics;
}

function keyOf({ path, query = {} }: ApiRequest<unknown>): readonly unknown[] {
  return ["api", path, query];
}

/** Something is done by the request that `requestOf` makes, and then all that is shown is asked for again. */
export function useAction<Answer, Input = void>(
  requestOf: (input: Input) => ApiRequest<Answer>,
): UseMutationResult<Answer, Error, Input> {
  const client = useQueryClient();
  const keyed = useKeyed();
  return useMutation({
    mutationFn: async (input: Input) => {
      const request = requestOf(input);
      if (request.method !== "POST") return await send(request);
      return await keyed(JSON.stringify(request), (idempotencyKey) => send(request, { idempotencyKey }));
    },
    onSettled: () => client.invalidateQueries(),
  });
}

/** So long whoever presses once more means the same act, and not another like it. */
const SAME_ACT_MS = 300_000;

/**
 * An act whose answer did not come may have been done. Asked once more with the same words it has the same key, so that
 * nothing is paid twice; once there is an answer, the next is another act.
 */
function useKeyed(): <Answer>(text: string, act: (key: string) => Promise<Answer>) => Promise<Answer> {
  const unanswered = useRef<{ output: string; key: string; at: number } | null>(null);
  return async (text, act) => {
    const before = unanswered.current;
    const isSame = before?.output === text && Date.now() - before.at < SAME_ACT_MS;
    const key = isSame ? before.key : newKey();
    unanswered.current = { output: text, key, at: Date.now() };
    try {
      const answer = await act(key);
      unanswered.current = null;
      return answer;
    } catch (error) {
      if (!(error instanceof Away)) unanswered.current = null;
      throw error;
    }
  };
}
