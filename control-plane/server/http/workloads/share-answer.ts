/** The share of the payer of what waits, beside that of the others who wait: by it the queue says whose turn it is. */
import { z } from "@hono/zod-openapi";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { type ShareBesideOthers, shareReason } from "../../core/queue/shares-of-waiting.ts";

export const ShareAnswer = z
  .object({
    code: z.enum(["share-beside-others", "share-alone"]).openapi({
      description: "share-alone where nobody else waits",
      example: "share-beside-others",
    }),
    params: z
      .object({
        own: z.int().openapi({
          description:
            "What the payer holds of the fleet and lately held, in percent: the largest of CPU, memory and GPU",
          example: 34,
        }),
        others: z.int().nullable().openapi({
          description:
            "The least of the other payers that wait, measured by the same weight; null where nobody else waits",
          example: 10,
        }),
      })
      .describe("The numbers of the sentence"),
    sentence: z.string().openapi({
      description: "The same in words",
      example: "Your share is 34 %, others who wait have 10 %.",
    }),
  })
  .openapi("FairShare");

export function shareAnswer(share: ShareBesideOthers | undefined): z.input<typeof ShareAnswer> | null {
  if (share === undefined) return null;
  const { own, others } = share;
  const code = others === null ? "share-alone" : "share-beside-others";
  return { code, params: { own, others }, sentence: inEnglish(shareReason(share)) };
}
