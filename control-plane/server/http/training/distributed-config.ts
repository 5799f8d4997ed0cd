/** How the ranks of an order find each other, as it comes in. */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { text } from "@remotegpu/shared/values/text";
import { FRAMEWORKS, RENDEZVOUS } from "../../core/training/rank-environment.ts";

const MAX_BACKEND = 32;

export const DistributedConfig = z
  .strictObject({
    framework: z.enum(FRAMEWORKS).openapi({
      description:
        "Whose variables each rank finds; of mpi and horovod the command runs on rank 0 alone, which starts the processes of all",
      example: "pytorch",
    }),
    backend: text(MAX_BACKEND)
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.:,-]*$/, inputFailure("plain-word-malformed"))
      .optional()
      .openapi({ description: "Given to the program as REMOTEGPU_BACKEND", example: "nccl" }),
    rdzv: z.enum(RENDEZVOUS).optional().openapi({
      description: "How torchrun's processes find each other; static without it",
    }),
  })
  .openapi("DistributedConfig");
