/**
 * Which bytes of a connection are access, so that a lease with them is not idle. Scans, logins that failed, keep-alives of
 * a client that only stays connected and looks of our own are none.
 */
import { SSH_PORT } from "@remotegpu/shared/instance/ssh-access";
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import { KIB, MS_PER_MINUTE } from "@remotegpu/shared/values/units";

/**
 * The idle traffic of one SSH connection, both ways together. A keep-alive of a client and its answer are 52 + 28 bytes
 * with the default cipher, and 100 + 84 with the longest of codes; a client that probes every 5 seconds costs 184 × 12
 * = 2,208 bytes a minute then, and the one of our server another 184. Whoever types one command costs as much again
 * with today's clients, which hide the pauses between keys behind packets of 20 milliseconds.
 */
export const IDLE_BYTES_A_MINUTE = 3 * KIB;
/** An image's own server tells nobody of logins. OpenSSH cuts off who has not logged in by then. */
export const FOREIGN_GRACE_MS = 2 * MS_PER_MINUTE;

/** What makes a connection of a lease count. */
export type UseRule =
  /** Our server counts as used once a login was reported and bytes beyond those of keep-alives came. */
  | "login"
  /**
   * An image's own server counts as used once it has outlived the time for a login and bytes beyond those of
   * keep-alives came.
   */
  | "outlived"
  /** Bytes to the service and back. */
  | "both-ways"
  /** The client has sent something that reached the service; then for as long as it is open. */
  | "open";

export function useRuleOf({
  service,
  internalPort,
}: {
  service: LeaseService;
  internalPort: number;
}): UseRule {
  switch (service) {
    case "ssh":
      return internalPort === SSH_PORT ? "login" : "outlived";
    case "rdp":
    case "custom":
      return "both-ways";
    case "jupyter":
    case "tensorboard":
      return "open";
  }
}

/** Looks at one connection again and again; each look tells what has happened since the one before. */
export class UseMeter {
  readonly #rule: UseRule;
  readonly #openedMs: number;
  #seen: { bytesIn: number; bytesOut: number } = { bytesIn: 0, bytesOut: 0 };
  #minute: { sinceMs: number; bytes: number };
  #isLoginCounted = false;

  constructor(rule: UseRule, openedMs: number) {
    this.#rule = rule;
    this.#openedMs = openedMs;
    this.#minute = { sinceMs: openedMs, bytes: 0 };
  }

  /** @param now bytes are those that were relayed to the service and to the client so far */
  isUsed(now: { ms: number; bytesIn: number; bytesOut: number; hasLogin: boolean }): boolean {
    switch (this.#rule) {
      case "login":
        if (!now.hasLogin) return this.#pass(now);
        if (this.#isLoginCounted) return this.#isBusy(now);
        this.#isLoginCounted = true;
        this.#pass(now);
        return true;
      case "outlived":
        return now.ms - this.#openedMs > FOREIGN_GRACE_MS ? this.#isBusy(now) : this.#pass(now);
      case "both-ways":
        if (now.bytesIn === this.#seen.bytesIn || now.bytesOut === this.#seen.bytesOut) return false;
        this.#seen = now;
        return true;
      case "open":
        return now.bytesIn > 0;
    }
  }

  /** What it took to come in is not what is counted afterwards. */
  #pass(now: { bytesIn: number; bytesOut: number }): false {
    this.#seen = now;
    return false;
  }

  /** More than keep-alives, since a minute ago at most. */
  #isBusy(now: { ms: number; bytesIn: number; bytesOut: number }): boolean {
    if (now.ms - this.#minute.sinceMs >= MS_PER_MINUTE) this.#minute = { sinceMs: now.ms, bytes: 0 };
    this.#minute.bytes += now.bytesIn - this.#seen.bytesIn + now.bytesOut - this.#seen.bytesOut;
    this.#seen = now;
    return this.#minute.bytes > IDLE_BYTES_A_MINUTE;
  }
}
