/**
 * Labels by which hosts are told apart ("rack", "zone"): administrators put them on hosts, and orders ask for them. Both
 * follow one rule, so that whatever a host carries can be ordered.
 */
import { z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/values/text";

const Key = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
    "must be 1 to 63 letters, digits, ., _, / and -, the first a letter or digit",
  );

export function hostLabels({ most }: { most: number }) {
  return z
    .record(Key, displayText(63))
    .refine((labels) => Object.keys(labels).length <= most, `at most ${most} labels`);
}
