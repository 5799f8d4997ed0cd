/** The proof of a record, fetched once and judged by the worker, which is there before it is asked for anything. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { askText } from "../../../api/client.ts";
import type { Judgement } from "./judgement.ts";

export function useProofText(recordId: string) {
  return useQuery({
    queryKey: ["proof", recordId],
    queryFn: ({ signal }) => askText(`/billing/records/${encodeURIComponent(recordId)}/proof`, { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
  });
}

/** Null: not yet. @param text null for none */
export function useJudgement(text: string | null): Judgement | null {
  const worker = useRef<Worker | null>(null);
  const [judged, setJudged] = useState<{ text: string; judgement: Judgement } | null>(null);
  useEffect(() => {
    const own = new Worker(new URL("proof-worker.ts", import.meta.url), { type: "module" });
    worker.current = own;
    return () => own.terminate();
  }, []);
  useEffect(() => {
    const own = worker.current;
    if (own === null || text === null) return;
    const failed = () =>
      setJudged({ text, judgement: { kind: "none", why: "It could not be judged here." } });
    own.addEventListener("error", failed);
    own.addEventListener(
      "message",
      ({ data }: MessageEvent<Judgement>) => setJudged({ text, judgement: data }),
      {
        once: true,
      },
    );
    own.postMessage(text);
    return () => own.removeEventListener("error", failed);
  }, [text]);
  return judged !== null && judged.text === text ? judged.judgement : null;
}
