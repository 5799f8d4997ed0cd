/** What the document says of the API as a whole: how to talk to it, who may, and what its parts are about. */

export const INTRODUCTION =
  "Money is a decimal as text, times are RFC 3339 in UTC, sizes are bytes, ids are opaque. Errors are problem documents (RFC 9457).";

export const SECURITY_SCHEME = {
  type: "http",
  scheme: "bearer",
  description:
    "An API key, sent as `Authorization: Bearer KEY`. It is the account's: a customer's key sees what belongs to the customer and to the customer's workspaces, an administrator's key sees all. The role that a route needs stands beside the scheme. A browser that is logged in (`POST /sessions`) sends a cookie in its place, which opens the same; what changes something is then taken from pages of this origin alone.",
};

/** By `x-access`. */
export const WHO: Record<string, string> = {
  public: "For everybody, without a key.",
  customer:
    "For customers, with what belongs to them or their workspaces; for administrators with everybody's.",
  admin: "For administrators.",
};

/** By subject, in the order of the page. */
export const TAGS: Record<string, string> = {
  account: "Who the key belongs to.",
  workspaces: "What several people order together and one of them pays for; and who belongs to it.",
  "ssh keys": "Public keys that open the environments of their owner.",
  environments: "A container to work in, with GPUs, for as long as it runs.",
  ports: "Ports of environments on their hosts, by which people get in.",
  "training jobs": "A command over one or many hosts that ends by itself.",
  "inference services": "Replicas that answer requests.",
  datasets: "Folders that workloads mount read-only.",
  models: "Folders with weights that workloads mount read-only.",
  images: "The container images on offer.",
  "registry credentials": "Logins of registries, with which hosts fetch private images.",
  prices: "What is sold and what it costs.",
  billing: "Balance, charges, invoices and warnings.",
  webhooks: "Where messages are sent to, and what became of them.",
  customers: "Accounts, their keys and their money, for administrators.",
  quotas: "How much an account or a workspace may hold at once.",
  settings: "What the operator may set while it runs.",
  hosts: "The machines of the fleet and their GPUs, for administrators.",
  joining: "By which a host becomes part of the fleet. Called by agents, not by people.",
  queue: "What waits for a place, in the order in which it is tried.",
  search: "Whatever is yours, by a part of its name or id.",
  fleet: "Totals, and what an operator should look at.",
  stream: "What changes, as it changes.",
  server: "Health, metrics, this description, and the files by which a host joins.",
};
