/** What an operator should look at, and that somebody has: most alarms are of something that does not end by itself. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import type { Connection } from "../../store/database/database.ts";
import { ABOUT_KINDS, alarmSubjects } from "../../store/overview/alarm-subjects.ts";
import { type AlarmRow, clearAlarmById, listAlarms } from "../../store/events/alarms.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, pageQuery, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, iso, NumericIdPath, ok, Timestamp } from "../request/route.ts";
import { REASON_FIELDS, storedReason } from "../request/reason-answer.ts";

const tags = ["fleet"];

const Alarm = z
  .object({
    id: z.int(),
    kind: z.string().openapi({ description: "What it is about", example: "placement-overdue" }),
    subject: z.string().openapi({ description: "What it concerns", example: "env-5b1f6c0e" }),
    detail: z.string().nullable().openapi({
      description: "What happened and what to do",
      example: "The stop is overdue since 08:00.",
    }),
    reason_code: REASON_FIELDS.reason_code.openapi({
      description: "The reason as a word for programs; as-reported where it is a text alone",
      example: "gpu-not-listed",
    }),
    reason_params: REASON_FIELDS.reason_params.openapi({
      description: "The names and numbers of the reason, by their names",
      example: { gpu_uuid: "GPU-5a3f", host_id: "host-7" },
    }),
    raised_at: Timestamp.describe("When it began"),
    cleared_at: Timestamp.nullable().describe("When it ended or was acknowledged; null: it is open"),
    about: z
      .object({
        kind: z.enum(ABOUT_KINDS).describe("What kind of thing it is"),
        id: z.string().openapi({ description: "Which one", example: "gpu-host-1" }),
        host_id: z.string().nullable().openapi({
          description: "Of a card: the host that has it",
          example: "gpu-host-1",
        }),
      })
      .nullable()
      .openapi({ description: "What its subject names; null where that is nothing with a page" }),
  })
  .openapi("Alarm");
type Alarm = z.infer<typeof Alarm>;

const Alarms = pageOf(Alarm);
export type Alarms = z.infer<typeof Alarms>;

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/alarms",
  tags,
  summary: "What needs an operator; newest first",
  request: {
    query: z.strictObject({
      ...pageQuery,
      open: z.enum(["true", "false"]).optional(),
      kind: text(64).min(1).optional(),
      subject: text(256).min(1).optional().openapi({
        description: "Only those whose subject has this part, in capitals or not",
        example: "host-91d3e7b4",
      }),
    }),
  },
  responses: ok("A page of alarms", Alarms),
});

const clear = createRoute({
  ...forAdmins,
  method: "post",
  path: "/alarms/{id}/clear",
  tags,
  summary: "Acknowledge it; a condition that persists or returns raises a new one",
  request: { params: NumericIdPath },
  responses: ok("The alarm", Alarm),
});

export function registerAlarmRoutes(api: ApiApp, { db, now }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { open, kind = null, subject = null, ...query } = c.req.valid("query");
    const page = numericPage(query);
    const rows = await listAlarms(
      db,
      { open: open === undefined ? null : open === "true", kind, subject },
      page,
    );
    const item = await alarmAnswers(db, rows);
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.id] }), 200);
  });

  api.openapi(clear, async (c) => {
    const { id } = c.req.valid("param");
    return await once(c, async (sql) => {
      const row = await clearAlarmById(sql, { id, now: now() });
      if (row === null) throw notFound({ code: "named-alarm", params: { alarm_id: id } });
      return c.json((await alarmAnswers(sql, [row]))(row), 200);
    });
  });
}

async function alarmAnswers(sql: Connection, rows: readonly AlarmRow[]): Promise<(row: AlarmRow) => Alarm> {
  const about = await alarmSubjects(
    sql,
    rows.map(({ subject }) => subject),
  );
  return (row) => ({
    ...row,
    ...storedReason(row.detail, row),
    raised_at: row.raised_at.toISOString(),
    cleared_at: iso(row.cleared_at),
    about: about.get(row.subject) ?? null,
  });
}
