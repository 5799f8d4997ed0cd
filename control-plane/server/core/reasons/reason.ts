/** Every reason that the control plane gives: a code with parameters. What it says stands in english/ and chinese/. */
import { isReasonOf, type ParametersOf } from "@remotegpu/shared/reasons/parameters";
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import { REFUSAL_CODES } from "../refusals/codes/refusals.ts";
import { ALARM_CODES, ALERT_CODES } from "./codes/alarms.ts";
import { EVENT_CODES } from "./codes/events.ts";
import { HOST_CODES } from "./codes/hosts.ts";
import { PLACEMENT_CODES, GPU_REQUEST_CODES, IMPOSSIBILITY_CODES } from "./codes/placement.ts";
import { ENVIRONMENT_CODES } from "./codes/environments.ts";
import { IMAGE_CODES } from "./codes/images.ts";
import { JOB_CODES } from "./codes/jobs.ts";
import { ROLLOUT_CODES, SCALING_CODES, SERVICE_CODES } from "./codes/services.ts";
import { WAITING_CODES } from "./codes/waiting.ts";
import { ORDER_CODES } from "./codes/orders.ts";
import { PRICE_CODES } from "./codes/prices.ts";
import { RUN_CODES, GPU_FAULT_CODES, WAIVER_CODES } from "./codes/runs.ts";
import { GANG_CODES } from "./codes/gangs.ts";

export const REASON_CODES = {
  [AS_REPORTED]: { text: "text" },
  ...ALARM_CODES,
  ...ALERT_CODES,
  ...EVENT_CODES,
  ...GPU_REQUEST_CODES,
  ...HOST_CODES,
  ...PLACEMENT_CODES,
  ...ENVIRONMENT_CODES,
  ...IMAGE_CODES,
  ...JOB_CODES,
  ...SERVICE_CODES,
  ...ROLLOUT_CODES,
  ...SCALING_CODES,
  ...REFUSAL_CODES,
  ...WAITING_CODES,
  ...ORDER_CODES,
  ...PRICE_CODES,
  ...IMPOSSIBILITY_CODES,
  ...RUN_CODES,
  ...WAIVER_CODES,
  ...GANG_CODES,
  ...GPU_FAULT_CODES,
} as const;

export type ReasonCode = keyof typeof REASON_CODES;

/** The codes that have no parameters. */
export type PlainCode = {
  [Code in ReasonCode]: keyof (typeof REASON_CODES)[Code] extends never ? Code : never;
}[ReasonCode];

/** Codes without parameters are one member together: the compiler compares no more than a thousand with each other. */
export type Reason =
  | { readonly code: PlainCode; readonly params: Readonly<Record<string, never>> }
  | {
      [Code in Exclude<ReasonCode, PlainCode>]: {
        readonly code: Code;
        readonly params: ParametersOf<(typeof REASON_CODES)[Code], Reason>;
      };
    }[Exclude<ReasonCode, PlainCode>];

/** What a host, a person or an older version says in words of its own. */
export function asReported(text: string): Reason;
export function asReported(text: string | null): Reason | null;
export function asReported(text: string | null): Reason | null {
  return text === null ? null : { code: AS_REPORTED, params: { text } };
}

/** Whether it is one of this version's reasons, with all that its texts need. */
export function isReason(value: unknown): value is Reason {
  return isReasonOf(REASON_CODES, value);
}
