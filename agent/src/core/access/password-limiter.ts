/**
 * From where passwords of one environment may be tried. The server inside sees all clients alike, so the relay counts, by
 * address and for the environment as a whole. Whoever is refused here is not turned away: the server is told by our end of
 * the way that from there only keys count.
 *
 * A connection spends one try, in which the server takes six passwords, and has it back when it logs in or has sent too
 * little to have tried any. Strangers share the environment's tries, so that many addresses gain nothing over a few. An
 * address from which somebody has logged in within a week has tries of its own: no stranger can use those up. An owner with
 * only a password who comes from a new address is a stranger, too, and waits with the others, or brings a key.
 */
import { MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/values/units";

/** So many at once after a pause, and so many an hour for as long as it likes. */
type Rate = { burst: number; perHour: number };
export const RATE_OF_STRANGERS: Rate = { burst: 64, perHour: 32 };
export const RATE_OF_STRANGER: Rate = { burst: 32, perHour: 8 };
/** Tools that copy or test open dozens at once, and each is open for a moment before it has logged in. */
export const RATE_OF_KNOWN: Rate = { burst: 128, perHour: 64 };
export const KNOWN_FOR_MS = 7 * MS_PER_DAY;
/** Beyond it the one that was not seen for longest is a stranger again. */
export const MAX_KNOWN = 64;
/** Beyond it no further stranger has tries until one of them has regained all of its own. */
export const MAX_STRANGERS = 256;
/** The addresses that are stored are bounded by this. */
export const MAX_ADDRESSES = MAX_STRANGERS + MAX_KNOWN;
/** A client that asks for the least of everything sends some 360 until the first password; a scan of versions some 30. */
export const LEAST_BYTES_OF_A_TRY = 256;

/** At that moment of the wall clock, which alone outlives a boot; set back, it only gives nothing. */
export type Tries = { left: number; atMs: number };
export type AddressTries = { group: string; tries: Tries; lastLoginMs: number | null };
/** What is to be known of an environment's tries after a restart: all that is not as at the beginning. */
export type PasswordTries = { strangers: Tries; addresses: AddressTries[] };

/** Whose try a connection has spent. */
export type Spent = "stranger's" | "known's";

export class PasswordLimiter {
  #strangers: Tries;
  readonly #addresses: Map<string, AddressTries>;

  constructor(stored: PasswordTries | null) {
    this.#strangers = stored?.strangers ?? { left: RATE_OF_STRANGERS.burst, atMs: 0 };
    this.#addresses = new Map((stored?.addresses ?? []).map((address) => [address.group, address]));
  }

  /**
   * @param group as client-group.ts makes it
   * @returns null: none is left, and only keys count from there now
   */
  spend(group: string, nowMs: number): Spent | null {
    const known = this.#addresses.get(group);
    if (known !== undefined && isKnown(known, nowMs)) {
      const left = spent(known.tries, RATE_OF_KNOWN, nowMs);
      if (left !== null) this.#put({ ...known, tries: left });
      return left === null ? null : "known's";
    }
    if (known === undefined && !this.#hasRoom(nowMs)) return null;
    const own = spent(known?.tries ?? full(RATE_OF_STRANGER, nowMs), RATE_OF_STRANGER, nowMs);
    const shared = spent(this.#strangers, RATE_OF_STRANGERS, nowMs);
    if (own === null || shared === null) return null;
    this.#put({ group, tries: own, lastLoginMs: null });
    this.#strangers = shared;
    return "stranger's";
  }

  /** It was none: a login, or too few bytes. */
  giveBack(group: string, whose: Spent, nowMs: number): void {
    if (whose === "stranger's") this.#strangers = regained(this.#strangers, RATE_OF_STRANGERS, nowMs, 1);
    const address = this.#addresses.get(group);
    if (address === undefined) return;
    // One that has become known meanwhile has all of its own tries.
    if (isKnown(address, nowMs) !== (whose === "known's")) return;
    const rate = whose === "known's" ? RATE_OF_KNOWN : RATE_OF_STRANGER;
    this.#put({ ...address, tries: regained(address.tries, rate, nowMs, 1) });
  }

  /** Somebody has logged in from there, in whatever way. @param whose the connection's try, which it has back */
  loggedIn(group: string, whose: Spent | null, nowMs: number): void {
    if (whose !== null) this.giveBack(group, whose, nowMs);
    const address = this.#addresses.get(group);
    const wasKnown = address !== undefined && isKnown(address, nowMs);
    const tries = wasKnown ? address.tries : full(RATE_OF_KNOWN, nowMs);
    this.#addresses.delete(group);
    this.#put({ group, tries, lastLoginMs: nowMs });
    this.#forgetBeyond(nowMs);
  }

  /** What is to be kept. */
  stored(nowMs: number): PasswordTries {
    this.#forgetRested(nowMs);
    // Whoever has logged in stays before all others, should there be too many.
    const known = [...this.#addresses.values()].filter((address) => isKnown(address, nowMs));
    const others = [...this.#addresses.values()].filter((address) => !isKnown(address, nowMs));
    return { strangers: this.#strangers, addresses: [...others, ...known].slice(-MAX_ADDRESSES) };
  }

  #put(address: AddressTries): void {
    this.#addresses.set(address.group, address);
  }

  /** For one more stranger. */
  #hasRoom(nowMs: number): boolean {
    if (this.#addresses.size < MAX_STRANGERS) return true;
    this.#forgetRested(nowMs);
    const strangers = [...this.#addresses.values()].filter((address) => !isKnown(address, nowMs));
    return strangers.length < MAX_STRANGERS;
  }

  #forgetRested(nowMs: number): void {
    for (const [group, address] of this.#addresses) {
      const isRested = regained(address.tries, RATE_OF_STRANGER, nowMs, 0).left >= RATE_OF_STRANGER.burst;
      if (!isKnown(address, nowMs) && isRested) this.#addresses.delete(group);
    }
  }

  /** Those that logged in come last, the latest at the end. */
  #forgetBeyond(nowMs: number): void {
    const known = [...this.#addresses.values()].filter((address) => isKnown(address, nowMs));
    for (const { group } of known.slice(0, Math.max(0, known.length - MAX_KNOWN)))
      this.#addresses.delete(group);
  }
}

/** Strangers have no tries left; whoever is known may have. */
export function isShutToStrangers({ strangers }: PasswordTries, nowMs: number): boolean {
  return regained(strangers, RATE_OF_STRANGERS, nowMs, 0).left < 1;
}

/** When strangers have a try again, should nobody spend one meanwhile; null where they have one. */
export function strangersTryAgainMs({ strangers }: PasswordTries, nowMs: number): number | null {
  const { left } = regained(strangers, RATE_OF_STRANGERS, nowMs, 0);
  return left >= 1 ? null : nowMs + ((1 - left) / RATE_OF_STRANGERS.perHour) * MS_PER_HOUR;
}

function isKnown({ lastLoginMs }: AddressTries, nowMs: number): boolean {
  return lastLoginMs !== null && nowMs - lastLoginMs < KNOWN_FOR_MS;
}

function full({ burst }: Rate, nowMs: number): Tries {
  return { left: burst, atMs: nowMs };
}

/** Null: there is none. */
function spent(tries: Tries, rate: Rate, nowMs: number): Tries | null {
  const now = regained(tries, rate, nowMs, 0);
  return now.left < 1 ? null : { ...now, left: now.left - 1 };
}

function regained({ left, atMs }: Tries, { burst, perHour }: Rate, nowMs: number, more: number): Tries {
  const hours = Math.max(0, nowMs - atMs) / MS_PER_HOUR;
  return { left: Math.min(burst, left + hours * perHour + more), atMs: nowMs };
}
