/**
 * The things that commands are about, and how they are named: by id, or by the name that people gave them. Where two
 * bear one name, whoever asked chooses.
 */
import { createInterface } from "node:readline/promises";
import type { ApiClient, Row } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import { safeText } from "./output.ts";

export type Kind =
  | "environment"
  | "job"
  | "service"
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

type Thing = {
  noun: string;
  /** Where all of them are listed; some only within another, which was named before. */
  route: (earlier: Record<string, unknown>) => string;
  /** What is an id beyond doubt: nothing is asked for it. Any other word may be a name. */
  isId: RegExp;
  id: string;
  name: string;
  /** Told beside the name where two are alike. */
  told: readonly string[];
};

const NUMBER = /^\d+$/;
const named = (noun: string, route: string, told: readonly string[] = [], isId = NUMBER): Thing => ({
  noun,
  route: () => route,
  isId,
  id: "id",
  name: "name",
  told,
});

export const THINGS: Record<Kind, Thing> = {
  environment: named("environment", "/environments", ["status", "workspace_id"], /^env-[0-9a-f]{20}$/),
  job: named("job", "/training-jobs", ["status", "workspace_id"], /^job-[0-9a-f]{20}$/),
  service: named("service", "/inference-services", ["status", "workspace_id"], /^svc-[0-9a-f]{20}$/),
  workspace: named("workspace", "/workspaces", ["type", "owner_id"]),
  member: {
    noun: "member",
    route: ({ workspace }) => `/workspaces/${String(workspace)}/members`,
    isId: NUMBER,
    id: "customer_id",
    name: "username",
    told: ["role"],
  },
  customer: { ...named("customer", "/customers", ["email"]), name: "username" },
  host: named("host", "/hosts", ["status"], /^host-[0-9a-f]{20}$/),
  dataset: named("dataset", "/datasets", ["status", "workspace_id"]),
  model: named("model", "/models", ["status", "workspace_id"]),
  image: named("image", "/images", ["display_name"]),
  "ssh-key": named("SSH key", "/ssh-keys", ["fingerprint"]),
  key: named("key", "/api-keys", ["prefix", "created_at"]),
  webhook: { ...named("webhook", "/webhooks"), name: "url" },
  "registry-credential": {
    ...named("registry credential", "/registry-credentials", ["username", "workspace_id"]),
    name: "registry",
  },
  spec: { ...named("spec", "/specs"), isId: /(?:)/, id: "spec", name: "spec" },
  setting: { ...named("setting", "/settings"), isId: /(?:)/, id: "key", name: "key" },
};

/**
 * The id that a word stands for. What nothing is called goes to the server as it is, which knows what it is.
 * @throws CliError where several bear that name and nobody is there to choose
 */
export async function idOf(
  api: ApiClient,
  kind: Kind,
  word: string,
  earlier: Record<string, unknown>,
): Promise<string> {
  const { isId, id, name, route } = THINGS[kind];
  if (isId.test(word)) return word;
  const alike = (await api.list(route(earlier))).filter((row) => row[name] === word);
  const [only, ...others] = alike;
  if (only === undefined) return word;
  return String((others.length === 0 ? only : await chosen(kind, word, alike))[id]);
}

/** For completion: what may stand there. */
export async function namesOf(
  api: ApiClient,
  kind: Kind,
  earlier: Record<string, unknown>,
): Promise<string[]> {
  const { name, id, route } = THINGS[kind];
  const rows = await api.list(route(earlier), {}, MOST_COMPLETED);
  return rows.map((row) => String(row[name] ?? row[id])).filter((text) => /^\S+$/.test(text));
}

const MOST_COMPLETED = 200;

async function chosen(kind: Kind, word: string, alike: Row[]): Promise<Row> {
  const { noun, id, told } = THINGS[kind];
  const lines = alike.map((row, index) => {
    const facts = told.flatMap((member) =>
      row[member] == null ? [] : [`${member} ${safeText(JSON.stringify(row[member]))}`],
    );
    return `  ${index + 1}) ${String(row[id])}  ${facts.join(", ")}`.trimEnd();
  });
  const choice = `${alike.length} ${noun}s are called ${word}:\n${lines.join("\n")}`;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CliError("usage", `${choice}\nName one by its id.`);
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`${choice}\nWhich? `);
    const row = alike[Number(answer) - 1];
    if (row === undefined) throw new CliError("usage", "None was chosen.");
    return row;
  } finally {
    asking.close();
  }
}
