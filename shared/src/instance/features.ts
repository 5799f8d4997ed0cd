/**
 * What agents can do beyond the protocol's first form, each as one word. An agent announces in its heartbeats the words of
 * what it really does; an order is placed only where its needs are among them, and an agent that gets one all the same
 * starts nothing of it. Pure: both sides derive the needs of an order by the same function.
 */

/** Each word with the phrase that completes "it cannot …". */
export const FEATURES = {
  "image-fetches": "fetch images with credentials of registries",
  "restarts-never": "end a run with its container's first end",
  shm: "give a container shared memory of an ordered size",
  "image-entrypoint": "run an image's own entry point",
  "image-id": "hold an order to one content of its image",
  "long-stops": "give a container more than 300 seconds to stop",
  capabilities: "give a container further capabilities",
  gangs: "join the ranks of a gang over several hosts",
  probes: "probe whether a replica is ready",
  drains: "tell what is open to a replica that is to end",
  ssh: "serve SSH with keys and passwords of its own",
  web: "serve web interfaces and terminals through the gateway",
  "service-logs": "tell the output of a container's services apart",
  rdp: "keep an image's xrdp up with a password of each start",
  code: "bring the code of a job into its container",
  views: "show a container folders of others, like the output of attempts before",
  launch: "let one rank of a job start processes on the others",
  "pool-proof": "prove which storage pool it shares",
  upgrades: "upgrade itself when the fleet is upgraded",
} as const;
export type Feature = keyof typeof FEATURES;
export const FEATURE_NAMES = Object.keys(FEATURES) as readonly Feature[];
/** Announced where the agent runs from an installed release. */
export const UPGRADE_FEATURE = "upgrades" satisfies Feature;

/** The grace of a stop, as every agent gives it. */
export const PLAIN_STOP_GRACE_SECONDS = 300;

/** What of an order may need more than the protocol's first form; everything else any agent does. */
export interface OrderNeeds {
  spec: {
    gate?: "running" | "released" | "probe" | undefined;
    restarts?: "within-run" | "never" | undefined;
    entrypoint?: "init" | "shell" | "image" | undefined;
    /** A gang's is no text. */
    network?: string | object | undefined;
    hosts?: readonly unknown[] | undefined;
    shmBytes?: number | undefined;
    imageId?: string | undefined;
    capabilities?: readonly string[] | undefined;
    views?: readonly unknown[] | undefined;
    code?: object | undefined;
    workingFolder?: string | undefined;
    launch?: object | undefined;
  };
  /** Key sets and what else an agent without its word ignores are no need. */
  live?: { stopGraceSeconds?: number | undefined; probe?: object | undefined };
}

/** The words that an agent must have announced to carry out such an order, each once, in a fixed order. */
export function featuresFor({ spec, live = {} }: OrderNeeds): Feature[] {
  const isOfGang = spec.gate === "released" || typeof spec.network === "object" || isFilled(spec.hosts);
  const needs: [Feature, boolean][] = [
    ["restarts-never", spec.restarts === "never"],
    ["shm", spec.shmBytes !== undefined],
    ["image-entrypoint", spec.entrypoint === "image"],
    ["image-id", spec.imageId !== undefined],
    ["long-stops", (live.stopGraceSeconds ?? 0) > PLAIN_STOP_GRACE_SECONDS],
    ["capabilities", isFilled(spec.capabilities)],
    ["gangs", isOfGang],
    ["probes", spec.gate === "probe" || live.probe !== undefined],
    ["views", isFilled(spec.views)],
    ["code", spec.code !== undefined || spec.workingFolder !== undefined],
    ["launch", spec.launch !== undefined],
  ];
  return needs.flatMap(([feature, isNeeded]) => (isNeeded ? [feature] : []));
}

/** Completes "it cannot …"; a word that this side does not know is told as it is. */
export function whatLacks(feature: string): string {
  const known: Readonly<Record<string, string>> = FEATURES;
  return Object.hasOwn(known, feature) ? `${known[feature]}` : `do what is called ${feature}`;
}

function isFilled(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}
