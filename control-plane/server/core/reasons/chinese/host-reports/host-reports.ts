/** What hosts report, in Chinese. */
import type { HostReasonCode } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { Message } from "@remotegpu/shared/reasons/messages";
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import { CANARY_CHINESE } from "./canary.ts";
import { KERNEL_CHINESE, PROGRAM_FAULT_CHINESE, RECOVERY_CHINESE } from "./kernel.ts";
import {
  FILE_REQUEST_CHINESE,
  FILE_UPLOAD_CHINESE,
  POOL_FILE_CHINESE,
  SEALED_FILE_CHINESE,
} from "./files.ts";
import { FINDING_CHINESE } from "./gangs.ts";
import { GPU_CLOSURE_CHINESE, GPU_READING_CHINESE, GPU_SIGN_CHINESE } from "./gpus.ts";
import { COMMAND_REFUSAL_CHINESE, OUTPUT_REFUSAL_CHINESE } from "./requests.ts";
import { LEASE_REPORT_CHINESE, SERVICE_REPORT_CHINESE } from "./leases.ts";
import { IMAGE_REPORT_CHINESE } from "./images.ts";
import { DEVICE_REPORT_CHINESE, PROBE_REPORT_CHINESE } from "./probes.ts";
import { DISK_REPORT_CHINESE, RUN_REPORT_CHINESE, START_REPORT_CHINESE } from "./runs.ts";
import { DRILL_CHINESE } from "./drills.ts";
import { UPGRADE_CHINESE } from "./upgrades.ts";
import { XID_MEANING_CHINESE } from "./xids.ts";

export const HOST_REPORT_CHINESE: Readonly<Record<HostReasonCode, Message>> = {
  [AS_REPORTED]: "{text}",
  "in-sequence": "{reasons}",
  ...RUN_REPORT_CHINESE,
  ...START_REPORT_CHINESE,
  ...DISK_REPORT_CHINESE,
  ...IMAGE_REPORT_CHINESE,
  ...PROBE_REPORT_CHINESE,
  ...DEVICE_REPORT_CHINESE,
  ...LEASE_REPORT_CHINESE,
  ...SERVICE_REPORT_CHINESE,
  ...FINDING_CHINESE,
  ...PROGRAM_FAULT_CHINESE,
  ...RECOVERY_CHINESE,
  ...KERNEL_CHINESE,
  ...XID_MEANING_CHINESE,
  ...GPU_SIGN_CHINESE,
  ...GPU_READING_CHINESE,
  ...GPU_CLOSURE_CHINESE,
  ...CANARY_CHINESE,
  ...COMMAND_REFUSAL_CHINESE,
  ...OUTPUT_REFUSAL_CHINESE,
  ...POOL_FILE_CHINESE,
  ...FILE_REQUEST_CHINESE,
  ...FILE_UPLOAD_CHINESE,
  ...SEALED_FILE_CHINESE,
  ...UPGRADE_CHINESE,
  ...DRILL_CHINESE,
};
