/** The board's queries for which the recorded scrapes have no data, each with the reason. All others must have some. */

/** By the panel's title and the query's legend. */
export const ABSENT_DATA: ReadonlyMap<string, string> = new Map([
  ["Errors by route: {{route}}", "nothing was answered with an error of the server"],
  ["Lag of Postgres' standby: lag", "the product's own Postgres has no standby"],
  ["Journal's stream, lag of replicas: {{replica}}", "the product's own NATS is one server"],
  ["Xid errors in an hour: {{xid}}", "simulated GPUs write nothing into the kernel log"],
]);
