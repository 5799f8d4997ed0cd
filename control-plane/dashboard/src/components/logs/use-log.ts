/**
 * What a workload writes, read as it comes while the tab is looked at. What comes in one moment is shown at once, and a
 * reading that broke off begins again with the last lines.
 */
import { useEffect, useState } from "react";
import { Problem, problemFrom } from "../../api/client.ts";
import { thrownError } from "../../api/thrown-error.ts";
import { type Lines, NO_LINES, withText } from "./log-lines.ts";

/** Pieces come faster than anybody reads. */
const SHOW_EVERY_MS = 150;
const AGAIN_MS = 5_000;

export interface Log extends Lines {
  /** Why there is nothing, or no more; null while all is well. */
  problem: Error | null;
  isReading: boolean;
}

const NOTHING: Log = { ...NO_LINES, problem: null, isReading: true };

/** @param again another value reads anew: what was not there may be by now */
export function useLog(address: string, again: string): Log {
  const [log, setLog] = useState<Log>(NOTHING);
  useEffect(() => {
    let reading: AbortController | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      reading?.abort();
      reading = new AbortController();
      const { signal } = reading;
      void read(address, signal, setLog).catch((error: unknown) => {
        if (signal.aborted) return;
        const problem = thrownError(error);
        setLog((before) => ({ ...before, problem, isReading: false }));
        // A refusal stays one until something changes; what broke off may be there again.
        if (!(error instanceof Problem)) timer = setTimeout(begin, AGAIN_MS);
      });
    };
    const check = () => {
      clearTimeout(timer);
      if (document.visibilityState === "visible") begin();
      else reading?.abort();
    };
    check();
    document.addEventListener("visibilitychange", check);
    return () => {
      document.removeEventListener("visibilitychange", check);
      clearTimeout(timer);
      reading?.abort();
    };
  }, [address, again]);
  return log;
}

type Show = (log: Log) => void;

/** @throws Problem */
async function read(address: string, signal: AbortSignal, show: Show): Promise<void> {
  const response = await fetch(address, { signal, credentials: "same-origin" });
  if (!response.ok || response.body === null) throw await refusalOf(response);
  let lines = NO_LINES;
  let isVisible = true;
  const report = () => {
    if (isVisible || signal.aborted) return;
    isVisible = true;
    show({ ...lines, problem: null, isReading: true });
  };
  show(NOTHING);
  const showing = setInterval(report, SHOW_EVERY_MS);
  try {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      lines = withText(lines, value);
      isVisible = false;
    }
  } finally {
    clearInterval(showing);
  }
  if (!signal.aborted) show({ ...lines, problem: null, isReading: false });
}

async function refusalOf(response: Response): Promise<Problem> {
  const text = await response.text();
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  return problemFrom(response.status, isJson ? text : "{}");
}
