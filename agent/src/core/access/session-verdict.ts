/**
 * Whether somebody who is in by SSH still may be: by the keys and the password that open the environment now. Who came in
 * is what the container told; who was not told yet goes when anybody's right goes, since it could be that one.
 */
import type { SessionLogin } from "@remotegpu/shared/instance/ssh-access";

/** A key that was added lies in the container a moment before it is known here. */
export const UNKNOWN_KEY_GRACE_MS = 5_000;

/** What opens an environment by SSH. */
export type Door = {
  /** By fingerprint, until when, on the wall clock; null: for good. */
  keys: ReadonlyMap<string, number | null>;
  /** Another one with each password; null: none. */
  passwordMark: string | null;
};

/** Somebody who has logged in. */
export type Insider = {
  login: Pick<SessionLogin, "method" | "fingerprint">;
  /** When that was told, on the host's monotonic clock. */
  loginMs: number;
  /** The password's mark when it was told. */
  passwordMark: string | null;
  /** The key has been among those that open it. */
  wasKnown: boolean;
};

/** The sentence with which the session ends; null: it stays. @param door null: nobody enters by SSH any more */
export function verdictOn(
  insider: Insider,
  door: Door | null,
  now: { monotonicMs: number; wallMs: number },
): string | null {
  if (door === null) return SHUT;
  if (insider.login.method === "publickey") return verdictOnKey(insider, door, now);
  if (door.passwordMark === null) return "The password was taken away.";
  return door.passwordMark === insider.passwordMark ? null : "The password was replaced.";
}

function verdictOnKey(
  { login, loginMs, wasKnown }: Insider,
  door: Door,
  now: { monotonicMs: number; wallMs: number },
): string | null {
  const untilMs = door.keys.get(login.fingerprint ?? "");
  if (untilMs === undefined) {
    const isAwaited = !wasKnown && now.monotonicMs - loginMs < UNKNOWN_KEY_GRACE_MS;
    return isAwaited ? null : "Its key opens this environment no more.";
  }
  return untilMs !== null && untilMs <= now.wallMs ? "The time of its key is over." : null;
}

const SHUT = "This environment is not entered by SSH any more.";

/** The sentence for those of whom no login was told; null: nothing was taken away. */
export function verdictOnUnknown(
  before: Door | null,
  door: Door | null,
  now: { wallMs: number; beforeWallMs: number },
): string | null {
  if (before === null) return null;
  if (door === null) return SHUT;
  const isKeyGone =
    [...before.keys.keys()].some((fingerprint) => !door.keys.has(fingerprint)) ||
    [...door.keys.values()].some(
      (untilMs) => untilMs !== null && untilMs > now.beforeWallMs && untilMs <= now.wallMs,
    );
  const isPasswordGone = before.passwordMark !== null && before.passwordMark !== door.passwordMark;
  return isKeyGone || isPasswordGone
    ? "A way in was taken away before it was known whose session this is."
    : null;
}
