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
import { useEffect } from "react";
import { useLive } from "../live/live.tsx";
import { wantTopics } from "../live/wanted.ts";
import { ask, newKey, type Query } from "./client.ts";
import { POLL_MS } from "./query-client.ts";

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

export interface Wish {
  query?: Query;
  /** `fleet`, `queue`, `env:env-1` …; without any it is asked again every ten seconds. */
  topics?: readonly string[];
  /** False: not yet. */
  enabled?: boolean;
  /** False: asked once. */
  isLive?: boolean;
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

/** A list by pages of the server, one after the other. */
export function usePages<Item>(path: string, wish: Wish = {}) {
  return useInfiniteQuery({
    ...useFreshness(wish),
    queryKey: [...keyOf(path, wish.query), "pages"],
    queryFn: ({ pageParam, signal }) =>
      ask<Page<Item>>("GET", path, { query: { ...wish.query, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
  });
}

function useFreshness({ topics = [], enabled = true, isLive = true }: Wish) {
  const { isStreaming } = useLive();
  const wanted = enabled && isLive ? topics.join(",") : "";
  useEffect(() => (wanted === "" ? undefined : wantTopics(wanted.split(","))), [wanted]);
  const isPolled = isLive && !(isStreaming && topics.length > 0);
  return { meta: { topics }, enabled, refetchInterval: isPolled ? POLL_MS : (false as const) };
}

/** Under which an answer is kept, for values that the stream lays over it. */
export function keyOf(path: string, query: Query = {}): readonly unknown[] {
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
  return useMutation({
    mutationFn: async (input: Input) =>
      await ask<Answer>(method, typeof path === "string" ? path : path(input), {
        body: method === "DELETE" ? undefined : body === undefined ? (input ?? undefined) : body(input),
        ...(method === "POST" && { idempotencyKey: newKey() }),
      }),
    onSettled: () => client.invalidateQueries(),
  });
}
