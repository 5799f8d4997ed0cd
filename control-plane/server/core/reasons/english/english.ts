/** What each reason says in English, the language of the API. */
import type { Message } from "@remotegpu/shared/reasons/messages";
import { ENGLISH_PUNCTUATION } from "@remotegpu/shared/reasons/english-punctuation";
import { HOST_MESSAGES } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { type Language, wordingOf } from "@remotegpu/shared/reasons/wording";
import { type Reason, REASON_CODES, type ReasonCode } from "../reason.ts";
import { REFUSAL_ENGLISH } from "../../refusals/english/refusals.ts";
import { ACCESS_METHOD_ENGLISH, LEASE_ENGLISH } from "./access.ts";
import { ALARM_ENGLISH, ALERT_ENGLISH } from "./alarms.ts";
import { EVENT_ENGLISH } from "./events.ts";
import { HOST_ADDRESS_ENGLISH, HOST_ENGLISH, LINK_ENGLISH } from "./hosts.ts";
import { PLACEMENT_ENGLISH, GPU_REQUEST_ENGLISH, IMPOSSIBILITY_ENGLISH } from "./placement.ts";
import { POOL_PROOF_ENGLISH } from "./pools.ts";
import { ENVIRONMENT_ENGLISH } from "./environments.ts";
import { IMAGE_ENGLISH } from "./images.ts";
import { JOB_ENGLISH } from "./jobs.ts";
import { START_ENGLISH, WAITING_ENGLISH } from "./waiting.ts";
import { ROLLOUT_ENGLISH, SCALING_ENGLISH, SERVICE_ENGLISH } from "./services.ts";
import { ORDER_ENGLISH } from "./orders.ts";
import { PRICE_ENGLISH } from "./prices.ts";
import { RUN_ENGLISH, GPU_FAULT_ENGLISH, WAIVER_ENGLISH } from "./runs.ts";
import { GANG_ENGLISH } from "./gangs.ts";
import { UPGRADE_ENGLISH } from "./upgrades.ts";

const MESSAGES: Readonly<Record<ReasonCode, Message>> = {
  ...HOST_MESSAGES,
  ...ACCESS_METHOD_ENGLISH,
  ...LEASE_ENGLISH,
  ...ALARM_ENGLISH,
  ...ALERT_ENGLISH,
  ...EVENT_ENGLISH,
  ...GPU_REQUEST_ENGLISH,
  ...HOST_ENGLISH,
  ...POOL_PROOF_ENGLISH,
  ...HOST_ADDRESS_ENGLISH,
  ...LINK_ENGLISH,
  ...PLACEMENT_ENGLISH,
  ...ENVIRONMENT_ENGLISH,
  ...IMAGE_ENGLISH,
  ...JOB_ENGLISH,
  ...SERVICE_ENGLISH,
  ...ROLLOUT_ENGLISH,
  ...SCALING_ENGLISH,
  ...REFUSAL_ENGLISH,
  ...WAITING_ENGLISH,
  ...START_ENGLISH,
  ...ORDER_ENGLISH,
  ...PRICE_ENGLISH,
  ...IMPOSSIBILITY_ENGLISH,
  ...RUN_ENGLISH,
  ...WAIVER_ENGLISH,
  ...GANG_ENGLISH,
  ...GPU_FAULT_ENGLISH,
  ...UPGRADE_ENGLISH,
};

export const ENGLISH: Language = {
  shapes: REASON_CODES,
  messages: MESSAGES,
  punctuation: ENGLISH_PUNCTUATION,
};

/** A phrase or a sentence, as the code has it. */
export function inEnglish(reason: Reason): string {
  return wordingOf(reason, ENGLISH);
}
