/** The newest drill of a host as the API shows it, and why its certificate does not do. */
import { z } from "@hono/zod-openapi";
import { DRILL_FAULTS, DRILL_RESULTS, isDrillPassed } from "@remotegpu/shared/messages/drill-report";
import { isHostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { drillObstacle } from "../../core/hosts/drill-freshness.ts";
import { heldDrill } from "../../store/hosts/host-drills.ts";
import type { HostRow } from "../../store/hosts/hosts.ts";
import {
  namedReason,
  REASON_FIELDS,
  reasonAnswer,
  reasonCode,
  reasonParams,
} from "../request/reason-answer.ts";
import { Timestamp } from "../request/route.ts";

const HostDrill = z
  .object({
    passed: z
      .boolean()
      .openapi({ description: "Whether every fault was played and survived", example: true }),
    ended_at: Timestamp.describe("When it was over, by the host's clock, but never later than it was heard"),
    version: z.string().openapi({ description: "The agent's release", example: "0.2.0" }),
    canary: z.string().openapi({
      description: "The instance under which it was played",
      example: "env-4f1d2c7a90b3",
    }),
    faults: z.array(
      z.object({
        fault: z.enum(DRILL_FAULTS).openapi({ description: "Which one", example: "agent-kill" }),
        kind: z.enum(["real", "simulated"]).openapi({
          description: "simulated: the agent was made to see it, the host itself had none",
          example: "real",
        }),
        result: z.enum(DRILL_RESULTS).openapi({ description: "What came of it", example: "passed" }),
        seconds: z.number().openapi({
          description: "From its beginning until all was well again, or was given up",
          example: 7.2,
        }),
        reason: z.string().nullable().openapi({
          description: "What did not hold; null: all did",
          example: "The canary did not run any more.",
        }),
        ...REASON_FIELDS,
      }),
    ),
  })
  .openapi("HostDrill");

export const DRILL_FIELDS = {
  drill: HostDrill.nullable(),
  drill_detail: z.string().nullable().openapi({
    description:
      "Why its certificate does not do where the policy wants one; null: it does, or none is wanted",
    example: "it has no certificate of a drill",
  }),
  drill_detail_code: reasonCode("host-undrilled"),
  drill_detail_params: reasonParams(),
};

export function drillAnswer({
  drill: row,
  agent_version: version,
}: Pick<HostRow, "drill" | "agent_version">) {
  const drill = heldDrill(row.newest);
  const host = { version, driver: row.driver, gpus: row.gpus };
  const obstacle =
    row.max_days === null
      ? null
      : drillObstacle(drill, { host, maxDays: Number(row.max_days), nowMs: row.read_ms });
  return {
    ...namedReason("drill_detail", obstacle),
    drill: drill && {
      passed: isDrillPassed(drill.document),
      ended_at: new Date(drill.endedAtMs).toISOString(),
      version: drill.document.version,
      canary: drill.document.canary,
      faults: drill.document.faults.map(({ reason, ...fault }) => ({
        ...fault,
        ...reasonAnswer(isHostReason(reason) ? reason : null),
      })),
    },
  };
}
