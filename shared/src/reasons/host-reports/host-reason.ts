/**
 * The reasons that hosts report: codes with parameters that agent and control plane share, with their English texts, which
 * stand beside them in every message. Their other languages are the control plane's.
 */
import type { Message } from "../messages.ts";
import { ENGLISH_PUNCTUATION } from "../english-punctuation.ts";
import { isReasonOf, type ParametersOf } from "../parameters.ts";
import { AS_REPORTED, type Language } from "../wording.ts";
import { CANARY_CODES } from "./codes/canary.ts";
import { FILE_REQUEST_CODES, FILE_UPLOAD_CODES, POOL_FILE_CODES, SEALED_FILE_CODES } from "./codes/files.ts";
import { FINDING_CODES } from "./codes/gangs.ts";
import { GPU_CLOSURE_CODES, GPU_READING_CODES, GPU_SIGN_CODES } from "./codes/gpus.ts";
import { COMMAND_REFUSAL_CODES, OUTPUT_REFUSAL_CODES } from "./codes/requests.ts";
import { IMAGE_REPORT_CODES } from "./codes/images.ts";
import { LEASE_REPORT_CODES, SERVICE_REPORT_CODES } from "./codes/leases.ts";
import { KERNEL_CODES, PROGRAM_FAULT_CODES, RECOVERY_CODES } from "./codes/kernel.ts";
import { DEVICE_REPORT_CODES, PROBE_REPORT_CODES } from "./codes/probes.ts";
import { DISK_REPORT_CODES, RUN_REPORT_CODES, START_REPORT_CODES } from "./codes/runs.ts";
import { DRILL_CODES } from "./codes/drills.ts";
import { UPGRADE_CODES } from "./codes/upgrades.ts";
import { XID_MEANING_CODES } from "./codes/xids.ts";
import { CANARY_ENGLISH } from "./english/canary.ts";
import {
  FILE_REQUEST_ENGLISH,
  FILE_UPLOAD_ENGLISH,
  POOL_FILE_ENGLISH,
  SEALED_FILE_ENGLISH,
} from "./english/files.ts";
import { FINDING_ENGLISH } from "./english/gangs.ts";
import { GPU_CLOSURE_ENGLISH, GPU_READING_ENGLISH, GPU_SIGN_ENGLISH } from "./english/gpus.ts";
import { COMMAND_REFUSAL_ENGLISH, OUTPUT_REFUSAL_ENGLISH } from "./english/requests.ts";
import { IMAGE_REPORT_ENGLISH } from "./english/images.ts";
import { LEASE_REPORT_ENGLISH, SERVICE_REPORT_ENGLISH } from "./english/leases.ts";
import { KERNEL_ENGLISH, PROGRAM_FAULT_ENGLISH, RECOVERY_ENGLISH } from "./english/kernel.ts";
import { DEVICE_REPORT_ENGLISH, PROBE_REPORT_ENGLISH } from "./english/probes.ts";
import { DISK_REPORT_ENGLISH, RUN_REPORT_ENGLISH, START_REPORT_ENGLISH } from "./english/runs.ts";
import { DRILL_ENGLISH } from "./english/drills.ts";
import { UPGRADE_ENGLISH } from "./english/upgrades.ts";
import { XID_MEANING_ENGLISH } from "./english/xids.ts";

/** Several reasons, one after the other. */
export const SEQUENCE_CODES = { "in-sequence": { reasons: "wholes" } } as const;

export const HOST_REASON_CODES = {
  [AS_REPORTED]: { text: "text" },
  ...SEQUENCE_CODES,
  ...RUN_REPORT_CODES,
  ...START_REPORT_CODES,
  ...DISK_REPORT_CODES,
  ...IMAGE_REPORT_CODES,
  ...PROBE_REPORT_CODES,
  ...DEVICE_REPORT_CODES,
  ...LEASE_REPORT_CODES,
  ...SERVICE_REPORT_CODES,
  ...FINDING_CODES,
  ...PROGRAM_FAULT_CODES,
  ...RECOVERY_CODES,
  ...KERNEL_CODES,
  ...XID_MEANING_CODES,
  ...GPU_SIGN_CODES,
  ...GPU_READING_CODES,
  ...GPU_CLOSURE_CODES,
  ...CANARY_CODES,
  ...COMMAND_REFUSAL_CODES,
  ...OUTPUT_REFUSAL_CODES,
  ...POOL_FILE_CODES,
  ...FILE_REQUEST_CODES,
  ...FILE_UPLOAD_CODES,
  ...SEALED_FILE_CODES,
  ...UPGRADE_CODES,
  ...DRILL_CODES,
} as const;

export type HostReasonCode = keyof typeof HOST_REASON_CODES;

/** The codes that have no parameters. */
export type PlainHostCode = {
  [Code in HostReasonCode]: keyof (typeof HOST_REASON_CODES)[Code] extends never ? Code : never;
}[HostReasonCode];

/** Codes without parameters are one member together. */
export type HostReason =
  | { readonly code: PlainHostCode; readonly params: Readonly<Record<string, never>> }
  | {
      [Code in Exclude<HostReasonCode, PlainHostCode>]: {
        readonly code: Code;
        readonly params: ParametersOf<(typeof HOST_REASON_CODES)[Code], HostReason>;
      };
    }[Exclude<HostReasonCode, PlainHostCode>];

export const HOST_MESSAGES: Readonly<Record<HostReasonCode, Message>> = {
  [AS_REPORTED]: "{text}",
  "in-sequence": "{reasons}",
  ...RUN_REPORT_ENGLISH,
  ...START_REPORT_ENGLISH,
  ...DISK_REPORT_ENGLISH,
  ...IMAGE_REPORT_ENGLISH,
  ...PROBE_REPORT_ENGLISH,
  ...DEVICE_REPORT_ENGLISH,
  ...LEASE_REPORT_ENGLISH,
  ...SERVICE_REPORT_ENGLISH,
  ...FINDING_ENGLISH,
  ...PROGRAM_FAULT_ENGLISH,
  ...RECOVERY_ENGLISH,
  ...KERNEL_ENGLISH,
  ...XID_MEANING_ENGLISH,
  ...GPU_SIGN_ENGLISH,
  ...GPU_READING_ENGLISH,
  ...GPU_CLOSURE_ENGLISH,
  ...CANARY_ENGLISH,
  ...COMMAND_REFUSAL_ENGLISH,
  ...OUTPUT_REFUSAL_ENGLISH,
  ...POOL_FILE_ENGLISH,
  ...FILE_REQUEST_ENGLISH,
  ...FILE_UPLOAD_ENGLISH,
  ...SEALED_FILE_ENGLISH,
  ...UPGRADE_ENGLISH,
  ...DRILL_ENGLISH,
};

export const HOST_ENGLISH: Language = {
  shapes: HOST_REASON_CODES,
  messages: HOST_MESSAGES,
  punctuation: ENGLISH_PUNCTUATION,
};

/** Whether it is one of this version's, with all that its texts need. */
export function isHostReason(value: unknown): value is HostReason {
  return isReasonOf(HOST_REASON_CODES, value);
}
