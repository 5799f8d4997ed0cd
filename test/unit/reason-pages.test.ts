/** The pages that list the codes of reasons: `npm test -- test/unit/reason-pages.test.ts -u` writes them anew. */
import { ACCESS_METHOD_CODES, LEASE_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/access";
import { ALARM_CODES, ALERT_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/alarms";
import { ENVIRONMENT_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/environments";
import { EVENT_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/events";
import { GANG_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/gangs";
import {
  HOST_ADDRESS_CODES,
  HOST_CODES,
  LINK_CODES,
} from "@remotegpu/control-plane/server/core/reasons/codes/hosts";
import { IMAGE_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/images";
import { JOB_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/jobs";
import { ORDER_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/orders";
import {
  PLACEMENT_CODES,
  GPU_REQUEST_CODES,
  IMPOSSIBILITY_CODES,
} from "@remotegpu/control-plane/server/core/reasons/codes/placement";
import { POOL_PROOF_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/pools";
import { PRICE_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/prices";
import {
  RUN_CODES,
  GPU_FAULT_CODES,
  WAIVER_CODES,
} from "@remotegpu/control-plane/server/core/reasons/codes/runs";
import { UPGRADE_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/upgrades";
import { START_CODES, WAITING_CODES } from "@remotegpu/control-plane/server/core/reasons/codes/waiting";
import {
  ROLLOUT_CODES,
  SCALING_CODES,
  SERVICE_CODES,
} from "@remotegpu/control-plane/server/core/reasons/codes/services";
import { REASON_CODES } from "@remotegpu/control-plane/server/core/reasons/reason";
import { ACCESS_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/access";
import { ACCOUNT_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/account";
import { DATA_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/data";
import { ENVIRONMENT_CODES as ENVIRONMENT_REFUSALS } from "@remotegpu/control-plane/server/core/refusals/codes/environment";
import { FIELD_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/field";
import { FILE_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/file";
import { GATEWAY_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/gateway";
import { HOST_CODES as HOST_REFUSALS } from "@remotegpu/control-plane/server/core/refusals/codes/host";
import { INPUT_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/input";
import { JOB_CODES as JOB_REFUSALS } from "@remotegpu/control-plane/server/core/refusals/codes/job";
import { MONEY_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/money";
import { ORDER_FIELD_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/order";
import { REQUEST_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/request";
import { SCHEMA_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/schema";
import { SIGN_ON_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/sign-on";
import { STATE_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/state";
import { TERMINAL_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/terminal";
import { THING_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/thing";
import { WORKLOAD_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/workload";
import { UPGRADE_CODES as HOST_UPGRADE_CODES } from "@remotegpu/shared/reasons/host-reports/codes/upgrades";
import { CANARY_CODES } from "@remotegpu/shared/reasons/host-reports/codes/canary";
import { DRILL_CODES } from "@remotegpu/shared/reasons/host-reports/codes/drills";
import {
  FILE_REQUEST_CODES,
  FILE_UPLOAD_CODES,
  POOL_FILE_CODES,
  SEALED_FILE_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/files";
import { FINDING_CODES } from "@remotegpu/shared/reasons/host-reports/codes/gangs";
import {
  KERNEL_CODES,
  PROGRAM_FAULT_CODES,
  RECOVERY_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/kernel";
import {
  COMMAND_REFUSAL_CODES,
  OUTPUT_REFUSAL_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/requests";
import {
  GPU_CLOSURE_CODES,
  GPU_READING_CODES,
  GPU_SIGN_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/gpus";
import { IMAGE_REPORT_CODES } from "@remotegpu/shared/reasons/host-reports/codes/images";
import {
  LEASE_REPORT_CODES,
  SERVICE_REPORT_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/leases";
import { DEVICE_REPORT_CODES, PROBE_REPORT_CODES } from "@remotegpu/shared/reasons/host-reports/codes/probes";
import {
  DISK_REPORT_CODES,
  RUN_REPORT_CODES,
  START_REPORT_CODES,
} from "@remotegpu/shared/reasons/host-reports/codes/runs";
import { XID_MEANING_CODES } from "@remotegpu/shared/reasons/host-reports/codes/xids";
import { SEQUENCE_CODES } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { VALUE_CODES } from "@remotegpu/shared/values/value-failure";
import { expect, test } from "vitest";
import { codePage, type PageContents } from "../support/reasons/code-pages.ts";

const FOLDER = new URL("../../control-plane/docs/api/reasons/", import.meta.url).pathname;
const MAX_BYTES = 10 * 1024;

const PAGES: readonly PageContents[] = [
  {
    file: "waiting.md",
    title: "Codes of waiting and placement",
    families: [
      ["Waiting", WAITING_CODES],
      ["Placement", PLACEMENT_CODES],
      ["Impossible requests", IMPOSSIBILITY_CODES],
      ["Requested GPUs", GPU_REQUEST_CODES],
    ],
  },
  {
    file: "orders.md",
    title: "Codes of orders",
    families: [
      ["Orders", ORDER_CODES],
      ["What would start an order", START_CODES],
      ["Prices", PRICE_CODES],
      ["Images", IMAGE_CODES],
    ],
  },
  {
    file: "runs.md",
    title: "Codes of runs",
    families: [
      ["Runs", RUN_CODES],
      ["Free time", WAIVER_CODES],
      ["Environments", ENVIRONMENT_CODES],
    ],
  },
  {
    file: "services.md",
    title: "Codes of inference services",
    families: [
      ["Replicas", SERVICE_CODES],
      ["Versions", ROLLOUT_CODES],
      ["Autoscaling", SCALING_CODES],
    ],
  },
  {
    file: "jobs.md",
    title: "Codes of training jobs",
    families: [
      ["Training jobs", JOB_CODES],
      ["Ranks together", GANG_CODES],
    ],
  },
  {
    file: "hosts.md",
    title: "Codes of hosts",
    families: [
      ["Hosts", HOST_CODES],
      ["Proofs of storage pools", POOL_PROOF_CODES],
      ["Upgrades of the fleet's agents", UPGRADE_CODES],
      ["GPU faults", GPU_FAULT_CODES],
    ],
  },
  { file: "events.md", title: "Codes of events", families: [["Events", EVENT_CODES]] },
  {
    file: "host-reports.md",
    title: "Codes of what hosts report",
    families: [
      ["Sequences", SEQUENCE_CODES],
      ["Runs", RUN_REPORT_CODES],
      ["Starts", START_REPORT_CODES],
      ["Drills", DRILL_CODES],
    ],
  },
  {
    file: "host-findings.md",
    title: "Codes of what hosts find",
    families: [
      ["Disks", DISK_REPORT_CODES],
      ["Images", IMAGE_REPORT_CODES],
      ["Probes", PROBE_REPORT_CODES],
      ["Devices", DEVICE_REPORT_CODES],
      ["Preflight", FINDING_CODES],
      ["Canary", CANARY_CODES],
      ["Upgrades", HOST_UPGRADE_CODES],
      ["Commands", COMMAND_REFUSAL_CODES],
      ["Output", OUTPUT_REFUSAL_CODES],
    ],
  },
  {
    file: "host-ports.md",
    title: "Codes of leased ports and services of containers",
    families: [
      ["Leased ports", LEASE_REPORT_CODES],
      ["Services of containers", SERVICE_REPORT_CODES],
    ],
  },
  {
    file: "host-kernel.md",
    title: "Codes of the kernel logs of hosts",
    families: [
      ["Errors of programs", PROGRAM_FAULT_CODES],
      ["Recoveries", RECOVERY_CODES],
      ["Devices", KERNEL_CODES],
      ["Meanings of Xids", XID_MEANING_CODES],
    ],
  },
  {
    file: "host-files.md",
    title: "Codes of what hosts refuse of files",
    families: [
      ["Storage pools", POOL_FILE_CODES],
      ["Requests for files", FILE_REQUEST_CODES],
      ["Uploads", FILE_UPLOAD_CODES],
      ["Versions of datasets and models", SEALED_FILE_CODES],
    ],
  },
  {
    file: "host-gpus.md",
    title: "Codes of the health of GPUs",
    families: [
      ["Signs of failure", GPU_SIGN_CODES],
      ["Readings", GPU_READING_CODES],
      ["What closes a GPU", GPU_CLOSURE_CODES],
    ],
  },
  {
    file: "connections.md",
    title: "Codes of connections to hosts and environments",
    families: [
      ["Access to environments", ACCESS_METHOD_CODES],
      ["Ports of environments", LEASE_CODES],
      ["Host addresses", HOST_ADDRESS_CODES],
      ["Connection to hosts", LINK_CODES],
    ],
  },
  { file: "alarms.md", title: "Codes of alarms", families: [["Alarms", ALARM_CODES]] },
  { file: "alerts.md", title: "Codes of alerts", families: [["Alerts of accounts", ALERT_CODES]] },
  {
    file: "access.md",
    title: "Codes of refused access",
    families: [
      ["Keys and sessions", ACCESS_CODES],
      ["Accounts", ACCOUNT_CODES],
      ["Requests", REQUEST_CODES],
    ],
  },
  {
    file: "sign-on.md",
    title: "Codes of refused logins by single sign-on",
    families: [["Single sign-on", SIGN_ON_CODES]],
  },
  {
    file: "input.md",
    title: "Codes of refused input",
    families: [
      ["Input", INPUT_CODES],
      ["States", STATE_CODES],
      ["Names", THING_CODES],
    ],
  },
  {
    file: "fields.md",
    title: "Codes of wrong fields",
    families: [
      ["Types and sizes", SCHEMA_CODES],
      ["Forms", FIELD_CODES],
      ["Values", VALUE_CODES],
      ["Orders", ORDER_FIELD_CODES],
    ],
  },
  {
    file: "gateway.md",
    title: "Codes of the gateway",
    families: [
      ["Gateway", GATEWAY_CODES],
      ["Terminals in the browser", TERMINAL_CODES],
    ],
  },
  {
    file: "workloads.md",
    title: "Codes of refused requests about workloads",
    families: [
      ["Environments", ENVIRONMENT_REFUSALS],
      ["Workloads", WORKLOAD_CODES],
      ["Training jobs", JOB_REFUSALS],
    ],
  },
  {
    file: "data.md",
    title: "Codes of refused requests about data, money and hosts",
    families: [
      ["Data", DATA_CODES],
      ["Files", FILE_CODES],
      ["Money", MONEY_CODES],
      ["Hosts", HOST_REFUSALS],
    ],
  },
];

test.each(PAGES)("the page $file lists its codes as the catalogue has them", async (contents) => {
  const { file, text } = codePage(contents);

  await expect(text).toMatchFileSnapshot(`${FOLDER}${file}`);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BYTES);
});

test("each code is on one page, but for that of a text", () => {
  const listed = PAGES.flatMap(({ families }) => families.flatMap(([, codes]) => Object.keys(codes)));

  expect(listed.toSorted()).toEqual(
    Object.keys(REASON_CODES)
      .filter((code) => code !== "as-reported")
      .toSorted(),
  );
});
