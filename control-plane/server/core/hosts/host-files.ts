/**
 * What is asked of the files process of a host, and what comes back: types alone, for those who ask and who carry it. An
 * answer has no way to be read whole but the bounded one, whatever its host sends.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Reason } from "../reasons/reason.ts";

export interface FileQuestion {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** What of the process is asked, as `/entry`. */
  route: string;
  /** Below the pool's root. */
  folder: string;
  /** Within it; each character is a byte. */
  path: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: ReadableStream<Uint8Array> | Uint8Array | null;
}

/** As zod has it. */
export interface AnswerShape<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false };
}

export type ReadAnswer<T> =
  | { isRead: true; value: T }
  /** What it is in place of what was asked for: too long, too late, or something else. */
  | { isRead: false; why: Reason };

export interface HostAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** All of it, within a bound of bytes and seconds; it is ended where it goes beyond. Never fails. */
  json<T>(shape: AnswerShape<T>): Promise<ReadAnswer<T>>;
  /** As it comes, none of it kept here. It fails where its host breaks off, or is silent for long while somebody reads. */
  readonly body: ReadableStream<Uint8Array>;
  /** Ends it: nothing more of it is read. */
  cancel(): void;
}

export type FileReply = { isReached: true; answer: HostAnswer } | { isReached: false; why: Reason };

export interface HostFiles {
  /** Never fails: a host that is not reached says why. What is not read of the answer has to be cancelled. */
  request(hostId: HostId, question: FileQuestion, signal?: AbortSignal): Promise<FileReply>;
}
