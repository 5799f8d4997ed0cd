/** The proof of a record, fetched once and judged by the worker, which is there before it is asked for anything. */
import { getBillingRecordProof } from "@remotegpu/control-plane/client/generated/api";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { sendForText } from "../../../api/client.ts";
import type { Judgement } from "./judgement.ts";
import type { Answered, ProofRequest } from "./proof-worker.ts";

export function useProofText(recordId: string) {
  return useQuery({
    queryKey: ["proof", recordId],
    queryFn: ({ signal }) => sendForText(getBillingRecordProof(recordId), { signal }),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
  });
}

/** Null: not yet. @param text null for none */
export function useJudgement(text: string | null): Judgement | null {
  const worker = useRef<Worker | null>(null);
  const requested = useRef(0);
  const [judged, setJudged] = useState<{ text: string; judgement: Judgement } | null>(null);
  useEffect(() => {
    const own = new Worker(new URL("proof-worker.ts", import.meta.url), { type: "module" });
    worker.current = own;
    return () => own.terminate();
  }, []);
  useEffect(() => {
    const own = worker.current;
    if (own === null || text === null) return;
    const nth = (requested.current += 1);
    const failed = () => setJudged({ text, judgement: { kind: "none", why: "failed", detail: "" } });
    const heard = ({ data }: MessageEvent<Answered>) => {
      if (data.nth === nth) setJudged({ text, judgement: data.judgement });
    };
    own.addEventListener("error", failed);
    own.addEventListener("message", heard);
    const question: ProofRequest = { nth, text };
    own.postMessage(question);
    return () => {
      own.removeEventListener("error", failed);
      own.removeEventListener("message", heard);
    };
  }, [text]);
  return judged !== null && judged.text === text ? judged.judgement : null;
}
