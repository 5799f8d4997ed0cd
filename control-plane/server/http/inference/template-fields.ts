/** Parts of a service's config that each of its revisions has for itself, beside where its replicas may go. */
import { z } from "@hono/zod-openapi";
import { MAX_STOP_GRACE_SECONDS } from "@remotegpu/shared/instance/instance";
import { Command } from "../workloads/order-fields.ts";

export const templateFields = {
  command: Command.optional().openapi({
    description: "Runs in place of the image's own",
    example: "python3 serve.py",
  }),
  port: z.int().min(1).max(65_535).optional().openapi({
    description: "Where each replica listens, also given to it as PORT; 8000, if left out",
    example: 8080,
  }),
  stop_grace_seconds: z.int().min(1).max(MAX_STOP_GRACE_SECONDS).optional().openapi({
    description: "From the word to end to the kill; 30, if left out. What is used of a chosen one is charged",
    example: 60,
  }),
};
