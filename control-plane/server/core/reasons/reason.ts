/** Every reason that the control plane gives: a code with parameters. What it says stands in english/ and chinese/. */
import { isReasonOf, type ParametersOf } from "@remotegpu/shared/reasons/parameters";
import {
  HOST_REASON_CODES,
  type HostReason,
  type HostReasonCode,
  SEQUENCE_CODES,
} from "@remotegpu/shared/reasons/host-reports/host-reason";
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import { REFUSAL_CODES } from "../refusals/codes/refusals.ts";
import { ACCESS_METHOD_CODES, LEASE_CODES } from "./codes/access.ts";
import { ALARM_CODES, ALERT_CODES } from "./codes/alarms.ts";
import { EVENT_CODES } from "./codes/events.ts";
import { HOST_ADDRESS_CODES, HOST_CODES, LINK_CODES } from "./codes/hosts.ts";
import { PLACEMENT_CODES, GPU_REQUEST_CODES, IMPOSSIBILITY_CODES } from "./codes/placement.ts";
import { POOL_PROOF_CODES } from "./codes/pools.ts";
import { ENVIRONMENT_CODES } from "./codes/environments.ts";
import { IMAGE_CODES } from "./codes/images.ts";
import { JOB_CODES } from "./codes/jobs.ts";
import { START_CODES, WAITING_CODES } from "./codes/waiting.ts";
import { ROLLOUT_CODES, SCALING_CODES, SERVICE_CODES } from "./codes/services.ts";
import { ORDER_CODES } from "./codes/orders.ts";
import { PRICE_CODES } from "./codes/prices.ts";
import { RUN_CODES, GPU_FAULT_CODES, WAIVER_CODES } from "./codes/runs.ts";
import { GANG_CODES } from "./codes/gangs.ts";
import { UPGRADE_CODES } from "./codes/upgrades.ts";

const OWN_REASON_CODES = {
  ...SEQUENCE_CODES,
  ...ACCESS_METHOD_CODES,
  ...LEASE_CODES,
  ...ALARM_CODES,
  ...ALERT_CODES,
  ...EVENT_CODES,
  ...GPU_REQUEST_CODES,
  ...HOST_CODES,
  ...POOL_PROOF_CODES,
  ...HOST_ADDRESS_CODES,
  ...LINK_CODES,
  ...PLACEMENT_CODES,
  ...ENVIRONMENT_CODES,
  ...IMAGE_CODES,
  ...JOB_CODES,
  ...SERVICE_CODES,
  ...ROLLOUT_CODES,
  ...SCALING_CODES,
  ...REFUSAL_CODES,
  ...WAITING_CODES,
  ...START_CODES,
  ...ORDER_CODES,
  ...PRICE_CODES,
  ...IMPOSSIBILITY_CODES,
  ...RUN_CODES,
  ...WAIVER_CODES,
  ...GANG_CODES,
  ...GPU_FAULT_CODES,
  ...UPGRADE_CODES,
} as const;

/** A host's reason holds none of ours, so that each of its own is one of these as it is. */
export const REASON_CODES = { ...HOST_REASON_CODES, ...OWN_REASON_CODES } as const;

export type ReasonCode = HostReasonCode | keyof typeof OWN_REASON_CODES;

/** The codes that have no parameters. */
export type PlainCode = {
  [Code in ReasonCode]: keyof (typeof REASON_CODES)[Code] extends never ? Code : never;
}[ReasonCode];

/** Codes without parameters are one member together: the compiler compares no more than a thousand with each other. */
export type Reason =
  | HostReason
  | { readonly code: PlainCode; readonly params: Readonly<Record<string, never>> }
  | {
      [Code in OwnCode]: {
        readonly code: Code;
        readonly params: ParametersOf<(typeof OWN_REASON_CODES)[Code], Reason>;
      };
    }[OwnCode];

type OwnCode = Exclude<keyof typeof OWN_REASON_CODES, PlainCode>;

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
