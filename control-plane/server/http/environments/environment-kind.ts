/** Environments among the kinds of workload: what their list is narrowed by, what is shown, and their verbs. */
import { displayText } from "@remotegpu/shared/values/text";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/values/workload";
import { z } from "@hono/zod-openapi";
import { environmentById, lockEnvironment } from "../../store/environments/environments.ts";
import { environmentTimesOf } from "../../store/environments/environment-times.ts";
import { emptyFleet } from "../../store/fleet/empty-fleet.ts";
import {
  deleteEnvironment,
  restartEnvironment,
  startEnvironment,
  stopEnvironment,
} from "../../store/orders/environment-orders.ts";
import { NamePart, routedKind } from "../workloads/routed-kind.ts";
import { onFleet } from "./environment-access.ts";
import { Environment, environmentAnswer } from "./environment-answer.ts";

/** Those that a container's first process begins. */
const STARTED_SERVICES = ["jupyter", "tensorboard", "rdp"];

export const ENVIRONMENTS = routedKind({
  kind: "environment",
  path: "environments",
  what: "environment",
  many: "environments",
  schema: "Environment",
  summaryOfOne: "One environment with its instances, their GPUs, time and charges",
  endsByItself: false,
  hasRanks: false,
  services: STARTED_SERVICES,
  filters: {
    status: z.enum(ENVIRONMENT_STATUSES).optional(),
    host_id: z.string().max(64).pipe(displayText(64)).optional(),
    name: NamePart,
  },
  Answer: Environment,
  answer: environmentAnswer,
  known: environmentTimesOf,
  byId: environmentById,
  orders: {
    lock: lockEnvironment,
    answered: { status: 202, description: "The environment, pending" },
    verbs: [
      {
        name: "start",
        summary: "Start it again, where its files are",
        problems: [402],
        async prepare({ fleet }) {
          const recent = await fleet.recent();
          return async (sql, environment, context) => {
            // Within the transaction everything is asked through it: whoever holds a connection must not wait for another.
            const checks = { recent: () => Promise.resolve(recent), anew: () => emptyFleet(sql) };
            return await onFleet(checks, (fleet) =>
              startEnvironment(sql, environment, { ...context, fleet }),
            );
          };
        },
      },
      {
        name: "stop",
        summary: "Stop it; code and output stay",
        prepare: () => stopEnvironment,
      },
      {
        name: "restart",
        summary: "Stop and start it in its place",
        problems: [402],
        prepare:
          ({ deps: { newId } }) =>
          (sql, environment, context) =>
            restartEnvironment(sql, environment, { ...context, newId }),
      },
    ],
    deletion: deleteEnvironment,
    ending: deleteEnvironment,
  },
});
