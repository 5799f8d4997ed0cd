/**
 * What an address brings to log in with, in its fragment, which no server is sent: a ticket, the identity provider's answer,
 * an invitation to link an identity, or why no login there could begin.
 */
export type Arrival =
  | { kind: "ticket"; ticket: string }
  | { kind: "answer"; answer: string }
  | { kind: "refused"; code: string }
  | { kind: "invited" };

const INVITATION = "remotegpu-invitation";

/** Gone from the address afterwards. An invitation is kept while this tab is at the provider. */
export function takeArrival(): Arrival | null {
  const brought = new URLSearchParams(location.hash.slice(1));
  const arrival = arrivalOf(brought);
  if (arrival !== null) history.replaceState(null, "", location.pathname + location.search);
  return arrival;
}

function arrivalOf(brought: URLSearchParams): Arrival | null {
  const [ticket, answer] = [brought.get("ticket"), brought.get("sign-on")];
  const [code, invitation] = [brought.get("sign-on-refused"), brought.get("invitation")];
  if (ticket !== null) return { kind: "ticket", ticket };
  if (answer !== null) return { kind: "answer", answer };
  if (code !== null) return { kind: "refused", code };
  if (invitation === null) return null;
  sessionStorage.setItem(INVITATION, invitation);
  return { kind: "invited" };
}

/** Null where this tab has none. */
export function takeInvitation(): string | null {
  const invitation = sessionStorage.getItem(INVITATION);
  sessionStorage.removeItem(INVITATION);
  return invitation;
}
