/**
 * One look at a service that scales by itself: what its replicas and the gateways told is laid before the rule, with what
 * was remembered of the look before. Where its number is left to people, the rule follows a number of its own, which says
 * what would have become of it.
 */
import type { Reason } from "../../reasons/reason.ts";
import { scalesByItself } from "../wanted-replicas.ts";
import { evaluate } from "./autoscaling.ts";
import { parseAutoscalingConfig, type ReplicaBounds } from "./autoscaling-config.ts";
import { type Count, countsAfter, type StoredCount, ratesOf } from "./counters.ts";
import type { Decision } from "./decision-words.ts";
import { MAX_GAP_MS } from "./load-history.ts";
import type { Sample } from "./service-load.ts";
import { parseHistory, type StoredHistory, storedHistory } from "./stored-history.ts";

export interface ScaledService {
  isEnabled: boolean;
  isDryRun: boolean;
  /** `autoscaling_config` as it stands in its row. */
  config: Readonly<Record<string, unknown>> | null;
  bounds: ReplicaBounds;
  /** As many replicas as are wanted now. */
  wanted: number;
  /** Those that serve. */
  ready: readonly ReadyReplica[];
  /** Null before the first look. */
  memory: Memory | null;
}

export interface ReadyReplica {
  id: string;
  cores: number;
  /** The use of its processor since its container's last start; null where its host has reported nothing. */
  cpu: { ms: number; reportedAt: number } | null;
}

/** What a gateway that lives has of the service. */
export interface GatewayLoad {
  id: string;
  /** Null: it may have anything. */
  reported: { at: number; inFlight: number; held: number; requests: number } | null;
}

interface Memory {
  checkedAt: number;
  /** As many as it wishes, or would. */
  requested: number;
  /** Whatever was stored; what is no history is none. */
  history: unknown;
  counts: readonly StoredCount[];
}

export interface ScalingCheck {
  decision: Decision;
  /** What the decision began with. */
  from: number;
  memory: Memory & { history: StoredHistory | null };
}

export function checkScaling(
  service: ScaledService,
  gateways: readonly GatewayLoad[],
  now: number,
): ScalingCheck {
  const { isEnabled, isDryRun, bounds, ready, memory } = service;
  const counts = countsAfter(memory?.counts ?? [], countsReported(ready, gateways), now);
  const parsed = parseAutoscalingConfig(service.config);
  if (!parsed.valid) {
    const decision: Decision = { kind: "stays", sentence: problemsReason(parsed.problems) };
    const { wanted } = service;
    return { decision, from: wanted, memory: { checkedAt: now, requested: wanted, history: null, counts } };
  }
  const { config } = parsed;
  const isLeft = !scalesByItself({ isEnabled, isPaused: config.isPaused, isDryRun });
  const isRecent = memory !== null && now - memory.checkedAt <= MAX_GAP_MS && memory.checkedAt <= now;
  const wanted = isLeft && isRecent ? memory.requested : service.wanted;
  const samples = [...ratesOf(counts).map(possible), ...inFlight(gateways, counts)];
  const { decision, history } = evaluate({
    now,
    isEnabled,
    isDryRun,
    config,
    bounds,
    wanted,
    readyReplicas: ready.map(({ id }) => id),
    gateways: gateways.map(({ id }) => id),
    samples,
    waitingRequests: isLeft && wanted === 0 ? Math.ceil(demanded(samples)) : held(gateways),
    history: parseHistory(memory?.history),
  });
  const requested = decision.kind === "stays" ? wanted : decision.replicas;
  return {
    decision,
    from: wanted,
    memory: { checkedAt: now, requested, history: storedHistory(history), counts },
  };
}

/** All of them, one after the other. */
function problemsReason(problems: readonly Reason[]): Reason {
  return { code: "in-sequence", params: { reasons: problems } };
}

/** So that a replica's rate is percent of its own cores. */
const MS_OF_A_PERCENT = 10;

function countsReported(ready: readonly ReadyReplica[], gateways: readonly GatewayLoad[]): Count[] {
  return [
    ...ready.flatMap(({ id, cores, cpu }) =>
      cpu === null
        ? []
        : [
            {
              metric: "cpu" as const,
              source: id,
              count: cpu.ms / (MS_OF_A_PERCENT * cores),
              reportedAt: cpu.reportedAt,
            },
          ],
    ),
    ...gateways.flatMap(({ id, reported }) =>
      reported === null
        ? []
        : [{ metric: "qps" as const, source: id, count: reported.requests, reportedAt: reported.at }],
    ),
  ];
}

/**
 * A replica has no more processor than was ordered for it. What its host counts is a claim: beyond that one host would
 * make a service as large as it may be, at its payer's cost.
 */
const MOST_PERCENT = 100;

function possible(sample: Sample): Sample {
  return sample.metric === "cpu" ? { ...sample, value: Math.min(sample.value, MOST_PERCENT) } : sample;
}

/** As old as what the same gateway counted. */
function inFlight(gateways: readonly GatewayLoad[], counts: readonly StoredCount[]): Sample[] {
  return gateways.flatMap(({ id, reported }) => {
    const counted = counts.find(({ metric, source }) => metric === "qps" && source === id);
    if (reported === null || counted === undefined) return [];
    return [
      {
        metric: "in_flight" as const,
        source: id,
        value: reported.inFlight + reported.held,
        at: counted.seenAt,
      },
    ];
  });
}

function held(gateways: readonly GatewayLoad[]): number {
  return gateways.reduce((sum, { reported }) => sum + (reported?.held ?? 0), 0);
}

/** Where it only would be asleep, others are answered and nobody waits. */
function demanded(samples: readonly Sample[]): number {
  return samples.reduce((sum, { metric, value }) => (metric === "cpu" ? sum : sum + value), 0);
}
