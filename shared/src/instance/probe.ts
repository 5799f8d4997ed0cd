/** How a replica is asked whether it serves. Outside the spec hash; an order with one needs the feature "probes". */
import { z } from "zod";
import { valueFailure } from "../values/value-failure.ts";

const MAX_THRESHOLD = 100;
const MAX_PATH_LENGTH = 1_024;
const MAX_STARTUP_SECONDS = 3_600;

/** What stands in a request line as it is; a fragment is never sent, and "\" is "/" to some. */
const ORIGIN_FORM = /^\/(?!\/)[!-~]*$/;
const NEVER_SENT = /[#\\]/;
/** A part of dots, written plainly or not: servers take it for another path than the one that is read here. */
const DOTS = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|\?|$)/i;

/** A path of the replica itself and never a URL: what it is asked for cannot lead anywhere else. */
export const HealthPath = z
  .string()
  .max(MAX_PATH_LENGTH)
  .regex(ORIGIN_FORM, valueFailure("request-path-malformed", {}))
  .refine((path) => !NEVER_SENT.test(path), valueFailure("request-path-with-fragment", {}))
  .refine((path) => !DOTS.test(path), valueFailure("request-path-with-dots", {}));

export const Probe = z.object({
  /** Null: it serves as soon as its port accepts a connection. */
  path: HealthPath.nullable(),
  port: z.int().min(1).max(65_535),
  /** Once it has served; before that it is asked much more often. */
  intervalSeconds: z.int().min(1).max(3_600),
  /** From its container's start until it serves for the first time; absent: 600. */
  startupSeconds: z.int().min(1).max(MAX_STARTUP_SECONDS).optional(),
  /** Each counts answers in a row. */
  thresholds: z.object({
    /** Until it counts as serving. */
    success: z.int().min(1).max(MAX_THRESHOLD),
    /** Until it does not. */
    failure: z.int().min(1).max(MAX_THRESHOLD),
    /** Until its container is started again; absent: 5. */
    restart: z.int().min(1).max(MAX_THRESHOLD).optional(),
  }),
});
export type Probe = z.infer<typeof Probe>;
