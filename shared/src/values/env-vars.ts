/**
 * A customer's environment variables: any text, passed literally to the container by the runtime's API and
 * never through a shell or a command line. What the product itself sets is reserved.
 */
import { z } from "zod";
import { valueFailure } from "./value-failure.ts";
import { KIB } from "./units.ts";
import { text } from "./text.ts";

export const MAX_ENV_VARS = 64;
export const MAX_ENV_BYTES = 32 * KIB;
const TOO_MANY = valueFailure("env-vars-too-many", { max_variables: MAX_ENV_VARS });
const TOO_LARGE = valueFailure("env-vars-too-large", { max_bytes: MAX_ENV_BYTES });
const RESERVED = /^(NVIDIA_.*|LD_.*|CUDA_VISIBLE_DEVICES|GEMINI_.*)$/;

export const EnvVarName = z
  .string()
  .max(256)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, valueFailure("env-var-name-malformed", {}))
  .refine((name) => !RESERVED.test(name), valueFailure("env-var-name-reserved", {}));

export const EnvVars = z
  .record(EnvVarName, text(MAX_ENV_BYTES))
  .refine((vars) => Object.keys(vars).length <= MAX_ENV_VARS, TOO_MANY)
  .refine((vars) => envBytes(vars) <= MAX_ENV_BYTES, TOO_LARGE);
export type EnvVars = z.infer<typeof EnvVars>;

/** Bytes as the kernel counts them: NAME=value and the closing NUL of each. */
function envBytes(vars: Record<string, string>): number {
  const encoder = new TextEncoder();
  return Object.entries(vars).reduce(
    (sum, [name, value]) => sum + encoder.encode(name + value).length + 2,
    0,
  );
}
