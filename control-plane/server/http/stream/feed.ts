/**
 * The streams of one server: a look at the database each second while anybody reads, whoever and however many they are,
 * and none without readers. What changed since the look before is told to each as far as they listen and may see.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { framesOf, type Place, placeOf } from "../../core/stream/frames.ts";
import { type Changes, changesBetween, type Snapshot } from "../../core/stream/snapshot.ts";
import { cardsSeen, costsSeen, NOTHING, type StreamUpdate, updateFor } from "../../core/stream/updates.ts";
import { StoreError } from "../../store/database/store-error.ts";
import { StreamSnapshots } from "../../store/overview/stream/stream-snapshots.ts";
import type { ApiDeps } from "../deps.ts";
import { ApiRefusal } from "../request/refusal.ts";
import { type Reading, StreamReader } from "./reader.ts";
import { closeWhatIsLost } from "./rights.ts";
import type { Reason } from "../../core/reasons/reason.ts";

const CHECK_EVERY_MS = MS_PER_SECOND;
/** A look that takes long makes the next one wait, so that looking is never most of what the database does. */
const REST_PER_CHECK = 4;
const RIGHTS_EVERY_MS = 3 * MS_PER_SECOND;
/** Beyond this the looks have a gap: what was written in it may be in none. */
const GAP_MS = 10 * MS_PER_SECOND;
/** So long may a reader have been away and still be told what they missed. */
const STORED_CHECKS = 60;
const MAX_READERS = 4_000;
const MAX_READERS_OF_KEY = 100;
const RETRY_SECONDS = 5;
const ENCODER = new TextEncoder();

type FeedDeps = Pick<ApiDeps, "db" | "now" | "log" | "closing">;

export class StreamFeed {
  readonly #deps: FeedDeps;
  readonly #readers = new Set<StreamReader>();
  /** They wait for the first look that begins after they came. */
  #joining: { reader: StreamReader; joined: () => void }[] = [];
  #isRunning = false;
  #life = "";
  #number = 0;
  #before: Snapshot | null = null;
  #cached: { number: number; changes: Changes }[] = [];
  #checks: StreamSnapshots;
  #checkedMs = 0;
  #rightsMs = 0;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
    this.#checks = new StreamSnapshots(deps.db, deps.now);
    deps.closing.addEventListener("abort", () => this.#close());
  }

  /** So many read now. */
  get clients(): number {
    return this.#readers.size;
  }

