/** The words of each page, fetched with it: one line a page. The English ones say which keys there are. */
export const NAMESPACES = {
  frame: { en: () => import("./en/frame.ts"), zh: () => import("./zh/frame.ts") },
  parts: { en: () => import("./en/parts.ts"), zh: () => import("./zh/parts.ts") },
  queue: { en: () => import("./en/queue.ts"), zh: () => import("./zh/queue.ts") },
} as const;

export type Namespace = keyof typeof NAMESPACES;
