/** What access processes of several versions tell of an upgrade in their log. */
import { eventually } from "../eventually.ts";
import type { AccessUnderTest } from "./access.ts";

/** What the log says of `msg`, a record each, over all processes of the host. */
export function logged(access: AccessUnderTest, msg: string): Record<string, unknown>[] {
  const lines = access.program
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line["msg"] === msg);
}

const RETIRED = "an access process of before an upgrade serves its connections to their end";
export const OVER = "what was left to serve is over";
export const TAKEN_OVER = "another version's access process has taken over";
export const NOT_TAKEN_OVER = "another version's access process did not take over";

export async function takenOver(access: AccessUnderTest, bundle: string): Promise<number> {
  const record = await eventually(
    () => logged(access, TAKEN_OVER).find((line) => line["bundle"] === bundle),
    { what: `${bundle} at work; ${access.program.output()}`, withinMs: 60_000 },
  );
  return Number(record["pid"]);
}

/** As the newest one hears it: nobody comes in through that bundle's process any more. */
export async function retired(access: AccessUnderTest, bundle: string): Promise<void> {
  await eventually(() => logged(access, RETIRED).some((line) => line["bundle"] === bundle), {
    what: `${bundle} to be an elder`,
    withinMs: 60_000,
  });
}
