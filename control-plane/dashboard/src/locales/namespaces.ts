/** The words of each page, fetched with it: one line a page. The English ones say which keys there are. */
export const NAMESPACES = {
  frame: { en: () => import("./en/frame.ts"), zh: () => import("./zh/frame.ts") },
  parts: { en: () => import("./en/parts.ts"), zh: () => import("./zh/parts.ts") },
  fleet: { en: () => import("./en/owner/fleet.ts"), zh: () => import("./zh/owner/fleet.ts") },
  host: { en: () => import("./en/owner/host.ts"), zh: () => import("./zh/owner/host.ts") },
  environments: {
    en: () => import("./en/workloads/environments.ts"),
    zh: () => import("./zh/workloads/environments.ts"),
  },
  queue: { en: () => import("./en/workloads/queue.ts"), zh: () => import("./zh/workloads/queue.ts") },
  training: {
    en: () => import("./en/workloads/training.ts"),
    zh: () => import("./zh/workloads/training.ts"),
  },
  inference: {
    en: () => import("./en/workloads/inference.ts"),
    zh: () => import("./zh/workloads/inference.ts"),
  },
  work: { en: () => import("./en/work.ts"), zh: () => import("./zh/work.ts") },
  workload: {
    en: () => import("./en/workloads/workload.ts"),
    zh: () => import("./zh/workloads/workload.ts"),
  },
  billing: { en: () => import("./en/account/billing.ts"), zh: () => import("./zh/account/billing.ts") },
  owner: { en: () => import("./en/owner/owner.ts"), zh: () => import("./zh/owner/owner.ts") },
  money: { en: () => import("./en/owner/money.ts"), zh: () => import("./zh/owner/money.ts") },
  data: { en: () => import("./en/workloads/data.ts"), zh: () => import("./zh/workloads/data.ts") },
  keys: { en: () => import("./en/account/keys.ts"), zh: () => import("./zh/account/keys.ts") },
  members: { en: () => import("./en/account/members.ts"), zh: () => import("./zh/account/members.ts") },
  webhooks: { en: () => import("./en/account/webhooks.ts"), zh: () => import("./zh/account/webhooks.ts") },
} as const;

export type Namespace = keyof typeof NAMESPACES;
