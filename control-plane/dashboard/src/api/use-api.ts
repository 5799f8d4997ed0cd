/** How pages ask and act. Whatever is asked names the topics of the stream that make it old. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  type UseMutationResult,
  useQuery,
  useQueryClient,
  type UseQueryResult,
} from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useLive } from "../live/live.tsx";
import { wantTopics } from "../live/wanted.ts";
import { request, Away, newKey, type Query } from "./client.ts";
import { serverTimeOf } from "./server-clock.ts";
import { AWAY_POLL_MS, POLL_MS } from "./query-client.ts";

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
  /** When what is kept for many was made. */
  at?: string;
}

export interface ApiQuery {
  query?: Query;
  /** `fleet`, `queue`, `env:env-1` …; without any it is asked again every ten seconds. */
  topics?: readonly string[];
  /** False: not yet. */
  enabled?: boolean;
  /** False: asked once. */
  isLive?: boolean;
  /** True: also while the stream tells of no change, since it moves by itself. */
  isMoving?: boolean;
  /** Where it is asked again by itself, in place of every ten seconds. */
  everyMs?: number;
}

/** One question, `useApi<FleetMap>("/fleet/map", { topics: ["fleet"] })`. While another filter is asked, the old answer stays. */
export function useApi<Answer>(path: string, options: ApiQuery = {}): UseQueryResult<Answer> {
  return useQuery({
    ...useFreshness(options),
    queryKey: keyOf(path, options.query),
    queryFn: ({ signal }) => request<Answer>("GET", path, { query: options.query, signal }),
    placeholderData: keepPreviousData,
  });
}

export interface PagedQuery extends ApiQuery {
  /** Where the list is in the answer; without it the answer is the list. */
  within?: string;
}

/** A list by pages of the server, one after the other. */
export function usePages<Item>(path: string, options: PagedQuery = {}) {
  const { within } = options;
  return useInfiniteQuery({
    ...useFreshness(options),
    queryKey: [...keyOf(path, options.query), "pages"],
    queryFn: async ({ pageParam, signal }) => {
      const requested = { query: { ...options.query, cursor: pageParam }, signal };
      if (within === undefined) return await request<Page<Item>>("GET", path, requested);
      return pageWithin(await request<Record<string, Page<Item>>>("GET", path, requested), within);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
  });
}

function pageWithin<Item>(answer: Record<string, Page<Item>>, name: string): Page<Item> {
  const page = answer[name];
  if (page === undefined) throw new Error(`the answer has no ${name}`);
  return page;
}

/** When an answer came, as the server counts: the age of the figures in it. */
export function answeredAt({ dataUpdatedAt }: Pick<UseQueryResult, "dataUpdatedAt">): string {
  return new Date(serverTimeOf(dataUpdatedAt)).toISOString();
}

function useFreshness(options: ApiQuery) {
  const { topics = [], enabled = true, isLive = true, isMoving = false, everyMs = POLL_MS } = options;
  const { isStreaming, refused } = useLive();
  const wanted = enabled && isLive ? topics.join(",") : "";
  useEffect(() => (wanted === "" ? undefined : wantTopics(wanted.split(","))), [wanted]);
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

function keyOf(path: string, query: Query = {}): readonly unknown[] {
  return ["api", path, query];
}

export interface Action<Input> {
  method: "POST" | "PUT" | "PATCH" | "DELETE";
  path: string | ((input: Input) => string);
  /** Without it the input is the body. */
  body?: (input: Input) => unknown;
}

/** Something is done, and then all that is shown is asked for again. */
export function useAction<Answer = unknown, Input = void>({
  method,
  path,
  body,
}: Action<Input>): UseMutationResult<Answer, Error, Input> {
  const client = useQueryClient();
  const keyed = useKeyed();
  return useMutation({
    mutationFn: async (input: Input) => {
      const to = typeof path === "string" ? path : path(input);
      const text = method === "DELETE" ? undefined : body === undefined ? (input ?? undefined) : body(input);
      if (method !== "POST") return await request<Answer>(method, to, { body: text });
      return await keyed(JSON.stringify([to, text]), (idempotencyKey) =>
        request<Answer>(method, to, { body: text, idempotencyKey }),
      );
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
