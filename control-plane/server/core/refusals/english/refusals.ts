/** What each refusal says in English. */
import { ACCESS_ENGLISH } from "./access.ts";
import { ACCOUNT_ENGLISH } from "./account.ts";
import { DATA_ENGLISH } from "./data.ts";
import { ENVIRONMENT_ENGLISH } from "./environment.ts";
import { FIELD_ENGLISH } from "./field.ts";
import { FILE_ENGLISH } from "./file.ts";
import { GATEWAY_ENGLISH } from "./gateway.ts";
import { TERMINAL_ENGLISH } from "./terminal.ts";
import { HOST_ENGLISH } from "./host.ts";
import { INPUT_ENGLISH } from "./input.ts";
import { JOB_ENGLISH } from "./job.ts";
import { MONEY_ENGLISH } from "./money.ts";
import { ORDER_FIELD_ENGLISH } from "./order.ts";
import { REQUEST_ENGLISH } from "./request.ts";
import { SCHEMA_ENGLISH } from "./schema.ts";
import { SIGN_ON_ENGLISH } from "./sign-on.ts";
import { STATE_ENGLISH } from "./state.ts";
import { THING_ENGLISH } from "./thing.ts";
import { VALUE_ENGLISH } from "./value.ts";
import { WORKLOAD_ENGLISH } from "./workload.ts";

export const REFUSAL_ENGLISH = {
  ...ACCESS_ENGLISH,
  ...ACCOUNT_ENGLISH,
  ...DATA_ENGLISH,
  ...ENVIRONMENT_ENGLISH,
  ...FIELD_ENGLISH,
  ...FILE_ENGLISH,
  ...GATEWAY_ENGLISH,
  ...TERMINAL_ENGLISH,
  ...HOST_ENGLISH,
  ...INPUT_ENGLISH,
  ...JOB_ENGLISH,
  ...MONEY_ENGLISH,
  ...ORDER_FIELD_ENGLISH,
  ...REQUEST_ENGLISH,
  ...SCHEMA_ENGLISH,
  ...SIGN_ON_ENGLISH,
  ...STATE_ENGLISH,
  ...THING_ENGLISH,
  ...VALUE_ENGLISH,
  ...WORKLOAD_ENGLISH,
};
