/** Which values of a workload's variables whoever looks has got; the others are hidden, and no order takes them. */
import type { ShownEnvVars } from "@remotegpu/control-plane/http/workloads/shown-env-vars";

export type Variables = ShownEnvVars;

export function knownValues(variables: Variables): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables ?? {}).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
}
