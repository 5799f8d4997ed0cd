/** What was asked, as long as it is fresh. */
import { QueryClient } from "@tanstack/react-query";
import { Away, Problem } from "./client.ts";

declare module "@tanstack/react-query" {
  interface Register {
    queryMeta: { topics?: readonly string[] };
  }
}

/** While nothing says what has changed, all that is shown is asked for again so often. */
export const POLL_MS = 10_000;
/** More often while the server is away, so that its return is seen soon. */
export const AWAY_POLL_MS = 3_000;
/** A page that is left and looked at again soon shows what it had. */
const RETENTION_MS = 5 * 60_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: POLL_MS,
      gcTime: RETENTION_MS,
      // What is away is asked for again by the next poll; a refusal stays one.
      retry: (count, error) => count < 1 && !(error instanceof Problem) && !(error instanceof Away),
      refetchIntervalInBackground: false,
      // The banner says what is away; the browser's own opinion would only hold questions back.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});
