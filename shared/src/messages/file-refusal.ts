/** How the files process of a host refuses. It is a file of its own since the command, which has no use for it, reads the others. */
import { z } from "zod";
import { ReportedReason } from "../reasons/host-reports/reported-reason.ts";
import { text } from "../values/text.ts";
import { FILE_REFUSALS, type FileRefusalReason } from "./files.ts";

/** The body of an answer that refuses. */
export const HostRefusal = z.object({
  reason: z.enum(Object.keys(FILE_REFUSALS) as [FileRefusalReason, ...FileRefusalReason[]]),
  /** A sentence for people, without paths of the host. */
  detail: text(1_000),
  /** The same as a code. */
  why: ReportedReason,
});
export type HostRefusal = z.infer<typeof HostRefusal>;
