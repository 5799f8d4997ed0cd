/**
 * What no zod schema says of itself, each with an example: by `Schema.field`, or by the field's name alone where it means
 * the same everywhere; `/segment/{name}` are parameters of paths and `?name` of queries. A test finds fields without a
 * description, descriptions without a field, and examples that do not fit.
 */
import { DEFAULT_DESCRIPTIONS } from "./defaults.ts";
import type { Descriptions } from "./description.ts";
import { PARAMETER_DESCRIPTIONS } from "./parameters.ts";
import { PROOF_DESCRIPTIONS } from "./proof.ts";
import { REFERENCE_DESCRIPTIONS } from "./references.ts";

export const DESCRIPTIONS: Descriptions = {
  ...PARAMETER_DESCRIPTIONS,
  ...DEFAULT_DESCRIPTIONS,
  ...REFERENCE_DESCRIPTIONS,
  ...PROOF_DESCRIPTIONS,
};
