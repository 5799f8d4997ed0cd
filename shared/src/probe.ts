/** How a replica is asked whether it serves. Outside the spec hash; an order with one needs the feature "probes". */
import { z } from "zod";

const MAX_THRESHOLD = 100;

export const Probe = z.object({
  path: z
    .string()
    .regex(/^\/[!-~]*$/)
    .max(1_024),
  port: z.int().min(1).max(65_535),
  intervalSeconds: z.int().min(1).max(3_600),
  /** So many answers in a row until it counts as serving, and so many failures until it does not. */
  thresholds: z.object({
    success: z.int().min(1).max(MAX_THRESHOLD),
    failure: z.int().min(1).max(MAX_THRESHOLD),
  }),
});
