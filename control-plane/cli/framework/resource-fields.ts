/**
 * The things that commands are about, and how they are named: by id, or by the name that people gave them. Where two
 * bear one name, whoever asked chooses.
 */
import { given, type ApiRequest, type Page } from "../../client/api-request.ts";
import {
  getEnvironment,
  getMe,
  getTrainingJob,
  getTrainingJobGroup,
  listApiKeys,
  listCustomers,
  listDatasets,
  listEnvironments,
  listHosts,
  listImages,
  listInferenceServices,
  listModels,
  listRegistryCredentials,
  listSettings,
  listSpecs,
  listSshKeys,
  listTrainingJobGroups,
  listTrainingJobs,
  listWebhooks,
  listWorkspaceMembers,
  listWorkspaces,
} from "../../client/generated/api.ts";
import type { ApiClient } from "./api-client.ts";
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

/** Where things of one type are looked up, and what identifies one of them. */
interface Lookup<Item> {
  /** All of them, or those with this name where the list takes `name`. */
  list: (name?: string) => ApiRequest<Page<Item>>;
  /** One by its id, where not all of them have to be read to find it. */
  get?: (word: string) => ApiRequest<Item>;
  id: (item: Item) => number | string;
  name: (item: Item) => string | null;
  /** Written beside the name where two are alike. */
  reported?: readonly (keyof Item & string)[];
  /** Those that are not meant any more. */
  isPast?: (item: Item) => boolean;
}

/** One thing that a word may stand for. */
interface Bearer {
  id: string;
  name: string | null;
  /** The customer whose it is; undefined where it belongs to none. */
  ownerId: unknown;
  /** What tells it from another of its name. */
  facts: string;
}

/** A lookup without the type of its things. */
interface Source {
  /** Those that may bear the word. */
  found: (api: ApiClient, word: string) => Promise<Bearer[]>;
  all: (api: ApiClient, limit: number) => Promise<Bearer[]>;
}

type ResourceField = {
  noun: string;
  /** Some are listed only within another, which was named before. */
  sources: (earlier: Record<string, unknown>) => readonly Source[];
  /** What is an id beyond doubt, and no name: nothing is requested for it. */
  isId: RegExp;
  /** Ids are plain numbers: any other word is a name. */
  isNumbered?: true;
};

const NUMBER = /^\d+$/;
/** Words of any form may be names, and ids of an old system. */
const NEVER = /(?!)/;
const ALWAYS = /(?:)/;
const idLike = (prefix: string) => new RegExp(`^${prefix}-[0-9a-f]{20}$`);

function source<Item extends object>(lookup: Lookup<Item>): Source {
  const { list, get, isPast = () => false } = lookup;
  const bearers = (items: readonly Item[]) =>
    items.filter((item) => !isPast(item)).map((item) => bearerOf(item, lookup));
  return {
    found: async (api, word) => {
      if (get === undefined) return bearers(await unlessRefused(api.list(list())));
      const named = await unlessRefused(api.list(list(word)));
      const one = await unlessRefused(api.send(get(word)).then((item) => [item]));
      return bearers([...named, ...one]);
    },
    all: async (api, limit) => bearers(await api.list(list(), limit)),
  };
}

function bearerOf<Item extends object>(item: Item, { id, name, reported = [] }: Lookup<Item>): Bearer {
  const facts = reported.flatMap((member) =>
    item[member] == null ? [] : [`${member} ${safeText(JSON.stringify(item[member]))}`],
  );
  const ownerId = "customer_id" in item ? item.customer_id : undefined;
  return { id: String(id(item)), name: name(item), ownerId, facts: facts.join(", ") };
}

type NamedItem = { id: number | string; name: string };
const byName = {
  id: ({ id }: { id: number | string }) => id,
  name: ({ name }: { name: string }) => name,
};

function named<Item extends NamedItem>(lookup: Omit<Lookup<Item>, "id" | "name">): Source {
  return source<Item>({ ...lookup, ...byName });
}

const OF_WORKLOAD = ["status", "workspace_id", "owner_username"] as const;

const SOURCES = {
  environments: named({ list: () => listEnvironments(), reported: OF_WORKLOAD }),
  foundEnvironments: named({
    list: (name) => listEnvironments(given({ name })),
    get: getEnvironment,
    reported: OF_WORKLOAD,
  }),
  jobs: named({ list: () => listTrainingJobs(), reported: OF_WORKLOAD }),
  foundJobs: named({
    list: (name) => listTrainingJobs(given({ name })),
    get: getTrainingJob,
    reported: OF_WORKLOAD,
  }),
  foundArrays: named({
    list: (name) => listTrainingJobGroups(given({ name })),
    get: getTrainingJobGroup,
    reported: OF_WORKLOAD,
  }),
  services: named({ list: () => listInferenceServices(), reported: OF_WORKLOAD }),
};

const of = (...sources: readonly Source[]) => ({ sources: () => sources });

