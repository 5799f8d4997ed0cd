/** What is said of an inference service after an order. */
import { asSentence } from "@remotegpu/shared/sentence";
import type { Row } from "../framework/api-client.ts";

export function serviceSentence({ status_reason: reason, ...row }: Row): string {
  const what = `Inference service ${String(row.id)} (${String(row.name)}) is ${String(row.status)}`;
  return asSentence(typeof reason === "string" ? `${what}: ${reason}` : what);
}
