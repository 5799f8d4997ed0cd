/**
 * A fleet that only beats, in a process of its own: so many hosts, each asking every ten seconds as an agent does, at
 * moments of its own. Told on standard input what to do (`FleetOrder`), it prints one line of figures and ends.
 */
import { randomUUID } from "node:crypto";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { connect, jwtAuthenticator, NatsError, type NatsConnection } from "nats";
import { z } from "zod";
import { BootId, GpuUuid, HostId, InstanceId, JournalId, RunId } from "@remotegpu/shared/values/ids";
import type { InstanceFigures } from "@remotegpu/shared/instance/instance-figures";
import { HEARTBEAT_MS, HeartbeatReply, type Heartbeat } from "@remotegpu/shared/messages/protocol";
import { up } from "@remotegpu/shared/messages/subjects";
import { decode, encode } from "@remotegpu/shared/messages/wire";

export const FleetOrder = z.object({
  natsUrl: z.string(),
  jwt: z.string(),
  seed: z.string(),
  hosts: z.int().positive(),
  cardsPerHost: z.int().nonnegative(),
  /** Each tells its figures once a minute. */
  instancesPerHost: z.int().nonnegative(),
  /** Once every host was answered, which costs most where all are new. */
  warmUpMs: z.int(),
  countedMs: z.int(),
});
export type FleetOrder = z.infer<typeof FleetOrder>;