const RESOURCES: Record<Kind, ResourceField> = {
  environment: {
    noun: "environment",
    isId: idLike("env"),
    ...of(SOURCES.foundEnvironments),
  },
  job: { noun: "job", isId: idLike("job"), ...of(SOURCES.foundJobs) },
  "job-array": {
    noun: "array of jobs",
    isId: idLike("jobs"),
    ...of(SOURCES.foundArrays),
  },
  "job-or-array": {
    noun: "job or array",
    isId: /^jobs?-[0-9a-f]{20}$/,
    ...of(SOURCES.foundJobs, SOURCES.foundArrays),
  },
  service: { noun: "service", isId: idLike("svc"), ...of(SOURCES.services) },
  workload: {
    noun: "workload",
    isId: /^(?:env|job|svc)-[0-9a-f]{20}$/,
    ...of(SOURCES.environments, SOURCES.jobs, SOURCES.services),
  },
  workspace: numbered("workspace", named({ list: () => listWorkspaces(), reported: ["type", "owner_id"] })),
  member: {
    noun: "member",
    isId: NEVER,
    isNumbered: true,
    sources: ({ workspace }) => [
      source({
        list: () => listWorkspaceMembers(String(workspace)),
        id: (member) => member.customer_id,
        name: (member) => member.username,
        reported: ["role"],
      }),
    ],
  },
  customer: numbered(
    "customer",
    source({
      list: () => listCustomers(),
      id: (customer) => customer.id,
      name: (customer) => customer.username,
      reported: ["email"],
    }),
  ),
  host: {
    noun: "host",
    isId: idLike("host"),
    ...of(named({ list: () => listHosts(), reported: ["status"] })),
  },
  dataset: numbered("dataset", named({ list: () => listDatasets(), reported: ["status", "workspace_id"] })),
  model: numbered("model", named({ list: () => listModels(), reported: ["status", "workspace_id"] })),
  image: numbered("image", named({ list: () => listImages(), reported: ["display_name"] })),
  "ssh-key": numbered("SSH key", named({ list: () => listSshKeys(), reported: ["fingerprint"] })),
  key: numbered(
    "key",
    source({
      list: () => listApiKeys(),
      id: (key) => key.id,
      name: (key) => key.name,
      reported: ["prefix", "created_at"],
      isPast: ({ revoked_at: revoked }) => typeof revoked === "string",
    }),
  ),
  webhook: numbered(
    "webhook",
    source({ list: () => listWebhooks(), id: (webhook) => webhook.id, name: (webhook) => webhook.url }),
  ),
  "registry-credential": {
    noun: "registry credential",
    isId: NEVER,
    ...of(
      source({
        list: () => listRegistryCredentials(),
        id: (credential) => credential.id,
        name: (credential) => credential.registry,
        reported: ["username", "workspace_id"],
      }),
    ),
  },
  spec: {
    noun: "spec",
    isId: ALWAYS,
    ...of(source({ list: () => listSpecs(), id: ({ spec }) => spec, name: ({ spec }) => spec })),
  },
  setting: {
    noun: "setting",
    isId: ALWAYS,
    ...of(source({ list: () => listSettings(), id: ({ key }) => key, name: ({ key }) => key })),
  },
};

function numbered(noun: string, one: Source): ResourceField {
  return { noun, isId: NEVER, isNumbered: true, ...of(one) };
}

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
  const { isId, isNumbered, noun } = RESOURCES[kind];
  if (isId.test(word)) return word;
  const [only, ...others] = await bearersOf(api, kind, word, earlier);
  if (only === undefined && isNumbered === true && !NUMBER.test(word))
    throw new CliError("refused", `There is no ${noun} called ${word}, or it is not yours to see.`);
  if (only === undefined) return word;
  if (others.length > 0) return (await chosen(noun, word, [only, ...others])).id;
  const isNamedByOthers = only.id !== word && (await isAnothers(api, only));
  return (isNamedByOthers ? await chosen(noun, word, [only]) : only).id;
}

async function bearersOf(
  api: ApiClient,
  kind: Kind,
  word: string,
  earlier: Record<string, unknown>,
): Promise<Bearer[]> {
  const { sources } = RESOURCES[kind];
  const lists = await Promise.all(sources(earlier).map(async (one) => await one.found(api, word)));
  const bearers = lists.flat().filter(({ id, name }) => name === word || id === word);
  return [...new Map(bearers.map((one) => [one.id, one])).values()];
}

/** Whoever may not look, or looks for what can be no name, is told by the command itself. */
async function unlessRefused<Item>(items: Promise<Item[]>): Promise<Item[]> {
  try {
    return await items;
  } catch (error) {
    if (error instanceof CliError && error.kind === "refused" && !error.isUnauthenticated) return [];
    throw error;
  }
}

/** Administrators see what is everybody's; to all others a list shows what they share. */
async function isAnothers(api: ApiClient, { ownerId }: Bearer): Promise<boolean> {
  if (typeof ownerId !== "number") return false;
  const me = await api.send(getMe());
  return me.user_type === "admin" && me.id !== ownerId;
}

/** For completion: what may stand there. Names that a shell would read as something else are left out. */
export async function namesOf(
  api: ApiClient,
  kind: Kind,
  earlier: Record<string, unknown>,
): Promise<string[]> {
  const { sources } = RESOURCES[kind];
  const lists = await Promise.all(sources(earlier).map(async (one) => await one.all(api, MOST_COMPLETED)));
  return lists
    .flat()
    .map(({ id, name }) => name ?? id)
    .filter((text) => PLAIN_WORD.test(text));
}

const MOST_COMPLETED = 200;
const PLAIN_WORD = /^[\w@][\w@.+-]*$/;

async function chosen(noun: string, word: string, alike: Bearer[]): Promise<Bearer> {
  const called = alike.length === 1 ? `One ${noun}, of somebody else, is` : `${alike.length} ${noun}s are`;
  return await chosenOf(alike, {
    title: `${called} called ${word}`,
    line: ({ id, facts }) => `${id}  ${facts}`,
    otherwise: "Name one by its id.",
  });
}
