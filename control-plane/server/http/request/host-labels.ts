/**
 * Labels by which hosts are told apart ("rack", "zone"): administrators put them on hosts, and orders ask for them. Both
 * follow one rule, so that whatever a host carries can be ordered.
 */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "./input-failure.ts";
import { displayText } from "@remotegpu/shared/values/text";

const Key = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
    inputFailure({ code: "label-key-malformed", params: { max_characters: 63 } }),
  );

export function hostLabels({ most }: { most: number }) {
  return z
    .record(Key, displayText(63))
    .refine(
      (labels) => Object.keys(labels).length <= most,
      inputFailure({ code: "labels-too-many", params: { max_labels: most } }),
    );
}
