/** What each reason says in Chinese. */
import type { Message } from "@remotegpu/shared/reasons/messages";
import type { Language } from "@remotegpu/shared/reasons/wording";
import { REASON_CODES, type ReasonCode } from "../reason.ts";
import { REFUSAL_CHINESE } from "../../refusals/chinese/refusals.ts";
import { ACCESS_METHOD_CHINESE, LEASE_CHINESE } from "./access.ts";
import { ALARM_CHINESE, ALERT_CHINESE } from "./alarms.ts";
import { EVENT_CHINESE } from "./events.ts";
import { HOST_REPORT_CHINESE } from "./host-reports/host-reports.ts";
import { HOST_ADDRESS_CHINESE, HOST_CHINESE, LINK_CHINESE } from "./hosts.ts";
import { PLACEMENT_CHINESE, GPU_REQUEST_CHINESE, IMPOSSIBILITY_CHINESE } from "./placement.ts";
import { POOL_PROOF_CHINESE } from "./pools.ts";
import { ENVIRONMENT_CHINESE } from "./environments.ts";
import { IMAGE_CHINESE } from "./images.ts";
import { JOB_CHINESE } from "./jobs.ts";
import { START_CHINESE, WAITING_CHINESE } from "./waiting.ts";
import { ROLLOUT_CHINESE, SCALING_CHINESE, SERVICE_CHINESE } from "./services.ts";
import { ORDER_CHINESE } from "./orders.ts";
import { PRICE_CHINESE } from "./prices.ts";
import { RUN_CHINESE, GPU_FAULT_CHINESE, WAIVER_CHINESE } from "./runs.ts";
import { GANG_CHINESE } from "./gangs.ts";
import { UPGRADE_CHINESE } from "./upgrades.ts";

const MESSAGES: Readonly<Record<ReasonCode, Message>> = {
  ...HOST_REPORT_CHINESE,
  ...ACCESS_METHOD_CHINESE,
  ...LEASE_CHINESE,
  ...ALARM_CHINESE,
  ...ALERT_CHINESE,
  ...EVENT_CHINESE,
  ...GPU_REQUEST_CHINESE,
  ...HOST_CHINESE,
  ...POOL_PROOF_CHINESE,
  ...HOST_ADDRESS_CHINESE,
  ...LINK_CHINESE,
  ...PLACEMENT_CHINESE,
  ...ENVIRONMENT_CHINESE,
  ...IMAGE_CHINESE,
  ...JOB_CHINESE,
  ...SERVICE_CHINESE,
  ...ROLLOUT_CHINESE,
  ...SCALING_CHINESE,
  ...REFUSAL_CHINESE,
  ...WAITING_CHINESE,
  ...START_CHINESE,
  ...ORDER_CHINESE,
  ...PRICE_CHINESE,
  ...IMPOSSIBILITY_CHINESE,
  ...RUN_CHINESE,
  ...WAIVER_CHINESE,
  ...GANG_CHINESE,
  ...GPU_FAULT_CHINESE,
  ...UPGRADE_CHINESE,
};

export const CHINESE: Language = {
  shapes: REASON_CODES,
  messages: MESSAGES,
  punctuation: {
    stop: "。",
    betweenSentences: "",
    betweenPhrases: "、",
    betweenAll: "、",
    betweenAlternatives: " 或 ",
    betweenHosts: "；",
    afterHost: "：",
    moreNames: (more) => `，另有 ${more} 个`,
    moreHosts: (more) => `；另有 ${more} 台主机`,
  },
};
