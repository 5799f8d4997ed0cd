/** What would start a waiting order, as its people read it: the field of the order and the value, in the order's units. */
import { z } from "@hono/zod-openapi";
import { wholeSize } from "@remotegpu/shared/values/size-text";
import { MIB, THOUSANDTHS } from "@remotegpu/shared/values/units";
import { workloadOf } from "../../core/workloads/start.ts";
import type { Suggestion } from "../../core/queue/suggestions.ts";
import { workspaceIdsOf } from "../../store/accounts/workspaces.ts";
import type { ApiContext } from "../deps.ts";
import type { RoutedKind } from "./routed-kind.ts";

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
  })
  .openapi("Suggestion");
type SuggestionAnswer = z.input<typeof SuggestionAnswer>;

/** @param kinds those that work to be waited for may be of */
export async function suggestionAnswer(
  c: ApiContext,
  suggestion: Suggestion,
  kinds: readonly RoutedKind[],
): Promise<SuggestionAnswer> {
  switch (suggestion.change) {
    case "cpu": {
      const cores = suggestion.cpuMilli / THOUSANDTHS;
      return toField("cpu", cores, cores === 1 ? `with 1 core` : `with ${cores} cores`);
    }
    case "memory":
      return toField("memory", suggestion.memoryMib * MIB, `with ${inWords(suggestion.memoryMib)} of memory`);
    case "temp-storage":
      return toField(
        "temp_storage",
        suggestion.tempStorageMib * MIB,
        `with ${inWords(suggestion.tempStorageMib)} of temporary storage`,
      );
    case "gpu":
      return toField("gpu", suggestion.count, `with ${suggestion.count} GPU`);
    case "gpu-memory":
      return toField(
        "gpu_memory",
        suggestion.memoryMib * MIB,
        `with ${inWords(suggestion.memoryMib)} of GPU memory`,
      );
    case "gpu-model":
      return toField("config.gpu_model", suggestion.model, `on ${suggestion.model}`);
    case "label":
      return toField(
        `config.host_labels.${suggestion.without}`,
        null,
        `without the label ${suggestion.without}`,
      );
    case "instances": {
      const { count } = suggestion;
      return toField("node_count", count, count === 1 ? `with 1 instance` : `with ${count} instances`);
    }
    case "limit": {
      const minutes = suggestion.seconds / SECONDS_PER_MINUTE;
      const limit =
        minutes === 1 ? `with a time limit of 1 minute` : `with a time limit of ${minutes} minutes`;
      return toField("config.max_minutes", minutes, limit);
    }
    case "wait":
      return await toWait(c, suggestion, kinds);
  }
}

function toField(field: string, value: string | number | null, change: string): SuggestionAnswer {
  const sentence = `${change.charAt(0).toUpperCase()}${change.slice(1)} it would start now.`;
  return { field, value, wait_for: null, until: null, sentence };
}

function inWords(mib: number): string {
  return wholeSize(mib * MIB);
}

/** Whose work it is, is only for those who may see that. */
async function toWait(
  c: ApiContext,
  { workload, endsAtMs }: Extract<Suggestion, { change: "wait" }>,
  kinds: readonly RoutedKind[],
): Promise<SuggestionAnswer> {
  const { kind, id } = workloadOf(workload);
  const routed = kinds.find((one) => one.kind === kind);
  const isSeen = routed !== undefined && (await isVisible(c, await routed.byId(c.var.deps.db, id)));
  const name = isSeen ? `${routed.what} ${id}` : "work of another customer";
  const until = endsAtMs === null ? null : new Date(endsAtMs).toISOString();
  return {
    field: null,
    value: null,
    wait_for: isSeen ? id : null,
    until,
    sentence: `It would start when ${name} has ended${until === null ? "" : `, by ${until} at the latest`}.`,
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
