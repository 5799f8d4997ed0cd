/** Parts of a service's config that each of its revisions has for itself, beside where its replicas may go. */
import { z } from "@hono/zod-openapi";
import { MAX_STOP_GRACE_SECONDS } from "@remotegpu/shared/instance/instance";
import { Command } from "../workloads/order-fields.ts";

export const templateFields = {
  command: Command.optional(),
  port: z.int().min(1).max(65_535).optional(),
  stop_grace_seconds: z.int().min(1).max(MAX_STOP_GRACE_SECONDS).optional(),
};
