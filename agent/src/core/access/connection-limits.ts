/**
 * How many connections one lease takes, at once and one after the other: of all clients together, of one address, and
 * of one address that nobody has been told to have logged in from. Who is beyond a bound of one address costs nobody else
 * anything; of SSH, who comes when all of a lease is taken, costs one who has not logged in.
 */
import type { LeaseService } from "@remotegpu/shared/instance/lease";

export const MAX_CONNECTIONS_OF_LEASE = 512;
/** Browsers open some dozens; more from one address on one port is a flood. */
export const MAX_CONNECTIONS_OF_CLIENT = 128;
/**
 * Connections by SSH before a login was reported. Tools that copy or test by many sessions at once open some dozens.
 */
export const MAX_UNNAMED_OF_CLIENT = 64;

/**
 * So many SSH connections of one address, before a login was reported, are led to its server at once, and further ones
 * when they have begun to speak, so that a flood of silent ones costs the container next to nothing. Tools that only
 * listen to the server's first line open fewer.
 */
export const MAX_LED_AT_ONCE = 8;

/** Connections of one address: so many at once after a pause, and so many a second for as long as it likes. */
type Pace = { burst: number; perSecond: number };
/** A loop of one command after the other begins a dozen a second. */
const PACE_OF_SSH: Pace = { burst: 100, perSecond: 20 };
/** A page of a web interface is dozens of connections, and a reload as many more. */
const PACE_OF_OTHERS: Pace = { burst: 256, perSecond: 64 };
/** So many addresses have their pace remembered; further ones do not, and their numbers are bounded all the same. */
export const MAX_PACED = 4_096;
const MS_PER_SECOND = 1_000;

export type Admission = "admitted" | "too-many" | "too-fast";

type Client = { open: number; unnamed: number };
type Spent = { left: number; atMs: number };

export class ConnectionLimits {
  readonly #pace: Pace;
  readonly #isOfSsh: boolean;
  readonly #clients = new Map<string, Client>();
  readonly #spent = new Map<string, Spent>();
  #open = 0;

  constructor(service: LeaseService) {
    this.#isOfSsh = service === "ssh";
    this.#pace = this.#isOfSsh ? PACE_OF_SSH : PACE_OF_OTHERS;
  }

  /**
   * One that is admitted counts until it `left`.
   * @param group as client-group.ts makes it
   * @param makesRoom asked where all of a lease of SSH is taken: has somebody leave, who `left` by then, or answers false
   */
  admit(group: string, nowMs: number, makesRoom: () => boolean = () => false): Admission {
    if (!this.#isWithinPace(group, nowMs)) return "too-fast";
    if (this.#isClientFull(group)) return "too-many";
    if (this.#open >= MAX_CONNECTIONS_OF_LEASE && !(this.#isOfSsh && makesRoom())) return "too-many";
    // Only now: who made room may have come from there too.
    const client = this.#clients.get(group) ?? { open: 0, unnamed: 0 };
    this.#open += 1;
    this.#clients.set(group, { open: client.open + 1, unnamed: client.unnamed + 1 });
    return "admitted";
  }

  /** Whoever comes from there is to speak first. */
  isCrowded(group: string): boolean {
    return this.#isOfSsh && (this.#clients.get(group)?.unnamed ?? 0) > MAX_LED_AT_ONCE;
  }

  /** A login on one of its connections was told. */
  named(group: string): void {
    const client = this.#clients.get(group);
    if (client !== undefined) client.unnamed = Math.max(0, client.unnamed - 1);
  }

  left(group: string, { isNamed }: { isNamed: boolean }): void {
    const client = this.#clients.get(group);
    if (client === undefined) return;
    this.#open -= 1;
    client.open -= 1;
    if (!isNamed) client.unnamed = Math.max(0, client.unnamed - 1);
    if (client.open === 0) this.#clients.delete(group);
  }

  #isClientFull(group: string): boolean {
    const { open, unnamed } = this.#clients.get(group) ?? { open: 0, unnamed: 0 };
    return open >= MAX_CONNECTIONS_OF_CLIENT || (this.#isOfSsh && unnamed >= MAX_UNNAMED_OF_CLIENT);
  }

  #isWithinPace(group: string, nowMs: number): boolean {
    const { burst, perSecond } = this.#pace;
    const spent = this.#spent.get(group);
    const regained = spent === undefined ? 0 : ((nowMs - spent.atMs) * perSecond) / MS_PER_SECOND;
    const left = Math.min(burst, (spent?.left ?? burst) + regained);
    if (left < 1) return false;
    if (spent === undefined && this.#spent.size >= MAX_PACED) this.#forgetRested(nowMs);
    if (spent !== undefined || this.#spent.size < MAX_PACED)
      this.#spent.set(group, { left: left - 1, atMs: nowMs });
    return true;
  }

  #forgetRested(nowMs: number): void {
    const { burst, perSecond } = this.#pace;
    for (const [group, { left, atMs }] of this.#spent)
      if (left + ((nowMs - atMs) * perSecond) / MS_PER_SECOND >= burst) this.#spent.delete(group);
  }
}