  /**
   * Resolves once what changes from then on will be told.
   * @throws ApiRefusal where too many read, or the server ends
   */
  async join(reading: Reading): Promise<StreamReader> {
    this.#refuseFurther(reading.apiKeyId);
    const reader = new StreamReader(reading, (one) => this.#readers.delete(one));
    this.#readers.add(reader);
    const joined = new Promise<void>((resolve) => this.#joining.push({ reader, joined: resolve }));
    if (!this.#isRunning) void this.#run();
    await joined;
    return reader;
  }

  #refuseFurther(apiKeyId: number): void {
    if (this.#deps.closing.aborted) throw new ApiRefusal("unavailable", "server-ending");
    const readers = [...this.#readers];
    const ofKey = readers.filter(({ reading }) => reading.apiKeyId === apiKeyId).length;
    if (readers.length < MAX_READERS && ofKey < MAX_READERS_OF_KEY) return;
    const reason: Reason =
      ofKey < MAX_READERS_OF_KEY
        ? { code: "streams-of-server-too-many", params: { max_streams: MAX_READERS } }
        : { code: "streams-of-key-too-many", params: { max_streams: MAX_READERS_OF_KEY } };
    throw new ApiRefusal("too-many-requests", reason, { retryAfterSeconds: RETRY_SECONDS });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#life = randomBytes(8).toString("hex");
    this.#number = 0;
    this.#before = null;
    this.#cached = [];
    this.#checks = new StreamSnapshots(this.#deps.db, this.#deps.now);
    try {
      while (this.#readers.size > 0) {
        const beganMs = performance.now();
        await this.#turn(beganMs);
        const tookMs = performance.now() - beganMs;
        await pause(Math.max(CHECK_EVERY_MS - tookMs, REST_PER_CHECK * tookMs), undefined, { ref: false });
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #turn(nowMs: number): Promise<void> {
    const joining = [...this.#joining];
    try {
      const after = await this.#checks.check(this.#wanted(), nowMs);
      if (nowMs - this.#rightsMs >= RIGHTS_EVERY_MS) {
        await closeWhatIsLost(this.#deps, this.#readers);
        this.#rightsMs = nowMs;
      }
      this.#report(after, nowMs);
      for (const { reader } of joining) this.#welcome(reader);
    } catch (error) {
      if (!(error instanceof StoreError)) return this.#giveUp(error);
      // The pages show the age of what they have; the next look tells what changed meanwhile.
      this.#deps.log.warn({ error }, "streams could not read what changed");
      return this.#flush(nowMs);
    }
    this.#joining = this.#joining.filter((one) => !joining.includes(one));
    this.#flush(nowMs);
    for (const { joined } of joining) joined();
  }

  #wanted() {
    const topics = [...this.#readers].flatMap((reader) => [...reader.topics.keys()]);
    return {
      fleet: topics.some((topic) => topic === "fleet" || topic === "gpu" || topic.startsWith("host:")),
      costs: topics.includes("cost"),
    };
  }

  #report(after: Snapshot, nowMs: number): void {
    const before = this.#before;
    const hadGap = nowMs - this.#checkedMs > GAP_MS;
    this.#before = after;
    this.#checkedMs = nowMs;
    if (before === null) return;
    this.#number += 1;
    const found = changesBetween(before, after);
    const changes = { ...found, everything: found.everything || hadGap };
    this.#keep(changes);
    const groups = new Map<string, { update: StreamUpdate; bytes: Uint8Array }>();
    for (const reader of this.#readers) {
      if (this.#joining.some((one) => one.reader === reader)) continue;
      const { update, bytes } = getOr(groups, reader.group, () => this.#made(reader, changes));
      if (!update.resync && update.changes.size + update.cards.length + update.costs.length === 0) continue;
      if (reader.isUpToDate) reader.send(bytes, nowMs);
      else reader.add(update);
    }
  }

  /** Without values, of which whoever comes back is told the present ones. */
  #keep(changes: Changes): void {
    const withoutValues = { ...changes, cards: [], costs: [] };
    this.#cached = [
      ...this.#cached.slice(1 - STORED_CHECKS),
      { number: this.#number, changes: withoutValues },
    ];
  }

  #made(reader: StreamReader, changes: Changes): { update: StreamUpdate; bytes: Uint8Array } {
    const update = updateFor({ topics: new Set(reader.topics.keys()), sight: reader.sight }, changes);
    return { update, bytes: ENCODER.encode(framesOf(update, this.#place)) };
  }

  /** What they missed, or that they may have missed anything; and the values as they are. */
  #welcome(reader: StreamReader): void {
    const { topics, sight, reading } = reader;
    const listener = { topics: new Set(topics.keys()), sight };
    if (reading.lastEventId === null) reader.begin(this.#place);
    else {
      const missed = this.#missedSince(reading.lastEventId);
      if (missed === null) reader.add({ ...NOTHING, resync: true });
      else for (const changes of missed) reader.add(updateFor(listener, changes));
    }
    const cards = topics.has("gpu") ? cardsSeen(sight, this.#before?.fleet?.cards.values() ?? []) : [];
    const costs = topics.has("cost") ? costsSeen(sight, this.#before?.costs ?? []) : [];
    reader.add({ ...NOTHING, cards, costs });
  }

  /** Null where that is not known any more. */
  #missedSince(lastEventId: string): Changes[] | null {
    const place = placeOf(lastEventId);
    if (place === null || place.life !== this.#life || place.number > this.#number) return null;
    const missed = this.#cached.filter(({ number }) => number > place.number);
    return missed.length === this.#number - place.number ? missed.map(({ changes }) => changes) : null;
  }

  get #place(): Place {
    return { life: this.#life, number: this.#number };
  }

  #flush(nowMs: number): void {
    for (const reader of this.#readers) {
      if (reader.flush(this.#place, nowMs)) continue;
      this.#readers.delete(reader);
      reader.drop();
    }
  }

  /** A fault of ours: whoever reads asks again, and the next look begins anew. */
  #giveUp(error: unknown): void {
    this.#deps.log.error({ error }, "streams could not go on");
    this.#close();
  }

  #close(): void {
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
    for (const { joined } of this.#joining) joined();
    this.#joining = [];
  }
}

function getOr<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
