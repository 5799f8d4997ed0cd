/** Every refusal of the API by its code. */
import { VALUE_CODES } from "@remotegpu/shared/values/value-failure";
import { ACCESS_CODES } from "./access.ts";
import { ACCOUNT_CODES } from "./account.ts";
import { DATA_CODES } from "./data.ts";
import { ENVIRONMENT_CODES } from "./environment.ts";
import { FIELD_CODES } from "./field.ts";
import { FILE_CODES } from "./file.ts";
import { GATEWAY_CODES } from "./gateway.ts";
import { TERMINAL_CODES } from "./terminal.ts";
import { HOST_CODES } from "./host.ts";
import { INPUT_CODES } from "./input.ts";
import { JOB_CODES } from "./job.ts";
import { MONEY_CODES } from "./money.ts";
import { ORDER_FIELD_CODES } from "./order.ts";
import { REQUEST_CODES } from "./request.ts";
import { SCHEMA_CODES } from "./schema.ts";
import { SIGN_ON_CODES } from "./sign-on.ts";
import { STATE_CODES } from "./state.ts";
import { THING_CODES } from "./thing.ts";
import { WORKLOAD_CODES } from "./workload.ts";

export const REFUSAL_CODES = {
  ...ACCESS_CODES,
  ...ACCOUNT_CODES,
  ...DATA_CODES,
  ...ENVIRONMENT_CODES,
  ...FIELD_CODES,
  ...FILE_CODES,
  ...GATEWAY_CODES,
  ...TERMINAL_CODES,
  ...HOST_CODES,
  ...INPUT_CODES,
  ...JOB_CODES,
  ...MONEY_CODES,
  ...ORDER_FIELD_CODES,
  ...REQUEST_CODES,
  ...SCHEMA_CODES,
  ...SIGN_ON_CODES,
  ...STATE_CODES,
  ...THING_CODES,
  ...VALUE_CODES,
  ...WORKLOAD_CODES,
} as const;
