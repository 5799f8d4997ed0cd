/** Reading the output of a run, as whoever opened it sees it; the way to its host is link's. */
import type { Reason } from "../reasons/reason.ts";
import type { LogOpen, SessionClose } from "@remotegpu/shared/messages/sessions";

export type LogQuery = Omit<LogOpen, "kind" | "creditBytes">;
/** Who reads, as it is counted: "customer 12". */
export type Reader = string;

/** `isWhole`: all that was asked for has been read. Else `detail` says why not. */
export type LogEnd = { isWhole: boolean; reason: SessionClose["reason"]; detail: string };
export type LogNext = { kind: "bytes"; bytes: Uint8Array } | { kind: "end"; end: LogEnd };

export interface LogStream {
  /** What comes next; waits for it. After the end the end again. One call at a time. */
  next(): Promise<LogNext>;
  /** The reader wants no more. */
  leave(): void;
  /** Nothing more is to be expected, or allowed; what waits is still read. */
  giveUp(detail: string): void;
}

export type LogOpening =
  | { opened: true; stream: LogStream }
  | { opened: false; reason: "no-such-run" | "busy" | "refused" | "unreachable"; why: Reason };
