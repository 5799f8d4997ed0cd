/** Why an order is not taken: its payer's money and quotas, its mounts and its image. */
import type { CodeShapes } from "@remotegpu/shared/reasons/parameters";

export const ORDER_CODES = {
  "account-overdue": {},
  "account-suspended": {},
  "account-suspended-until-paid": {},
  "account-missing": {},
  "balance-not-positive": {},
  "balance-too-small": { minutes: "number" },
  "customer-quota-exceeded": { quota: "text", limit: "number", used: "number", requested: "number" },
  "workspace-quota-exceeded": { quota: "text", limit: "number", used: "number", requested: "number" },
  "customer-size-quota-exceeded": {
    quota: "text",
    limit_bytes: "size",
    used_bytes: "size",
    requested_bytes: "size",
  },
  "workspace-size-quota-exceeded": {
    quota: "text",
    limit_bytes: "size",
    used_bytes: "size",
    requested_bytes: "size",
  },
  "upload-beyond-quota": { why: "sentence" },
  "upload-refused": { field: "text", why: "whole" },
  "waiting-orders-too-many": { waiting: "number", more: "number", max_waiting: "number" },
  "mount-not-found": { thing: "phrase" },
  "mount-uploading": { thing: "phrase" },
  "mount-failed": { thing: "phrase" },
  "mount-outside-pools": { thing: "phrase" },
  "registry-not-listed": { registry: "text", allowed: "names" },
  "registry-not-public": { registry: "text", why: "phrase" },
  "registry-name-malformed": {},
  "registry-is-host": {},
  "registry-is-address": {},
  "registry-is-inner": {},
  "order-never-fits": { why: "sentence" },
} as const satisfies CodeShapes;
