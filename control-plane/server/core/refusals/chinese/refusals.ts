/** What each refusal says in Chinese. */
import { ACCESS_CHINESE } from "./access.ts";
import { ACCOUNT_CHINESE } from "./account.ts";
import { DATA_CHINESE } from "./data.ts";
import { ENVIRONMENT_CHINESE } from "./environment.ts";
import { FILE_CHINESE } from "./file.ts";
import { HOST_CHINESE } from "./host.ts";
import { INPUT_CHINESE } from "./input.ts";
import { JOB_CHINESE } from "./job.ts";
import { MONEY_CHINESE } from "./money.ts";
import { REQUEST_CHINESE } from "./request.ts";
import { STATE_CHINESE } from "./state.ts";
import { THING_CHINESE } from "./thing.ts";
import { WORKLOAD_CHINESE } from "./workload.ts";

export const REFUSAL_CHINESE = {
  ...ACCESS_CHINESE,
  ...ACCOUNT_CHINESE,
  ...DATA_CHINESE,
  ...ENVIRONMENT_CHINESE,
  ...FILE_CHINESE,
  ...HOST_CHINESE,
  ...INPUT_CHINESE,
  ...JOB_CHINESE,
  ...MONEY_CHINESE,
  ...REQUEST_CHINESE,
  ...STATE_CHINESE,
  ...THING_CHINESE,
  ...WORKLOAD_CHINESE,
};
