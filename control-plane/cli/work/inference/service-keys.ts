/** `remotegpu service key …`: keys that open one inference service at the gateway. A new one is printed once, alone. */
import { given } from "../../../client/api-request.ts";
import {
  createInferenceServiceKey,
  listInferenceServiceKeys,
  revokeInferenceServiceKey,
} from "../../../client/generated/api.ts";
import { wholeNumber, words } from "../../framework/arguments.ts";
import { argument, command, type Command, option, optionOr, resourceField } from "../../framework/command.ts";
import { listCommand } from "../../framework/list-command.ts";
import { printDone } from "../../framework/output.ts";

const aService = () => ({ service: resourceField("service", "service") });

export const SERVICE_KEYS: readonly Command[] = [
  command({
    name: "create-key",
    summary: "a key for one service and nothing else; it is displayed once",
    takes: {
      ...aService(),
      name: optionOr("--name <name>", "what replicas are told of whoever asks with it", words(), "app"),
      expires_at: option(
        "--expires <time>",
        "from when on it opens nothing, like 2027-01-31T00:00:00Z",
        words(),
      ),
      requests_per_minute: option(
        "--requests-per-minute <number>",
        "requests in a minute; more are told when to come again",
        wholeNumber(),
      ),
      max_in_flight: option("--max-in-flight <number>", "requests at once", wholeNumber()),
      tokens_per_day: option(
        "--tokens-per-day <number>",
        "prompt and completion tokens in a UTC day, as answers tell them",
        wholeNumber(),
      ),
    },
    examples: [
      "service create-key chat --name app",
      "service create-key chat --name trial --tokens-per-day 100000",
    ],
    run: async ({ api, output }, { service, ...request }) => {
      const row = await api.send(createInferenceServiceKey(service, given(request)));
      printDone(output, row.key, row);
    },
  }),
  listCommand({
    name: "keys",
    summary: "keys that open a service or did, by their first characters",
    takes: aService(),
    request: ({ service }) => listInferenceServiceKeys(service),
    columns: [
      "id",
      "name",
      "prefix",
      { ifRoom: "made_at" },
      "expires_at",
      "revoked_at",
      { ifRoom: ["a minute", (row) => row.requests_per_minute] },
      { ifRoom: ["at once", (row) => row.max_in_flight] },
      { ifRoom: ["tokens a day", (row) => row.tokens_per_day] },
    ],
    empty: "No key was made for it. Make one: remotegpu service create-key SERVICE",
  }),
  command({
    name: "revoke-key",
    summary: "from now on it opens nothing, and what is open by it ends",
    takes: { ...aService(), key: argument("key", words()) },
    run: async ({ api, output }, { service, key }) => {
      await api.send(revokeInferenceServiceKey(service, key));
      printDone(output, `Key ${key} no longer opens anything.`, { id: key });
    },
  }),
];
