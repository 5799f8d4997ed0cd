/** What the API says in sentences, in another language than its own: for whoever shows them to people. */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp } from "../deps.ts";
import { forEveryone, ok } from "../request/route.ts";
import { cataloguePairs } from "./catalogue-pairs.ts";
import { CHINESE } from "./chinese.ts";
import { CHINESE_WORDS } from "./chinese-words.ts";

const SentencesAnswer = z
  .object({
    language: z.enum(["zh"]).openapi({ description: "Of the translations", example: "zh" }),
    sentences: z
      .array(
        z
          .object({
            sentence: z.string().openapi({
              description: "As the API words it, with places for what differs",
              example: "Host {host} is stopping the container.",
            }),
            translation: z.string().openapi({
              description: "What it is there, with the same places",
              example: "主机 {host} 正在停止容器。",
            }),
          })
          .openapi("Sentence"),
      )
      .openapi({
        description: "Each with what it is there; the first that fits is meant",
      }),
  })
  .openapi("Sentences");

const getSentences = createRoute({
  ...forEveryone,
  method: "get",
  deprecated: true,
  path: "/sentences",
  operationId: "listSentences",
  tags: ["server"],
  summary: "What the API says in sentences, with what it is in another language",
  description:
    "Deprecated: reasons and refusals have a code and parameters beside their English sentence, and this list goes with the next version. Each is told here with places for what differs: `{host}` is whatever stands there, `{why:said}` a sentence that is told here, too, `{what:list}` several of them with commas between, `{where:hosts}` several of each host after its name. The first that fits is meant; a phrase within a sentence has no full stop. Words by which kinds of things and acts are named stand among them. What is not told here stays as it is.",
  request: {
    query: z.strictObject({
      language: z.enum(["zh"]).openapi({ description: "Of the translations", example: "zh" }),
    }),
  },
  responses: ok("The sentences", SentencesAnswer),
});

export function registerSentencesRoute(api: ApiApp): void {
  const sentences = [...cataloguePairs(), ...CHINESE, ...CHINESE_WORDS].map(([sentence, translation]) => ({
    sentence,
    translation,
  }));
  api.openapi(getSentences, (c) => c.json({ language: c.req.valid("query").language, sentences }, 200));
}
