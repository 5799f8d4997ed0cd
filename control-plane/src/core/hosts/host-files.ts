/** What is asked of the files process of a host, and what comes back: types alone, for those who ask and who carry it. */
import type { HostId } from "@remotegpu/shared/ids";

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

export type FileReply = { isReached: true; response: Response } | { isReached: false; why: string };

export interface HostFiles {
  /** Never fails: a host that is not reached says why. What is not read of the response has to be cancelled. */
  ask(hostId: HostId, question: FileQuestion, signal?: AbortSignal): Promise<FileReply>;
}
