/** What is said of an inference service after an order. */
import type { InferenceService } from "../../../client/generated/api.schemas.ts";
import { asSentence } from "@remotegpu/shared/values/sentence";

export function serviceSentence({ id, name, status, status_reason: reason }: InferenceService): string {
  const what = `Inference service ${id} (${name}) is ${status}`;
  return asSentence(typeof reason === "string" ? `${what}: ${reason}` : what);
}
