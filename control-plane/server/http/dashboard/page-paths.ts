/**
 * The addresses of the dashboard's pages, which all give the one page that then looks at its address. The dashboard has
 * the same list with what is shown there; a test keeps the two alike.
 */
export const PAGE_PATHS = [
  "/login",
  "/fleet",
  "/hosts/:id",
  "/queue",
  "/environments",
  "/environments/:id",
  "/training",
  "/training/:id",
  "/inference",
  "/inference/:id",
  "/data",
  "/images",
  "/keys",
  "/members",
  "/webhooks",
  "/billing",
  "/billing/records/:id",
  "/billing/invoices/:id",
  "/money",
  "/audit",
  "/alarms",
  "/settings",
] as const;
export const ASSETS_PATH = "/assets/";

/** Whether an answer at this path is a page of the dashboard, or a file of it. */
export function isOfDashboard(path: string): boolean {
  return path === "/" || path.startsWith(ASSETS_PATH) || PAGE_PATHS.some((page) => matches(page, path));
}

function matches(pattern: string, path: string): boolean {
  const parts = pattern.split("/");
  const given = path.split("/");
  return (
    parts.length === given.length &&
    parts.every((part, index) => (part.startsWith(":") ? given[index] !== "" : part === given[index]))
  );
}
