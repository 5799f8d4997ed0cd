/**
 * What the fields of requests and answers mean, each with an example: by `Schema.field`, or by its name alone where it
 * means the same everywhere; `/segment/{name}` are parameters of paths and `?name` of queries. Only what no zod schema says
 * of itself stands here. A test finds fields without a word, words without a field, and examples that do not fit.
 */
import { ACCESS_WORDS } from "./access-words.ts";
import { ACCOUNT_WORDS } from "./account-words.ts";
import { BILL_WORDS } from "./bill-words.ts";
import { CODE_WORDS } from "./code-words.ts";
import { FLEET_WORDS } from "./fleet-words.ts";
import { PARAMETER_WORDS } from "./parameter-words.ts";
import { PROOF_WORDS } from "./proof-words.ts";
import { SERVICE_WORDS } from "./service-words.ts";
import { TRAFFIC_WORDS } from "./traffic-words.ts";
import type { Words } from "./word.ts";
import { TRAINING_WORDS } from "./training-words.ts";
import { WORKLOAD_WORDS } from "./workload-words.ts";

export const WORDS: Words = {
  ...PARAMETER_WORDS,
  ...ACCOUNT_WORDS,
  ...WORKLOAD_WORDS,
  ...TRAINING_WORDS,
  ...SERVICE_WORDS,
  ...TRAFFIC_WORDS,
  ...ACCESS_WORDS,
  ...CODE_WORDS,
  ...BILL_WORDS,
  ...PROOF_WORDS,
  ...FLEET_WORDS,
};
