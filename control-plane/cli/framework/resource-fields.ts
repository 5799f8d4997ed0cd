/**
 * The things that commands are about, and how they are named: by id, or by the name that people gave them. Where two
 * bear one name, whoever asked chooses.
 */
import type { ApiClient, Row } from "./api-client.ts";
import { chosenOf } from "./choice.ts";
import { CliError } from "./cli-error.ts";
import { safeText } from "../terminal/safe-text.ts";

export type Kind =
  | "environment"
  | "job"
  | "job-array"
  | "job-or-array"
  | "service"
  | "workload"
  | "workspace"
  | "member"
  | "customer"
  | "host"
  | "dataset"
  | "model"
  | "image"
  | "ssh-key"
  | "key"
  | "webhook"
  | "registry-credential"
  | "spec"
  | "setting";

type ResourceField = {
  noun: string;
  /** Where all of them are listed; some only within another, which was named before. */
  routes: (earlier: Record<string, unknown>) => readonly string[];
  id: string;
  name: string;
  /** What is an id beyond doubt, and no name: nothing is asked for it. */
  isId: RegExp;
  /** Ids are plain numbers: any other word is a name. */
  isNumbered: boolean;
  /** Told beside the name where two are alike. */
  reported: readonly string[];
  /** Lists take `name` and `id` is part of a path, so that not all of them have to be looked through. */
  isFound: boolean;
  /** Those that are not meant any more. */
  isPast: (row: Row) => boolean;
};

const NUMBER = /^\d+$/;
/** Words of any form may be names, and ids of an old system. */
const NEVER = /(?!)/;
const ALWAYS = /(?:)/;
const idLike = (prefix: string) => new RegExp(`^${prefix}-[0-9a-f]{20}$`);

function named(noun: string, route: string, more: Partial<ResourceField> = {}): ResourceField {
  return {
    noun,
    routes: () => [route],
    id: "id",
    name: "name",
    isId: NEVER,
    isNumbered: false,
    reported: [],
    isFound: false,
    isPast: () => false,
    ...more,
  };
}

const OF_WORKLOAD = ["status", "workspace_id", "owner_username"];

const RESOURCES: Record<Kind, ResourceField> = {
  environment: named("environment", "/environments", {
    isId: idLike("env"),
    reported: OF_WORKLOAD,
    isFound: true,
  }),
  job: named("job", "/training-jobs", { isId: idLike("job"), reported: OF_WORKLOAD, isFound: true }),
  "job-array": named("array of jobs", "/training-job-groups", {
    isId: idLike("jobs"),
    reported: OF_WORKLOAD,
    isFound: true,
  }),
  "job-or-array": {
    ...named("job or array", "", { isId: /^jobs?-[0-9a-f]{20}$/, reported: OF_WORKLOAD, isFound: true }),
    routes: () => ["/training-jobs", "/training-job-groups"],
  },
  service: named("service", "/inference-services", { isId: idLike("svc"), reported: OF_WORKLOAD }),
  workload: {
    ...named("workload", "", { isId: /^(?:env|job|svc)-[0-9a-f]{20}$/, reported: OF_WORKLOAD }),
    routes: () => ["/environments", "/training-jobs", "/inference-services"],
  },
  workspace: named("workspace", "/workspaces", { isNumbered: true, reported: ["type", "owner_id"] }),
  member: named("member", "", {
    isNumbered: true,
    routes: ({ workspace }) => [`/workspaces/${String(workspace)}/members`],
    id: "customer_id",
    name: "username",
    reported: ["role"],
  }),
  customer: named("customer", "/customers", { isNumbered: true, name: "username", reported: ["email"] }),
  host: named("host", "/hosts", { isId: idLike("host"), reported: ["status"] }),
  dataset: named("dataset", "/datasets", { isNumbered: true, reported: ["status", "workspace_id"] }),
  model: named("model", "/models", { isNumbered: true, reported: ["status", "workspace_id"] }),
  image: named("image", "/images", { isNumbered: true, reported: ["display_name"] }),
  "ssh-key": named("SSH key", "/ssh-keys", { isNumbered: true, reported: ["fingerprint"] }),
  key: named("key", "/api-keys", {
    isNumbered: true,
    reported: ["prefix", "created_at"],
    isPast: ({ revoked_at: revoked }) => typeof revoked === "string",
  }),
  webhook: named("webhook", "/webhooks", { isNumbered: true, name: "url" }),
  "registry-credential": named("registry credential", "/registry-credentials", {
    name: "registry",
    reported: ["username", "workspace_id"],
  }),
  spec: named("spec", "/specs", { isId: ALWAYS, id: "spec", name: "spec" }),
  setting: named("setting", "/settings", { isId: ALWAYS, id: "key", name: "key" }),
};

