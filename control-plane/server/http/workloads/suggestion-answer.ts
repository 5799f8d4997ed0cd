/** What would start a waiting order, as its people read it: the field of the order and the value, in the order's units. */
import { z } from "@hono/zod-openapi";
import { MIB, THOUSANDTHS } from "@remotegpu/shared/values/units";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { workloadOf } from "../../core/workloads/start.ts";
import type { Suggestion } from "../../core/queue/suggestions.ts";
import { workspaceIdsOf } from "../../store/accounts/workspaces.ts";
import type { ApiContext } from "../deps.ts";
import { namedReason, reasonCode, reasonParams } from "../request/reason-answer.ts";
import type { RoutedKind } from "./routed-kind.ts";
import { workloadThing } from "./workload-thing.ts";

const SECONDS_PER_MINUTE = 60;

export const SuggestionAnswer = z
  .object({
    /** Null where nothing of the order needs to change. */
    field: z.string().nullable().openapi({
      description: "What to change; null where nothing of the order needs to change",
      example: "gpu",
    }),
    /** With this, all else unchanged, it would start now. Sizes are bytes. Null where the field has to go. */
    value: z.union([z.number(), z.string()]).nullable().openapi({
      description:
        "With this, all else unchanged, it would start now. Sizes are bytes. Null where the field has to go",
      example: 1,
    }),
    /** The work to wait for, where it may be seen. */
    wait_for: z.string().nullable().openapi({
      description: "The work to wait for, where it may be seen",
      example: "job-3c9a72d1",
    }),
    /** By when that has promised to end. */
    until: z.string().nullable().openapi({
      description: "By when that has promised to end",
      example: "2026-03-01T09:00:00Z",
    }),
    sentence: z.string().openapi({
      description: "The same for people",
      example: "With gpu = 1 it would start now.",
    }),
    sentence_code: reasonCode("would-start-with-gpus"),
    sentence_params: reasonParams({ gpus: 1 }),
  })
  .openapi("Suggestion");
type SuggestionAnswer = z.input<typeof SuggestionAnswer>;

/** @param kinds those that work to be waited for may be of */
export async function suggestionAnswer(
  c: ApiContext,
  suggestion: Suggestion,
  kinds: readonly RoutedKind[],
): Promise<SuggestionAnswer> {
  if (suggestion.change === "wait") return await toWait(c, suggestion, kinds);
  const { field, value, reason } = fieldChange(suggestion);
  return { field, value, wait_for: null, until: null, ...namedReason("sentence", reason) };
}

interface FieldChange {
  field: string;
  value: string | number | null;
  reason: Reason;
}

function fieldChange(suggestion: Exclude<Suggestion, { change: "wait" }>): FieldChange {
  switch (suggestion.change) {
    case "cpu": {
      const cores = suggestion.cpuMilli / THOUSANDTHS;
      return { field: "cpu", value: cores, reason: { code: "would-start-with-cores", params: { cores } } };
    }
    case "memory":
    case "temp-storage":
    case "gpu-memory":
      return sizeChange(suggestion);
    case "gpu": {
      const { count: gpus } = suggestion;
      return { field: "gpu", value: gpus, reason: { code: "would-start-with-gpus", params: { gpus } } };
    }
    case "gpu-model": {
      const { model } = suggestion;
      const reason: Reason = { code: "would-start-on-model", params: { gpu_model: model } };
      return { field: "config.gpu_model", value: model, reason };
    }
    case "label": {
      const { without: label } = suggestion;
      const reason: Reason = { code: "would-start-without-label", params: { label } };
      return { field: `config.host_labels.${label}`, value: null, reason };
    }
    case "instances": {
      const { count: instances } = suggestion;
      const reason: Reason = { code: "would-start-with-instances", params: { instances } };
      return { field: "node_count", value: instances, reason };
    }
    case "limit": {
      const minutes = suggestion.seconds / SECONDS_PER_MINUTE;
      const reason: Reason = { code: "would-start-within-minutes", params: { minutes } };
      return { field: "config.max_minutes", value: minutes, reason };
    }
  }
}

type SizeChange = Extract<Suggestion, { change: "memory" | "temp-storage" | "gpu-memory" }>;

function sizeChange(suggestion: SizeChange): FieldChange {
  switch (suggestion.change) {
    case "memory": {
      const bytes = suggestion.memoryMib * MIB;
      const reason: Reason = { code: "would-start-with-memory", params: { memory_bytes: bytes } };
      return { field: "memory", value: bytes, reason };
    }
    case "temp-storage": {
      const bytes = suggestion.tempStorageMib * MIB;
      const reason: Reason = { code: "would-start-with-temp-storage", params: { temp_storage_bytes: bytes } };
      return { field: "temp_storage", value: bytes, reason };
    }
    case "gpu-memory": {
      const bytes = suggestion.memoryMib * MIB;
      const reason: Reason = { code: "would-start-with-gpu-memory", params: { gpu_memory_bytes: bytes } };
      return { field: "gpu_memory", value: bytes, reason };
    }
  }
}

/** Whose work it is, is only for those who may see that. */
async function toWait(
  c: ApiContext,
  { workload: name, endsAtMs }: Extract<Suggestion, { change: "wait" }>,
  kinds: readonly RoutedKind[],
): Promise<SuggestionAnswer> {
  const { kind, id } = workloadOf(name);
  const routed = kinds.find((one) => one.kind === kind);
  const isSeen = routed !== undefined && (await isVisible(c, await routed.byId(c.var.deps.db, id)));
  const workload = isSeen ? workloadThing(routed.what, id) : reasonOf("workload-of-another-customer");
  const until = endsAtMs === null ? null : new Date(endsAtMs).toISOString();
  return {
    field: null,
    value: null,
    wait_for: isSeen ? id : null,
    until,
    ...namedReason(
      "sentence",
      until === null
        ? { code: "would-start-after", params: { workload } }
        : { code: "would-start-after-by", params: { workload, until } },
    ),
  };
}

async function isVisible(
  c: ApiContext,
  row: { customer_id: number; workspace_id: number | null } | null,
): Promise<boolean> {
  const { actor, deps } = c.var;
  if (actor.isAdmin) return true;
  if (row === null) return false;
  if (row.workspace_id === null) return row.customer_id === actor.customerId;
  return (await workspaceIdsOf(deps.db, actor.customerId)).includes(row.workspace_id);
}
