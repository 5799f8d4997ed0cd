/** Where fresh ids come from: an argument, since core and store make none themselves. */
export type NewId = (kind: "ins" | "run" | "lease" | "fetch") => string;
