/** Where the messages lie that the programs of a release really sent, one file of each kind; `npm run protocol:record`. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const RECORDED = fileURLToPath(new URL("../../fixtures/protocol/recorded/", import.meta.url));

export interface RecordedMessage {
  release: string;
  kind: string;
  message: Record<string, unknown>;
}

/** Of every release, in the order of their names. */
export function recordedMessages(): RecordedMessage[] {
  return readdirSync(RECORDED).flatMap((release) =>
    readdirSync(`${RECORDED}${release}`).map((file) => ({
      release,
      kind: file.replace(/\.json$/, ""),
      message: JSON.parse(readFileSync(`${RECORDED}${release}/${file}`, "utf8")) as Record<string, unknown>,
    })),
  );
}
