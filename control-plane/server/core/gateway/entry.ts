/** By what somebody is in: a key of their account, or a link that was shared with them. */
export type Entry =
  | { kind: "person"; customerId: number; keyId: number }
  | { kind: "share"; shareId: number };
