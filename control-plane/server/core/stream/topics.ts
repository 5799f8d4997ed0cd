/**
 * What a stream may be about, and who may hear it. A topic is named as it stands in the request; those of one workload or
 * host carry its id. It knows nothing of requests or rows.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { KeyScope } from "../accounts/key-scopes.ts";

/** The topics of one request: a page has a handful, and one stream serves all tabs of a browser. */
export const MAX_TOPICS = 100;
const MAX_ID_LENGTH = 128;

const PLAIN_TOPICS = ["fleet", "queue", "alarms", "workloads", "billing", "gpu", "cost"] as const;
type PlainTopic = (typeof PLAIN_TOPICS)[number];

const KIND_OF: Readonly<Record<string, WorkloadKind>> = {
  env: "environment",
  job: "training",
  service: "inference",
};
const PREFIX_OF: Readonly<Record<WorkloadKind, string>> = {
  environment: "env",
  training: "job",
  inference: "service",
};

export type Topic =
  | { kind: "plain"; name: PlainTopic }
  | { kind: "host"; id: string }
  | { kind: "workload"; workload: WorkloadKind; id: string };

export function workloadTopic(kind: WorkloadKind, id: string): string {
  return `${PREFIX_OF[kind]}:${id}`;
}

/** Null for what is none. */
export function topicOf(name: string): Topic | null {
  const plain = PLAIN_TOPICS.find((one) => one === name);
  if (plain !== undefined) return { kind: "plain", name: plain };
  const [, prefix = "", id = ""] = /^([a-z]+):(.+)$/su.exec(name) ?? [];
  if (id === "" || id.length > MAX_ID_LENGTH || id.includes("\0")) return null;
  if (prefix === "host") return { kind: "host", id };
  const workload = Object.hasOwn(KIND_OF, prefix) ? KIND_OF[prefix] : undefined;
  return workload === undefined ? null : { kind: "workload", workload, id };
}

/** By commas, each once; empty for a text without any. */
export function topicNames(text: string): string[] {
  return [...new Set(text.split(",").map((name) => name.trim()))].filter((name) => name !== "");
}

/** To whom a workload belongs; without a workspace that is open, to its customer alone. */
export interface Owner {
  customerId: number | null;
  workspaceId: number | null;
}

/** What its key and its account let somebody see now. */
export interface Sight {
  isAdmin: boolean;
  customerId: number;
  scopes: ReadonlySet<KeyScope>;
  /** In which they are active. */
  workspaceIds: ReadonlySet<number>;
  /** Whose bills they see, their own account's among them. */
  payerIds: ReadonlySet<number>;
}

export function seesWorkload(sight: Sight, { customerId, workspaceId }: Owner): boolean {
  if (sight.isAdmin) return true;
  return workspaceId === null ? customerId === sight.customerId : sight.workspaceIds.has(workspaceId);
}

/** @param owner of a workload's topic; null where there is no such workload, which looks like one of others */
export function mayHear(sight: Sight, topic: Topic, owner: Owner | null): boolean {
  switch (topic.kind) {
    case "host":
      return sight.isAdmin && sight.scopes.has("read");
    case "workload":
      return sight.scopes.has("read") && owner !== null && seesWorkload(sight, owner);
    case "plain":
      return mayHearPlain(sight, topic.name);
  }
}

function mayHearPlain({ isAdmin, scopes }: Sight, name: PlainTopic): boolean {
  switch (name) {
    case "fleet":
    case "alarms":
      return isAdmin && scopes.has("read");
    case "queue":
    case "workloads":
    case "gpu":
      return scopes.has("read");
    case "billing":
    case "cost":
      return scopes.has("money");
  }
}
