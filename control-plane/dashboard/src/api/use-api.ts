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
import { ask, Away, newKey, type Query } from "./client.ts";
import { serverTimeOf } from "./server-clock.ts";
import { AWAY_POLL_MS, POLL_MS } from "./query-client.ts";

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
  /** When what is kept for many was made. */
  at?: string;
}

export interface Wish {
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
export function useApi<Answer>(path: string, wish: Wish = {}): UseQueryResult<Answer> {
  return useQuery({
    ...useFreshness(wish),
    queryKey: keyOf(path, wish.query),
    queryFn: ({ signal }) => ask<Answer>("GET", path, { query: wish.query, signal }),
    placeholderData: keepPreviousData,
  });
}

export interface PagesWish extends Wish {
  /** Where the list is in the answer; without it the answer is the list. */
  within?: string;
}

/** A list by pages of the server, one after the other. */
export function usePages<Item>(path: string, wish: PagesWish = {}) {
  const { within } = wish;
  return useInfiniteQuery({
    ...useFreshness(wish),
    queryKey: [...keyOf(path, wish.query), "pages"],
    queryFn: async ({ pageParam, signal }) => {
      const asked = { query: { ...wish.query, cursor: pageParam }, signal };
      if (within === undefined) return await ask<Page<Item>>("GET", path, asked);
      return pageWithin(await ask<Record<string, Page<Item>>>("GET", path, asked), within);
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

function useFreshness(wish: Wish) {
  const { topics = [], enabled = true, isLive = true, isMoving = false, everyMs = POLL_MS } = wish;
  const { isStreaming, refused } = useLive();
  const wanted = enabled && isLive ? topics.join(",") : "";
  useEffect(() => (wanted === "" ? undefined : wantTopics(wanted.split(","))), [wanted]);
  const isTold = isStreaming && topics.length > 0 && !topics.some((topic) => refused.has(topic));
  const isPolled = isLive && (isMoving || !isTold);
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

export interface Act<Input> {
  method: "POST" | "PUT" | "PATCH" | "DELETE";
  path: string | ((input: Input) => string);
  /** Without it the input is the body. */
  body?: (input: Input) => unknown;
}

/** Something is done, and then all that is shown is asked for again. */
export function useAct<Answer = unknown, Input = void>({
  method,
  path,
  body,
}: Act<Input>): UseMutationResult<Answer, Error, Input> {
  const client = useQueryClient();
  const keyed = useKeyed();
  return useMutation({
    mutationFn: async (input: Input) => {
      const to = typeof path === "string" ? path : path(input);
      const said = method === "DELETE" ? undefined : body === undefined ? (input ?? undefined) : body(input);
      if (method !== "POST") return await ask<Answer>(method, to, { body: said });
      return await keyed(JSON.stringify([to, said]), (idempotencyKey) =>
        ask<Answer>(method, to, { body: said, idempotencyKey }),
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
function useKeyed(): <Answer>(said: string, act: (key: string) => Promise<Answer>) => Promise<Answer> {
  const unanswered = useRef<{ output: string; key: string; at: number } | null>(null);
  return async (said, act) => {
    const before = unanswered.current;
    const isSame = before?.output === said && Date.now() - before.at < SAME_ACT_MS;
    const key = isSame ? before.key : newKey();
    unanswered.current = { output: said, key, at: Date.now() };
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
