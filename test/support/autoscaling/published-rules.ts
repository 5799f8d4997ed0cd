/**
 * What other systems do with the same figures, as formulas with their usual settings, written from what they publish.
 * Knative: knative.dev/docs/serving/autoscaling/kpa-specific (windows, panic, rates) and …/concurrency (target
 * utilisation). Ray Serve: docs.ray.io/en/latest/serve/advanced-guides/advanced-autoscaling.html (delays, look-back).
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";

/** What a rule is told every two seconds. */
export interface Seen {
  nowMs: number;
  ready: readonly string[];
  wanted: number;
  perSecond: number;
  inFlight: number;
  /** Of what each ready replica does at once, in percent, over all of them. */
  busyPercent: number;
}

/** The number of replicas that is wanted from now on. It remembers what it was told. */
export type Rule = (seen: Seen) => number;

const STABLE_MS = 60 * MS_PER_SECOND;
const PANIC_MS = 6 * MS_PER_SECOND;
const PANIC_THRESHOLD = 2;
const UP_RATE = 1_000;
const DOWN_RATE = 2;

/**
 * Replicas = ceil(mean over 60 s ÷ target), between half of those that are ready and a thousand times as many. Where the
 * mean over 6 s asks for twice those that are ready or more, it panics: it never goes down, and up by the larger of both
 * means, until that has not been so for 60 s. The target is 70 % of what a replica does at once.
 */
export function knative(target: number): Rule {
  const values = new Values(STABLE_MS);
  let panicMs: number | null = null;
  let most = 0;
  return ({ nowMs, ready: { length }, inFlight }) => {
    values.add(nowMs, inFlight);
    const ready = Math.max(1, length);
    const between = (requested: number) =>
      Math.min(Math.max(requested, Math.floor(ready / DOWN_RATE)), Math.ceil(ready * UP_RATE));
    const panicRequests = Math.ceil(values.mean(nowMs, PANIC_MS) / target);
    const stable = between(Math.ceil(values.mean(nowMs, STABLE_MS) / target));
    if (panicRequests / ready >= PANIC_THRESHOLD) panicMs = nowMs;
    else if (panicMs !== null && nowMs > panicMs + STABLE_MS) [panicMs, most] = [null, 0];
    if (panicMs === null) return stable;
    most = Math.max(most, stable, between(panicRequests));
    return most;
  };
}

const LOOKBACK_MS = 30 * MS_PER_SECOND;
const UP_DELAY_MS = 30 * MS_PER_SECOND;
const DOWN_DELAY_MS = 600 * MS_PER_SECOND;

/**
 * Replicas = ceil(running × (mean in flight over 30 s ÷ (running × target))), applied once more were asked for at every
 * look of 30 s, or fewer at every one of 600 s.
 */
export function rayServe(target: number): Rule {
  const values = new Values(LOOKBACK_MS);
  let since: { route: number; ms: number } | null = null;
  return ({ nowMs, ready, wanted, inFlight }) => {
    values.add(nowMs, inFlight);
    const running = Math.max(1, ready.length);
    const ratio = values.mean(nowMs, LOOKBACK_MS) / (running * target);
    const requested = Math.ceil(running * ratio);
    const route = Math.sign(requested - wanted);
    if (route === 0) since = null;
    else if (since === null || since.route !== route) since = { route, ms: nowMs };
    const delayMs = route > 0 ? UP_DELAY_MS : DOWN_DELAY_MS;
    if (since === null || nowMs - since.ms <= delayMs) return wanted;
    since = null;
    return Math.max(1, requested);
  };
}

/** What was told of late. */
class Values {
  readonly #keepMs: number;
  #values: { ms: number; value: number }[] = [];

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  add(nowMs: number, value: number): void {
    this.#values = [...this.#values.filter(({ ms }) => ms > nowMs - this.#keepMs), { ms: nowMs, value }];
  }

  mean(nowMs: number, overMs: number): number {
    const late = this.#values.filter(({ ms }) => ms > nowMs - overMs);
    return late.reduce((sum, { value }) => sum + value, 0) / late.length;
  }
}
