/**
 * What this tab knows without asking: changes make questions old, values (`gpu`, `cost`) go to who listens for them.
 * Where no stream is to be had, questions are polled (`useApi`).
 */
import type { StreamEvents } from "@remotegpu/control-plane/client/stream-topics";
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { concerns } from "./topics.ts";
import { Refetcher } from "./refetcher.ts";
import { canShare, LiveTab } from "./leader.ts";
import { dataOf, type ServerEvent } from "./sse.ts";
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

type ValueTopic = "gpu" | "cost";
type ValueListener<Topic extends ValueTopic> = (data: StreamEvents[Topic]) => void;
type ValueListeners = { [Topic in ValueTopic]: Set<ValueListener<Topic>> };
const valueListeners: ValueListeners = { gpu: new Set(), cost: new Set() };

/** A value topic's data while the panel is shown; `listener` must stay the same function. */
export function useValues<Topic extends ValueTopic>(topic: Topic, listener: ValueListener<Topic>): void {
  useEffect(() => {
    const listeners: Set<ValueListener<Topic>> = valueListeners[topic];
    listeners.add(listener);
    return () => void listeners.delete(listener);
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
  switch (event.name) {
    // Who may not hear of something any more may see less of everything, or has another role.
    case "resync":
    case "closed":
      void client.invalidateQueries();
      break;
    case "change": {
      const change = dataOf("change", event);
      again.request(({ meta }) => concerns(change, meta?.topics ?? []));
      break;
    }
    case "gpu":
    case "cost":
      publish(event.name, event);
  }
}

function publish<Topic extends ValueTopic>(topic: Topic, event: ServerEvent): void {
  const data = dataOf(topic, event);
  const listeners: Set<ValueListener<Topic>> = valueListeners[topic];
  for (const listener of listeners) listener(data);
}