export const FleetFigures = z.object({
  /** From the first heartbeat until every host had an answer. */
  newcomersMs: z.number(),
  answered: z.int(),
  refused: z.int(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  maxMs: z.number(),
});
export type FleetFigures = z.infer<typeof FleetFigures>;

export const hostName = (number: number) => HostId.parse(`host-${String(number).padStart(5, "0")}`);
export const instanceName = (host: number, instance: number) =>
  InstanceId.parse(`env-bench-${host}-${instance}`);
export const runName = (host: number, instance: number) => RunId.parse(`run-bench-${host}-${instance}`);
export const cardName = (host: number, card: number) => GpuUuid.parse(`GPU-bench-${host}-${card}`);

const ANSWER_WITHIN_MS = 20_000;

interface Beating {
  id: HostId;
  bootId: BootId;
  journalId: JournalId;
  number: number;
  applied: { term: number; generation: number };
  lastRoundTripMs: number | null;
}

const BEATS_A_MINUTE = 6;

/** As of containers that are busy and write something now and then. */
function figuresOf(host: Beating, count: number, beat: number): { figures?: InstanceFigures[] } {
  if (count === 0 || beat % BEATS_A_MINUTE !== 0) return {};
  const figures = Array.from({ length: count }, (_, instance) => ({
    instanceId: instanceName(host.number, instance),
    placementEpoch: 1,
    runId: runName(host.number, instance),
    cpuMs: beat * 9_000 + instance,
    networkInBytes: beat * 1_000_000,
    networkOutBytes: beat * 10_000,
    lastOutputAgeMs: (beat * 137) % 60_000,
  }));
  return { figures };
}

function heartbeatOf(
  host: Beating,
  { cards, instances }: { cards: number; instances: number },
  beat: number,
): Heartbeat {
  return {
    kind: "heartbeat",
    version: "0.1.0",
    protocol: { min: 1, max: 2 },
    bootId: host.bootId,
    agentEpoch: 1,
    monotonicMs: Math.floor(performance.now()),
    lastRoundTripMs: host.lastRoundTripMs,
    applied: host.applied,
    journal: {
      id: host.journalId,
      headSeq: 0,
      headHash: "0".repeat(64),
      watermarkSeen: 0,
      dbIncarnationSeen: 1,
    },
    observedDigest: "a".repeat(64),
    degraded: [],
    gpus: Array.from({ length: cards }, (_, card) => ({
      uuid: cardName(host.number, card),
      health: "healthy",
      memoryUsedMib: 1_000 + ((beat * 37 + card) % 70_000),
      utilizationPercent: (beat * 7 + card) % 101,
      temperatureC: 40 + ((beat + card) % 30),
      powerW: 200 + ((beat * 13 + card) % 150),
      eccUncorrected: 0,
      reasons: [],
      cordon: null,
      eccUncorrectedTotal: 0,
      repairPending: false,
      repairFailed: false,
      throttleReasons: [],
      strangers: [],
      foreignMemoryMib: 0,
    })),
    ...figuresOf(host, instances, beat),
  };
}

/** Beats from now on; what is answered while `isCounting` counts. */
class Fleet {
  readonly #connection: NatsConnection;
  readonly #holdings: { cards: number; instances: number };
  readonly #roundTripsMs: number[] = [];
  readonly #answered = new Set<HostId>();
  readonly #begunMs = performance.now();
  #refused = 0;
  #isCounting = false;

  constructor(connection: NatsConnection, holdings: { cards: number; instances: number }) {
    this.#connection = connection;
    this.#holdings = holdings;
  }

  async live(number: number): Promise<never> {
    const host: Beating = {
      id: hostName(number),
      bootId: BootId.parse(randomUUID()),
      journalId: JournalId.parse(randomUUID()),
      number,
      applied: { term: 0, generation: 0 },
      lastRoundTripMs: null,
    };
    const begunMs = performance.now() + Math.random() * HEARTBEAT_MS;
    for (let beat = 0; ; beat += 1) {
      await pause(Math.max(0, begunMs + beat * HEARTBEAT_MS - performance.now()));
      if (!(await this.#beat(host, beat)) && this.#isCounting) this.#refused += 1;
    }
  }

  /** Resolves once so many hosts have been answered, with how long that took. */
  async known(hosts: number): Promise<number> {
    for (;;) {
      if (this.#answered.size >= hosts) return performance.now() - this.#begunMs;
      await pause(100);
    }
  }

  async count(windowMs: number): Promise<Omit<FleetFigures, "newcomersMs">> {
    this.#isCounting = true;
    await pause(windowMs);
    const sorted = this.#roundTripsMs.toSorted((a, b) => a - b);
    const share = (part: number) =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    return {
      answered: sorted.length,
      refused: this.#refused,
      p50Ms: share(0.5),
      p99Ms: share(0.99),
      maxMs: share(1),
    };
  }

  async #beat(host: Beating, beat: number): Promise<boolean> {
    const sentMs = performance.now();
    const message = encode(heartbeatOf(host, this.#holdings, beat));
    try {
      const answer = await this.#connection.request(up(host.id, "hb"), message, {
        timeout: ANSWER_WITHIN_MS,
      });
      const tookMs = performance.now() - sentMs;
      const reply = decode(HeartbeatReply, answer.data);
      if (!reply.ok) return false;
      this.#answered.add(host.id);
      host.lastRoundTripMs = Math.ceil(tookMs);
      host.applied = { term: reply.message.term, generation: reply.message.targetGeneration };
      if (this.#isCounting) this.#roundTripsMs.push(tookMs);
      return true;
    } catch (error) {
      if (!(error instanceof NatsError)) throw error;
      return false;
    }
  }
}

async function main(order: FleetOrder): Promise<void> {
  const connection = await connect({
    servers: order.natsUrl,
    authenticator: jwtAuthenticator(order.jwt, new TextEncoder().encode(order.seed)),
    noAsyncTraces: true,
  });
  const fleet = new Fleet(connection, {
    cards: order.cardsPerHost,
    instances: order.instancesPerHost,
  });
  for (let number = 0; number < order.hosts; number += 1) void fleet.live(number);
  const newcomersMs = await fleet.known(order.hosts);
  await pause(order.warmUpMs);
  process.stdout.write("counting\n");
  const figures: FleetFigures = { newcomersMs, ...(await fleet.count(order.countedMs)) };
  process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
}

if (process.argv[1] === import.meta.filename) {
  const order = FleetOrder.parse(JSON.parse(await text(process.stdin)));
  await main(order);
}
