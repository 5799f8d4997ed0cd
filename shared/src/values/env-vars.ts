/**
 * A customer's environment variables: any text, passed literally to the container by the runtime's API and
 * never through a shell or a command line. What the product itself sets is reserved.
 */
import { z } from "zod";
import { KIB } from "./units.ts";
import { text } from "./text.ts";

export const MAX_ENV_VARS = 64;
export const MAX_ENV_BYTES = 32 * KIB;
const RESERVED = /^(NVIDIA_.*|LD_.*|CUDA_VISIBLE_DEVICES|GEMINI_.*)$/;

export const EnvVarName = z
  .string()
  .max(256)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name of letters, digits and _")
  .refine((name) => !RESERVED.test(name), "is reserved for the product");

export const EnvVars = z
  .record(EnvVarName, text(MAX_ENV_BYTES))
  .refine((vars) => Object.keys(vars).length <= MAX_ENV_VARS, `at most ${MAX_ENV_VARS} variables`)
  .refine((vars) => envBytes(vars) <= MAX_ENV_BYTES, `at most ${MAX_ENV_BYTES} bytes in all`);
export type EnvVars = z.infer<typeof EnvVars>;

/** Bytes as the kernel counts them: NAME=value and the closing NUL of each. */
function envBytes(vars: Record<string, string>): number {
  const encoder = new TextEncoder();
  return Object.entries(vars).reduce(
    (sum, [name, value]) => sum + encoder.encode(name + value).length + 2,
    0,
  );
}