/**
 * The id that a word stands for, by what bears it as its id or its name. What nothing bears goes to the server as it is,
 * which knows what it is. A name alone never leads an administrator to what is another's: its id is asked for.
 * @throws CliError where several bear it and nobody is there to choose
 */
export async function idOf(
  api: ApiClient,
  kind: Kind,
  word: string,
  earlier: Record<string, unknown>,
): Promise<string> {
  const { isId, isNumbered, noun, id } = RESOURCES[kind];
  if (isId.test(word)) return word;
  const [only, ...others] = await bearersOf(api, kind, word, earlier);
  if (only === undefined && isNumbered && !NUMBER.test(word))
    throw new CliError("refused", `There is no ${noun} called ${word}, or it is not yours to see.`);
  if (only === undefined) return word;
  if (others.length > 0) return String((await chosen(kind, word, [only, ...others]))[id]);
  const isNamedByOthers = String(only[id]) !== word && (await isAnothers(api, only));
  return String((isNamedByOthers ? await chosen(kind, word, [only]) : only)[id]);
}

async function bearersOf(
  api: ApiClient,
  kind: Kind,
  word: string,
  earlier: Record<string, unknown>,
): Promise<Row[]> {
  const { id, name, routes, isFound, isPast } = RESOURCES[kind];
  const lists = await Promise.all(
    routes(earlier).map(async (route) =>
      isFound
        ? [...(await unlessRefused(api.list(route, { name: word }))), ...(await oneOf(api, route, word))]
        : await unlessRefused(api.list(route)),
    ),
  );
  const bearers = lists.flat().filter((row) => row[name] === word || String(row[id]) === word);
  return [...new Map(bearers.filter((row) => !isPast(row)).map((row) => [String(row[id]), row])).values()];
}

async function oneOf(api: ApiClient, route: string, word: string): Promise<Row[]> {
  return await unlessRefused(api.get(`${route}/${encodeURIComponent(word)}`).then((row) => [row]));
}

/** Whoever may not look, or looks for what can be no name, is told by the command itself. */
async function unlessRefused(rows: Promise<Row[]>): Promise<Row[]> {
  try {
    return await rows;
  } catch (error) {
    if (error instanceof CliError && error.kind === "refused" && !error.isUnauthenticated) return [];
    throw error;
  }
}

/** Administrators see what is everybody's; to all others a list shows what they share. */
async function isAnothers(api: ApiClient, { customer_id: owner }: Row): Promise<boolean> {
  if (typeof owner !== "number") return false;
  const me = await api.get("/me");
  return me.user_type === "admin" && me.id !== owner;
}

/** For completion: what may stand there. Names that a shell would read as something else are left out. */
export async function namesOf(
  api: ApiClient,
  kind: Kind,
  earlier: Record<string, unknown>,
): Promise<string[]> {
  const { name, id, routes, isPast } = RESOURCES[kind];
  const lists = await Promise.all(routes(earlier).map((route) => api.list(route, {}, MOST_COMPLETED)));
  const texts = lists
    .flat()
    .filter((row) => !isPast(row))
    .map((row) => String(row[name] ?? row[id]));
  return texts.filter((text) => PLAIN_WORD.test(text));
}

const MOST_COMPLETED = 200;
const PLAIN_WORD = /^[\w@][\w@.+-]*$/;

async function chosen(kind: Kind, word: string, alike: Row[]): Promise<Row> {
  const { noun, id, reported: definition } = RESOURCES[kind];
  const line = (row: Row) => {
    const facts = definition.flatMap((member) =>
      row[member] == null ? [] : [`${member} ${safeText(JSON.stringify(row[member]))}`],
    );
    return `${String(row[id])}  ${facts.join(", ")}`;
  };
  const called = alike.length === 1 ? `One ${noun}, of somebody else, is` : `${alike.length} ${noun}s are`;
  return await chosenOf(alike, {
    title: `${called} called ${word}`,
    line,
    otherwise: "Name one by its id.",
  });
}
