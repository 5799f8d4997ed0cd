/** Which of the few calls that the metrics tell apart a call of the container runtime is. */
export const RUNTIME_CALLS = [
  "list",
  "inspect",
  "create",
  "start",
  "stop",
  "remove",
  "image",
  "network",
  "exec",
  "other",
] as const;
export type RuntimeCallName = (typeof RUNTIME_CALLS)[number];

/** A call that has ended, however it did. */
export type RuntimeCall = {
  /** As its errors have it after "cannot": "list containers". */
  what: string;
  tookMs: number;
  /** It was given up at its deadline. */
  isTimedOut: boolean;
};

/** The first that fits counts. */
const FORMS: readonly (readonly [RegExp, RuntimeCallName])[] = [
  [/^list (all )?containers\b/, "list"],
  [/^inspect container\b/, "inspect"],
  [/^create container\b/, "create"],
  [/^start container\b/, "start"],
  [/^stop container\b/, "stop"],
  [/^remove container\b/, "remove"],
  [/^\S+ (an )?images?\b/, "image"],
  [/^\S+ networks?\b/, "network"],
  [/^\S+ a command\b/, "exec"],
];

export function runtimeCallName(what: string): RuntimeCallName {
  return FORMS.find(([form]) => form.test(what))?.[1] ?? "other";
}
