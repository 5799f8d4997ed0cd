/** Events as the API shows them, of whatever they tell. */
import { z } from "@hono/zod-openapi";
import type { EventRow } from "../../store/events/events.ts";
import { pageOf, toPage } from "../request/pagination.ts";
import { Timestamp } from "../request/route.ts";
import { REASON_FIELDS, storedReason } from "../request/reason-answer.ts";

const Event = z
  .object({
    id: z.int(),
    at: Timestamp,
    kind: z.string().openapi({
      description: "What happened: `status`, `run-ended`, `host-connection` and the like",
      example: "status",
    }),
    actor: z.string().nullable(),
    old: z.string().nullable().openapi({ description: "What was before", example: "queued" }),
    new: z.string().nullable().openapi({ description: "What is since", example: "creating" }),
    reason: z.string().nullable().openapi({ description: "Why, in a sentence", example: "placed on gpu-07" }),
    reason_code: REASON_FIELDS.reason_code.openapi({
      description: "Why, as a word for programs; as-reported where it is a text alone",
      example: "instance-placed",
    }),
    reason_params: REASON_FIELDS.reason_params.openapi({
      description: "The names and numbers of the reason, by their names",
      example: { epoch: 2, host_id: "host-7" },
    }),
    instance_id: z.string().nullable(),
    host_id: z.string().nullable(),
    gpu_uuid: z.string().nullable().openapi({
      description: "The GPU",
      example: "GPU-8f3a2b1c-4d5e-6f70-8192-a3b4c5d6e7f8",
    }),
    trace_id: z.string().nullable().openapi({
      description: "The trace of the request, report or pass that caused it; null: not known",
      example: "4bf92f3577b34da6a3ce929d0e0e4736",
    }),
  })
  .openapi("Event");

export const EventPage = pageOf(Event);
export type EventPage = z.infer<typeof EventPage>;

export function eventPage(rows: readonly EventRow[], limit: number): z.input<typeof EventPage> {
  return toPage(rows, limit, { item: eventAnswer, key: (row) => [row.id] });
}

function eventAnswer(row: EventRow): z.input<typeof Event> {
  const { workload_kind: _kind, workload_id: _id, ...visible } = row;
  return { ...visible, ...storedReason(row.reason, row), at: row.at.toISOString() };
}
