/** The statuses of problem documents, and our words of them. */
export const REFUSALS = {
  400: "malformed",
  401: "unauthenticated",
  402: "noFunds",
  403: "forbidden",
  404: "notFound",
  405: "notThere",
  409: "conflict",
  413: "tooLarge",
  415: "wrongType",
  422: "badInput",
  429: "tooMany",
  500: "ourFault",
  502: "wrongAnswer",
  503: "unavailable",
  504: "timedOut",
  507: "noRoom",
} as const;
