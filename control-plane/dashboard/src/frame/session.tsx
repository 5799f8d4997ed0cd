/**
 * Who looks. The browser's cookie says it to the server, and no script can read that; here is only whose it is. A ticket
 * in the address is taken out of it before anything else, so that it stays in no history.
 */
import type { Me } from "@remotegpu/control-plane/http/accounts/me";
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { ask, Problem } from "../api/client.ts";
import { AWAY_POLL_MS, queryClient } from "../api/query-client.ts";

const ME = ["me"] as const;
const ENDED = ["ended"] as const;
const UNAUTHENTICATED = 401;

const MeContext = createContext<Me | null>(null);
export const MeProvider = MeContext.Provider;

/** Within pages somebody is logged in. */
export function useMe(): Me & { isAdmin: boolean } {
  const me = useContext(MeContext);
  if (me === null) throw new Error("nobody is logged in here");
  return { ...me, isAdmin: isAdmin(me) };
}

function isAdmin(me: Pick<Me, "user_type">): boolean {
  return me.user_type === "admin";
}

/** Null: nobody. */
export function useSession() {
  return useQuery<Me | null>({
    queryKey: ME,
    queryFn: async ({ signal }) => {
      try {
        return await ask<Me>("GET", "/me", { signal });
      } catch (error) {
        if (!(error instanceof Problem && error.status === UNAUTHENTICATED)) throw error;
        noteEnd();
        return null;
      }
    },
    refetchInterval: ({ state }) => (state.data === undefined ? AWAY_POLL_MS : false),
  });
}

/** Whatever was asked: who is told that nobody is logged in sees the way in. */
queryClient.getQueryCache().subscribe(({ query }) => {
  const error: unknown = query.state.error;
  const isEnded = error instanceof Problem && error.status === UNAUTHENTICATED;
  if (!isEnded || queryClient.getQueryData(ME) === null) return;
  noteEnd();
  queryClient.setQueryData(ME, null);
});

function noteEnd(): void {
  const before = queryClient.getQueryData<Me | null>(ME);
  if (before !== undefined && before !== null) queryClient.setQueryData(ENDED, true);
}

/** Whether who sees the way in was logged in here before, and has not logged out. */
export function hasEnded(): boolean {
  return queryClient.getQueryData(ENDED) === true;
}

export function useLogin(): (proof: { key: string } | { ticket: string }) => Promise<void> {
  const client = useQueryClient();
  return async (proof) => {
    await ask("POST", "/sessions", { body: proof });
    begin(client, await ask<Me>("GET", "/me"));
  };
}

export async function logout(): Promise<void> {
  await ask("DELETE", "/sessions/current").catch((error: unknown) => {
    // It has ended already.
    if (!(error instanceof Problem && error.status === UNAUTHENTICATED)) throw error;
  });
  begin(queryClient, null);
}

/** What another account was told is forgotten. */
function begin(client: QueryClient, me: Me | null): void {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== ME[0] });
  client.setQueryData(ME, me);
}

/** The ticket in the fragment, which is gone from the address afterwards. */
export function takeTicket(): string | null {
  const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
  if (ticket !== null) history.replaceState(null, "", location.pathname + location.search);
  return ticket;
}
