/**
 * What a run costs, said once more: plain sweeps over lists of milliseconds and one division, from the rules of the
 * billing vectors. Shares no code with the product, so that the two can be compared.
 */

/** [from, to) in UTC milliseconds. */
export type Stretch = readonly [from: number, to: number];

export interface ModelPrice {
  readonly spec: string;
  readonly line: string;
  /** In 1/1,000,000 point for one unit. */
  readonly price: bigint;
  readonly minutesPerUnit: bigint;
  readonly from: number;
}

export interface ModelLine {
  readonly line: string;
  /** In 10^-30 of a unit. */
  readonly quantity: bigint;
}

export interface Posted {
  minutes: number;
  amount: bigint;
}

const MINUTE = 60_000;
/** From price × quantity × minutes (10^-36) to 1/10,000 point. */
const TO_POINTS = 10n ** 32n;

export class ModelRun {
  readonly id: string;
  readonly customer: number;
  readonly spec: string;
  readonly lines: readonly ModelLine[];
  readonly offsetMinutes: number;
  closed = false;
  wanted = true;
  waiveFrom = Infinity;
  dirty = false;
  lastPostedAt = -Infinity;
  /** By "month line". */
  readonly posted = new Map<string, Posted>();
  readonly broken = new Map<string, Stretch>();
  /** When a replica was ordered; null of what does not load. */
  orderedAt: number | null = null;
  servedAt = Infinity;
  /** Of its loading, by its payer's allowance. */
  readonly free: Stretch[] = [];
  #proven: Stretch[] = [];

  constructor(run: {
    id: string;
    customer: number;
    spec: string;
    lines: readonly ModelLine[];
    offsetMinutes: number;
  }) {
    this.id = run.id;
    this.customer = run.customer;
    this.spec = run.spec;
    this.lines = run.lines;
    this.offsetMinutes = run.offsetMinutes;
  }

  prove(from: number, to: number): void {
    if (from >= to) return;
    const before = this.provenMs();
    const apart = this.#proven.filter(([start, end]) => end < from || start > to);
    const touching = this.#proven.filter(([start, end]) => end >= from && start <= to);
    const joined: Stretch = [
      Math.min(from, ...touching.map(([start]) => start)),
      Math.max(to, ...touching.map(([, end]) => end)),
    ];
    this.#proven = [...apart, joined].sort(([a], [b]) => a - b);
    if (this.provenMs() !== before) this.dirty = true;
  }

  firstProven(): number | null {
    return this.#proven[0]?.[0] ?? null;
  }

  lastProven(): number | null {
    return this.#proven.at(-1)?.[1] ?? null;
  }

  provenMs(until = Infinity): number {
    return lengthOf(this.#proven, until);
  }

  waivedMs(): number {
    return this.provenMs() - this.#payableMs(Infinity);
  }

  minutes(until: number): number {
    return Math.ceil(this.#payableMs(until) / MINUTE);
  }

  #payableMs(until: number): number {
    return lengthOf(this.payable(), until);
  }

  /** What of its proven time is charged, as far as it is known now. */
  payable(): Stretch[] {
    let left = [...this.#proven];
    for (const hole of [...this.broken.values(), ...this.free, [this.waiveFrom, Infinity] as const])
      left = left.flatMap((stretch) => cut(stretch, hole));
    return left;
  }

  /** What of that was before it served. */
  loading(): Stretch[] {
    if (this.orderedAt === null) return [];
    return this.payable().flatMap((stretch) => cut(stretch, [this.servedAt, Infinity]));
  }

  /** What an hour of the run costs at its price, or at that of `now` while it has none. */
  hourly(prices: readonly ModelPrice[], now: number): bigint {
    const at = this.firstProven() ?? now;
    return this.lines.reduce((sum, { line, quantity }) => {
      const price = this.#priceOf(prices, line, at);
      return price === null ? sum : sum + cost(price, quantity, 60);
    }, 0n);
  }

  #priceOf(prices: readonly ModelPrice[], line: string, at: number): ModelPrice | null {
    return prices
      .filter((one) => one.spec === this.spec && one.line === line && one.from <= at)
      .reduce<ModelPrice | null>((best, one) => (best === null || one.from > best.from ? one : best), null);
  }

  /** What every line has cost in each month until a moment, at these prices; null where a line has none. */
  shares(prices: readonly ModelPrice[], until: number): Map<string, Posted> | null {
    const first = this.firstProven();
    const shares = new Map<string, Posted>();
    if (first === null) return shares;
    const last = Math.min(this.lastProven() ?? first, until);
    for (const { line, quantity } of this.lines) {
      const price = this.#priceOf(prices, line, first);
      if (price === null) return null;
      let begun = 0;
      let start = first;
      while (start < last) {
        const end = monthEnd(start, this.offsetMinutes);
        const minutes = this.minutes(Math.min(end, until));
        const amount = cost(price, quantity, minutes) - cost(price, quantity, begun);
        if (minutes > begun)
          shares.set(`${monthName(start, this.offsetMinutes)} ${line}`, { minutes: minutes - begun, amount });
        begun = minutes;
        start = end;
      }
    }
    return shares;
  }
}

function cost({ price, minutesPerUnit }: ModelPrice, quantity: bigint, minutes: number): bigint {
  const divisor = minutesPerUnit * TO_POINTS;
  return (2n * BigInt(minutes) * price * quantity + divisor) / (2n * divisor);
}

function cut([from, to]: Stretch, [holeFrom, holeTo]: Stretch): Stretch[] {
  const parts: Stretch[] = [
    [from, Math.min(to, holeFrom)],
    [Math.max(from, holeTo), to],
  ];
  return parts.filter(([start, end]) => start < end);
}

function lengthOf(stretches: readonly Stretch[], until: number): number {
  return stretches.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(to, until) - from), 0);
}

export function monthName(at: number, offsetMinutes: number): string {
  const local = new Date(at + offsetMinutes * MINUTE);
  return `${local.getUTCFullYear()}-${String(local.getUTCMonth() + 1).padStart(2, "0")}`;
}

/** The local midnight after the last day of the month that `at` lies in. */
export function monthEnd(at: number, offsetMinutes: number): number {
  const local = new Date(at + offsetMinutes * MINUTE);
  return Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1, 1) - offsetMinutes * MINUTE;
}
