/**
 * What this tab knows without asking: changes make questions old, values (`gpu`, `cost`) go to who listens for them.
 * Where no stream is to be had, questions are polled (`useApi`).
 */
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { type Change, concerns } from "../api/topics.ts";
import { Refetcher } from "./refetcher.ts";
import { canShare, LiveTab } from "./leader.ts";
import type { ServerEvent } from "./sse.ts";
import { onWantedChange, wantedTopics } from "./wanted.ts";

interface Live {
  /** False: what is shown is polled. */
  isStreaming: boolean;
  /** Of which no change is told though it is streaming: what is shown of them is polled. */
  refused: ReadonlySet<string>;
}

const NOTHING: ReadonlySet<string> = new Set();
const LiveContext = createContext<Live>({ isStreaming: false, refused: NOTHING });

export function useLive(): Live {
  return useContext(LiveContext);
}

type ValueListener = (data: unknown) => void;
const valueListeners = new Map<string, Set<ValueListener>>();

/** A value topic's data while the panel is shown; `listener` must stay the same function. */
export function useValues<Data>(topic: "gpu" | "cost", listener: (data: Data) => void): void {
  useEffect(() => {
    const heard = valueListeners.get(topic) ?? new Set();
    valueListeners.set(topic, heard.add(listener as ValueListener));
    return () => void heard.delete(listener as ValueListener);
  }, [topic, listener]);
}

/** @param session another one begins anew: what was refused to the former says nothing of it */
export function LiveProvider({ session, children }: { session: string; children: ReactNode }) {
  const client = useQueryClient();
  const [isStreaming, setStreaming] = useState(false);
  const [refused, setRefused] = useState(NOTHING);
  useEffect(() => {
    if (!canShare()) return undefined;
    const again = new Refetcher(client);
    const tab = new LiveTab({
      onEvent: (event) => take(event, client, again),
      onOpen: (added) => {
        setStreaming(true);
        // Something may have changed between the answer that is shown and the stream's beginning.
        void client.invalidateQueries({
          predicate: ({ meta }) => (meta?.topics ?? []).some((one) => added.includes(one)),
        });
      },
      onLost: () => setStreaming(false),
      onRefused: (topics) =>
        setRefused((before) => (topics.every((topic) => before.has(topic)) ? before : new Set(topics))),
    });
    const follow = () => tab.want(wantedTopics());
    const check = () => {
      const isVisible = document.visibilityState === "visible";
      tab.show(isVisible);
      if (!isVisible) setStreaming(false);
      else void client.invalidateQueries();
    };
    const forget = onWantedChange(follow);
    document.addEventListener("visibilitychange", check);
    follow();
    tab.show(document.visibilityState === "visible");
    return () => {
      document.removeEventListener("visibilitychange", check);
      forget();
      tab.close();
      again.close();
      setStreaming(false);
      setRefused(NOTHING);
    };
  }, [session, client]);
  const live = useMemo(() => ({ isStreaming, refused }), [isStreaming, refused]);
  return <LiveContext value={live}>{children}</LiveContext>;
}

function take(event: ServerEvent, client: QueryClient, again: Refetcher): void {
  const data: unknown = JSON.parse(event.data);
  // Who may not hear of something any more may see less of everything, or has another role.
  if (event.name === "resync" || event.name === "closed") void client.invalidateQueries();
  else if (event.name === "change") {
    const change = data as Change;
    again.request(({ meta }) => concerns(change, meta?.topics ?? []));
  } else for (const listener of valueListeners.get(event.name) ?? []) listener(data);
}
