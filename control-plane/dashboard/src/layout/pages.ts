/** The pages, each one line, in the order of the navigation. The server gives the page of the same addresses. */
import type { ComponentType } from "react";
import type { Namespace } from "../locales/namespaces.ts";
import type frame from "../locales/en/frame.ts";

export interface PageEntry {
  /** `/hosts/:id` */
  path: string;
  /** Fetched with it. */
  words: Namespace | readonly Namespace[];
  load: () => Promise<{ default: ComponentType }>;
  who: "admin" | "everyone";
  /** Without one it is reached from others. */
  nav?: keyof typeof frame.nav;
  group: "fleet" | "work" | "account" | "owner";
}

// oxfmt-ignore
export const PAGES: readonly PageEntry[] = [
  { path: "/fleet", words: "fleet", load: () => import("../pages/fleet/fleet-page.tsx"), who: "admin", nav: "fleet", group: "fleet" },
  { path: "/hosts/:id", words: ["host", "fleet"], load: () => import("../pages/host/host-page.tsx"), who: "admin", group: "fleet" },
  { path: "/queue", words: "queue", load: () => import("../pages/queue/queue-page.tsx"), who: "everyone", nav: "queue", group: "fleet" },
  { path: "/environments", words: ["environments", "work", "workload"], load: () => import("../pages/environments/environments-page.tsx"), who: "everyone", nav: "environments", group: "work" },
  { path: "/environments/:id", words: ["environments", "work", "workload"], load: () => import("../pages/environments/environment-page.tsx"), who: "everyone", group: "work" },
  { path: "/training", words: ["training", "work", "workload"], load: () => import("../pages/training/training-page.tsx"), who: "everyone", nav: "training", group: "work" },
  { path: "/training/:id", words: ["training", "work", "workload"], load: () => import("../pages/training/job/job-page.tsx"), who: "everyone", group: "work" },
  { path: "/inference", words: ["inference", "work", "workload"], load: () => import("../pages/inference/inference-page.tsx"), who: "everyone", nav: "inference", group: "work" },
  { path: "/inference/:id", words: ["inference", "work", "workload"], load: () => import("../pages/inference/service-page.tsx"), who: "everyone", group: "work" },
  { path: "/billing", words: "billing", load: () => import("../pages/billing/billing-page.tsx"), who: "everyone", nav: "billing", group: "account" },
  { path: "/billing/records/:id", words: "billing", load: () => import("../pages/billing/record-page.tsx"), who: "everyone", group: "account" },
  { path: "/billing/invoices/:id", words: "billing", load: () => import("../pages/billing/invoice-page.tsx"), who: "everyone", group: "account" },
  { path: "/money", words: ["money", "work"], load: () => import("../pages/money/money-page.tsx"), who: "admin", nav: "money", group: "owner" },
  { path: "/alarms", words: "owner", load: () => import("../pages/alarms/alarms-page.tsx"), who: "admin", nav: "alarms", group: "owner" },
  { path: "/audit", words: "owner", load: () => import("../pages/audit/audit-page.tsx"), who: "admin", nav: "audit", group: "owner" },
  { path: "/settings", words: "owner", load: () => import("../pages/settings/settings-page.tsx"), who: "admin", nav: "settings", group: "owner" },
  { path: "/data", words: ["data", "work"], load: () => import("../pages/data/data-page.tsx"), who: "everyone", nav: "data", group: "work" },
  { path: "/images", words: ["data", "work"], load: () => import("../pages/images/images-page.tsx"), who: "everyone", nav: "images", group: "work" },
  { path: "/keys", words: ["keys", "work"], load: () => import("../pages/keys/keys-page.tsx"), who: "everyone", nav: "keys", group: "account" },
  { path: "/members", words: ["members", "work"], load: () => import("../pages/members/members-page.tsx"), who: "everyone", nav: "members", group: "account" },
  { path: "/webhooks", words: ["webhooks", "work"], load: () => import("../pages/webhooks/webhooks-page.tsx"), who: "everyone", nav: "webhooks", group: "account" },
];
