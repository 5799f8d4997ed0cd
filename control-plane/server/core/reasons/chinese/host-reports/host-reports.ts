/** What hosts report, in Chinese. */
import type { HostReasonCode } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { Message } from "@remotegpu/shared/reasons/messages";
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import { IMAGE_REPORT_CHINESE } from "./images.ts";
import { DEVICE_REPORT_CHINESE, PROBE_REPORT_CHINESE } from "./probes.ts";
import { DISK_REPORT_CHINESE, RUN_REPORT_CHINESE, START_REPORT_CHINESE } from "./runs.ts";

export const HOST_REPORT_CHINESE: Readonly<Record<HostReasonCode, Message>> = {
  [AS_REPORTED]: "{text}",
  "in-sequence": "{reasons}",
  ...RUN_REPORT_CHINESE,
  ...START_REPORT_CHINESE,
  ...DISK_REPORT_CHINESE,
  ...IMAGE_REPORT_CHINESE,
  ...PROBE_REPORT_CHINESE,
  ...DEVICE_REPORT_CHINESE,
};
