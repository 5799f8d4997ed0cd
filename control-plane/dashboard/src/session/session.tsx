/**
 * Who looks. The browser's cookie says it to the server, and no script can read that; here is only whose it is. What an
 * address brings to log in with is taken out of it before anything else (arrival.ts), so that it stays in no history.
 */
import type { Me } from "@remotegpu/control-plane/client/generated/api.schemas";
import {
  completeSignOn,
  createBrowserSession,
  endCurrentBrowserSession,
  getMe,
  getSignOnOptions,
} from "@remotegpu/control-plane/client/generated/api";
import { hashKey, useQuery } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { Away, newKey, Problem, send } from "../api/client.ts";
import { AWAY_POLL_MS, queryClient } from "../api/query-client.ts";
import { serverNow } from "../api/server-clock.ts";
import { takeInvitation } from "./arrival.ts";
import { endOf, knownSession, noteSession, onKnownSession } from "./known-session.ts";

const ME = ["me"] as const;
const ME_HASH = hashKey(ME);
const UNAUTHENTICATED = 401;
/** A page that asks for nothing else learns so that its session has ended. */
const RETRIED_AFTER_MS = 60_000;
/** A cookie goes that much before what is noted as its end: the header's age is in whole seconds. */
const NEARLY_MS = 2_000;

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
      const before = knownSession();
      try {
        const me = await send(getMe(), { signal });
        noteFound(me);
        return me;
      } catch (error) {
        if (!isRefused(error)) throw error;
        // Somebody has logged in while the answer was on its way.
        if (entryOf(before) === entryOf(knownSession())) noteEnd(error.reason);
        return null;
      }
    },
    refetchInterval: ({ state }) =>
      state.data === undefined || state.error !== null
        ? AWAY_POLL_MS
        : state.data !== null && RETRIED_AFTER_MS,
  });
}

/** Whatever was asked, and refused since the session or its account opens nothing: who is logged in is asked again. */
queryClient.getQueryCache().subscribe((event) => {
  if (event.type !== "updated" || event.action.type !== "error" || event.query.queryHash === ME_HASH) return;
  const error: unknown = event.action.error;
  if (isRefused(error) || (error instanceof Problem && error.reason?.startsWith("account-") === true))
    retry();
});
onKnownSession((by) => by === "another-tab" && retry());

function retry(): void {
  void queryClient.invalidateQueries({ queryKey: ME, exact: true }, { cancelRefetch: false });
}

function isRefused(error: unknown): error is Problem {
  return error instanceof Problem && error.status === UNAUTHENTICATED;
}

/** A link, another tab or an earlier page has logged somebody in. */
function noteFound(me: Me): void {
  const before = queryClient.getQueryData<Me | null>(ME);
  if (before !== undefined && before !== null && before.id !== me.id) forgetAnswers();
  if (knownSession()?.state !== "open") noteSession({ state: "open", entry: newKey(), until: null });
}

let isLeaving = false;

function noteEnd(reason: string | null): void {
  const known = knownSession();
  const why = endOf(reason);
  if (isLeaving || (known?.state !== "open" && why !== "doubled")) return;
  const until = known?.state === "open" ? known.until : null;
  const isOver = why === "unknown" && until !== null && serverNow() >= Date.parse(until) - NEARLY_MS;
  noteSession({ state: "ended", why: isOver ? "expired" : why });
}

function entryOf(known: ReturnType<typeof knownSession>): string | null {
  return known?.state === "open" ? known.entry : null;
}

export type LoginProof =
  | { key: string }
  | { ticket: string }
  | /** Of the identity provider. */ { answer: string };

/** @returns the page to go on at, where the login began at one @throws Problem, Away */
export async function login(proof: LoginProof): Promise<string | null> {
  const { until, returnTo } = await openedBy(proof);
  const me = await send(getMe());
  forgetAnswers();
  queryClient.setQueryData(ME, me);
  noteSession({ state: "open", entry: newKey(), until });
  return returnTo;
}

async function openedBy(proof: LoginProof): Promise<{ until: string; returnTo: string | null }> {
  if (!("answer" in proof)) {
    const { expires_at: until } = await send(createBrowserSession(proof));
    return { until, returnTo: null };
  }
  const invitation = takeInvitation();
  const request = { answer: proof.answer, ...(invitation !== null && { invitation }) };
  const { expires_at: until, return_to: returnTo } = await send(completeSignOn(request));
  return { until, returnTo };
}

/** @throws Problem, Away where it may go on */
export async function logout(): Promise<void> {
  isLeaving = true;
  try {
    const goesOnAt = await providerLogout();
    await send(endCurrentBrowserSession()).catch((error: unknown) => {
      // It has ended already.
      if (!isRefused(error)) throw error;
    });
    forgetAnswers();
    queryClient.setQueryData(ME, null);
    noteSession(null);
    if (goesOnAt !== null) location.assign(goesOnAt);
  } finally {
    isLeaving = false;
  }
}

/** What another account was told. */
function forgetAnswers(): void {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== ME[0] });
}

/** Where whoever came by single sign-on logs out of the provider, too; null where that is not known. */
async function providerLogout(): Promise<string | null> {
  const isBySignOn = (queryClient.getQueryData<Me | null>(ME)?.identity_id ?? null) !== null;
  if (!isBySignOn) return null;
  try {
    return (await send(getSignOnOptions())).logout_url;
  } catch (error) {
    // Here the session ends all the same.
    if (error instanceof Problem || error instanceof Away) return null;
    throw error;
  }
}
