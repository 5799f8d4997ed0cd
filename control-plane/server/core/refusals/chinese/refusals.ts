/** What each refusal says in Chinese. */
import { ACCESS_CHINESE } from "./access.ts";
import { ACCOUNT_CHINESE } from "./account.ts";
import { DATA_CHINESE } from "./data.ts";
import { ENVIRONMENT_CHINESE } from "./environment.ts";
import { FIELD_CHINESE } from "./field.ts";
import { FILE_CHINESE } from "./file.ts";
import { GATEWAY_CHINESE } from "./gateway.ts";
import { TERMINAL_CHINESE } from "./terminal.ts";
import { HOST_CHINESE } from "./host.ts";
import { INPUT_CHINESE } from "./input.ts";
import { JOB_CHINESE } from "./job.ts";
import { MONEY_CHINESE } from "./money.ts";
import { ORDER_FIELD_CHINESE } from "./order.ts";
import { REQUEST_CHINESE } from "./request.ts";
import { SCHEMA_CHINESE } from "./schema.ts";
import { SIGN_ON_CHINESE } from "./sign-on.ts";
import { STATE_CHINESE } from "./state.ts";
import { THING_CHINESE } from "./thing.ts";
import { VALUE_CHINESE } from "./value.ts";
import { WORKLOAD_CHINESE } from "./workload.ts";

export const REFUSAL_CHINESE = {
  ...ACCESS_CHINESE,
  ...ACCOUNT_CHINESE,
  ...DATA_CHINESE,
  ...ENVIRONMENT_CHINESE,
  ...FIELD_CHINESE,
  ...FILE_CHINESE,
  ...GATEWAY_CHINESE,
  ...TERMINAL_CHINESE,
  ...HOST_CHINESE,
  ...INPUT_CHINESE,
  ...JOB_CHINESE,
  ...MONEY_CHINESE,
  ...ORDER_FIELD_CHINESE,
  ...REQUEST_CHINESE,
  ...SCHEMA_CHINESE,
  ...SIGN_ON_CHINESE,
  ...STATE_CHINESE,
  ...THING_CHINESE,
  ...VALUE_CHINESE,
  ...WORKLOAD_CHINESE,
};
