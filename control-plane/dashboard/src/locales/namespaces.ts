/** The words of each page, fetched with it: one line a page. The English ones say which keys there are. */
export const NAMESPACES = {
  frame: { en: () => import("./en/frame.ts"), zh: () => import("./zh/frame.ts") },
  parts: { en: () => import("./en/parts.ts"), zh: () => import("./zh/parts.ts") },
  fleet: { en: () => import("./en/fleet.ts"), zh: () => import("./zh/fleet.ts") },
  host: { en: () => import("./en/host.ts"), zh: () => import("./zh/host.ts") },
  environments: { en: () => import("./en/environments.ts"), zh: () => import("./zh/environments.ts") },
  queue: { en: () => import("./en/queue.ts"), zh: () => import("./zh/queue.ts") },
  training: { en: () => import("./en/training.ts"), zh: () => import("./zh/training.ts") },
  inference: { en: () => import("./en/inference.ts"), zh: () => import("./zh/inference.ts") },
  work: { en: () => import("./en/work.ts"), zh: () => import("./zh/work.ts") },
  workload: { en: () => import("./en/workload.ts"), zh: () => import("./zh/workload.ts") },
  billing: { en: () => import("./en/billing.ts"), zh: () => import("./zh/billing.ts") },
  owner: { en: () => import("./en/owner.ts"), zh: () => import("./zh/owner.ts") },
  money: { en: () => import("./en/money.ts"), zh: () => import("./zh/money.ts") },
  data: { en: () => import("./en/data.ts"), zh: () => import("./zh/data.ts") },
  keys: { en: () => import("./en/keys.ts"), zh: () => import("./zh/keys.ts") },
  members: { en: () => import("./en/members.ts"), zh: () => import("./zh/members.ts") },
  webhooks: { en: () => import("./en/webhooks.ts"), zh: () => import("./zh/webhooks.ts") },
} as const;

export type Namespace = keyof typeof NAMESPACES;
