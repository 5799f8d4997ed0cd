/**
 * What the fields of requests and answers mean, each with an example: by `Schema.field`, or by its name alone where it
 * means the same everywhere; `/segment/{name}` are parameters of paths and `?name` of queries. Only what no zod schema says
 * of itself stands here. A test finds fields without a word, words without a field, and examples that do not fit.
 */
import { ACCESS_DESCRIPTIONS } from "./access.ts";
import { ACCOUNT_DESCRIPTIONS } from "./accounts.ts";
import { BILL_DESCRIPTIONS } from "./bills.ts";
import { CODE_DESCRIPTIONS } from "./code.ts";
import { FLEET_DESCRIPTIONS } from "./fleet.ts";
import { PARAMETER_DESCRIPTIONS } from "./parameters.ts";
import { PROOF_DESCRIPTIONS } from "./proof.ts";
import { SERVICE_DESCRIPTIONS } from "./services.ts";
import { TRAFFIC_DESCRIPTIONS } from "./traffic.ts";
import type { Descriptions } from "./description.ts";
import { TRAINING_DESCRIPTIONS } from "./training.ts";
import { WORKLOAD_DESCRIPTIONS } from "./workloads.ts";

export const DESCRIPTIONS: Descriptions = {
  ...PARAMETER_DESCRIPTIONS,
  ...ACCOUNT_DESCRIPTIONS,
  ...WORKLOAD_DESCRIPTIONS,
  ...TRAINING_DESCRIPTIONS,
  ...SERVICE_DESCRIPTIONS,
  ...TRAFFIC_DESCRIPTIONS,
  ...ACCESS_DESCRIPTIONS,
  ...CODE_DESCRIPTIONS,
  ...BILL_DESCRIPTIONS,
  ...PROOF_DESCRIPTIONS,
  ...FLEET_DESCRIPTIONS,
};
