/** Which values of a workload's variables whoever looks has got; the others are hidden, and no order takes them. */
import type { Environment } from "@remotegpu/control-plane/client/generated/api.schemas";

export type Variables = Environment["env_vars"];

/** The question for one workload that is answered the values, too; it is in the audit log. */
export const withValues = { env_vars: "values" } as const;

/** Names whose values whoever looks has not got. */
export function hiddenNames(variables: Variables): string[] {
  return Object.entries(variables ?? {}).flatMap(([name, value]) =>
    typeof value === "string" ? [] : [name],
  );
}

export function knownValues(variables: Variables): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables ?? {}).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
}
