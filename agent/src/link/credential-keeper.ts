/** Keeps the credential fresh: renews at half its life and, when NATS refuses it, at once; tries for ever, gently. */
import type { CredentialGrant } from "@remotegpu/shared/messages/joining";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { renewalDueMs, renewCredential, saveCredential, type SavedCredential } from "./credential.ts";
import type { HostKey } from "./nkey.ts";

const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 5 * MS_PER_MINUTE;
/** However often NATS refuses, renewals are this far apart. */
const MIN_BETWEEN_MS = 30_000;
/** Looks at the wall clock at least this often, since it may be set or the host may sleep. */
const MAX_SLEEP_MS = MS_PER_MINUTE;

export interface KeeperOptions {
  file: string;
  credential: SavedCredential;
  key: HostKey;
  onRenewed: (grant: CredentialGrant) => void;
  /** The host was taken out of the fleet; said again with each try. */
  onRemoved: () => void;
  log: Log;
  now?: () => number;
}

export class CredentialKeeper {
  readonly #options: KeeperOptions;
  readonly #now: () => number;
  #credential: SavedCredential;
  #failures = 0;
  #dueMs: number;
  #lastRenewedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isRenewing = false;
  #isStopped = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#credential = options.credential;
    this.#dueMs = renewalDueMs(options.credential);
  }

  get grant(): CredentialGrant {
    return this.#credential.grant;
  }

  start(): void {
    this.#sleep();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** NATS refuses the credential or cannot be found: renew soon, which also brings new addresses. */
  renewSoon(): void {
    if (this.#isRenewing || this.#failures > 0) return;
    this.#dueMs = Math.min(this.#dueMs, Math.max(this.#now(), this.#lastRenewedMs + MIN_BETWEEN_MS));
    this.#sleep();
  }

  #sleep(): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    const waitMs = Math.min(Math.max(this.#dueMs - this.#now(), 0), MAX_SLEEP_MS);
    this.#timer = setTimeout(() => void this.#wake(), waitMs);
  }

  async #wake(): Promise<void> {
    if (this.#now() >= this.#dueMs) {
      this.#isRenewing = true;
      await this.#renew();
      this.#isRenewing = false;
    }
    this.#sleep();
  }

  async #renew(): Promise<void> {
    const { file, key, log, onRenewed, onRemoved } = this.#options;
    try {
      const renewal = await renewCredential(this.#credential, key);
      if (!renewal.renewed) {
        log.error({ reason: renewal.reason }, "the control plane does not renew this host's credential");
        if (renewal.isRemoved) onRemoved();
        this.#retryLater();
        return;
      }
      this.#credential = { ...this.#credential, grant: renewal.grant, receivedAtMs: this.#now() };
      saveCredential(file, this.#credential);
      this.#failures = 0;
      this.#lastRenewedMs = this.#now();
      this.#dueMs = renewalDueMs(this.#credential);
      onRenewed(renewal.grant);
    } catch (error) {
      log.warn({ error }, "the credential could not be renewed yet");
      this.#retryLater();
    }
  }

  #retryLater(): void {
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS);
    this.#failures += 1;
    // Half of it by chance: a fleet that was cut off together does not come back in step.
    this.#dueMs = this.#now() + waitMs / 2 + (Math.random() * waitMs) / 2;
  }
}
