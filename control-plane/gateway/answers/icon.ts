/** The picture by which a browser's tabs tell the gateway's own pages: a prompt. It stands in the page, as an attribute's value. */
const DRAWN =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f6f43"/><path d="M4 5l3 3-3 3M8.5 11H12" fill="none" stroke="#fff" stroke-width="1.6"/></svg>';

export const ICON = `data:image/svg+xml,${encodeURIComponent(DRAWN)}`;
