/**
 * A terminal or a followed log: what passes on the subjects of one session (subjects.ts, upSession and downSession).
 * The control plane asks with `open` and gets one answer; from then on both sides only publish. Core NATS may lose
 * a message, so every chunk says where it begins, credit is said as a total, and whoever finds a gap closes.
 *
 * The bytes are base64 in JSON like everywhere else: a terminal sends little, and one way of reading messages is
 * worth more than the third that it costs a log. How much may be sent is in byte-credit.ts.
 */
import { z } from "zod";
import { InstanceId, RunId } from "../values/ids.ts";
import { ReportedReason } from "../reasons/host-reports/reported-reason.ts";
import { text } from "../values/text.ts";
import { KIB, MIB, MS_PER_SECOND } from "../values/units.ts";

/** The raw bytes in one message: far below the 1 MiB of a payload, and large enough for a log that is read fast. */
export const MAX_CHUNK_BYTES = 64 * KIB;
/** What a reader may let be under way to it. */
export const MAX_CREDIT_BYTES = 4 * MIB;
export const MAX_LOG_TAIL_LINES = 10_000;

const BASE64_CHARACTERS = 4 * Math.ceil(MAX_CHUNK_BYTES / 3);

/**
 * At least 128 random bits in base64url. Who does not know it can neither listen nor speak in the session, which
 * matters since another host can have answers of the control plane put on this host's `down` subjects.
 */
export const SessionId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{22,64}$/)
  .brand<"SessionId">();
export type SessionId = z.infer<typeof SessionId>;

/** The run, not only the instance: a session never goes over into another start of it. */
const SessionTarget = { instanceId: InstanceId, placementEpoch: z.int().positive(), runId: RunId };
const Credit = z.int().positive().max(MAX_CREDIT_BYTES);
const WindowSide = z.int().min(1).max(1_000);
/** The offset of the first byte, counted from the session's beginning. */
const Offset = z.int().nonnegative();
const Chunk = z.base64().min(1).max(BASE64_CHARACTERS);

export const TerminalOpen = z.object({
  kind: z.literal("terminal-open"),
  ...SessionTarget,
  /** Null: the shell that the host finds in the image. */
  argv: z
    .array(text(64 * KIB))
    .min(1)
    .max(256)
    .nullable(),
  columns: WindowSide,
  rows: WindowSide,
  /** For the output. */
  creditBytes: Credit,
});
export type TerminalOpen = z.infer<typeof TerminalOpen>;

export const LogOpen = z.object({
  kind: z.literal("log-open"),
  ...SessionTarget,
  /** How many of the last lines to begin with; null for all that the host has. A line beyond 16 KiB counts as several. */
  tailLines: z.int().nonnegative().max(MAX_LOG_TAIL_LINES).nullable(),
  /** False: what is there now, then the close. True: until the run is over, its container's restarts included. */
  follow: z.boolean(),
  /** The service in it rather than its first process: "jupyter". Only for agents with the feature "service-logs". */
  service: z
    .string()
    .regex(/^[a-z][a-z-]{0,31}$/)
    .optional(),
  creditBytes: Credit,
});
export type LogOpen = z.infer<typeof LogOpen>;

/** The host's one answer to either kind of opening. */
export const SessionReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("session-opened"),
    /** For what is typed; 0 for a log, which takes no input. */
    inputCreditBytes: z.int().nonnegative().max(MAX_CREDIT_BYTES),
  }),
  z.object({
    kind: z.literal("session-refused"),
    reason: z.enum(["no-such-run", "not-running", "no-shell", "busy", "bad-request", "runtime-error"]),
    detail: z.string().max(2000),
    /** The detail as a code. Agents of before send none. */
    why: ReportedReason,
  }),
]);
export type SessionReply = z.infer<typeof SessionReply>;

/** Host to control plane. A terminal has one stream; a log's two share one count of bytes. */
export const SessionData = z.object({
  kind: z.literal("session-data"),
  stream: z.enum(["stdout", "stderr"]),
  offset: Offset,
  data: Chunk,
});
export type SessionData = z.infer<typeof SessionData>;

/** Control plane to host: what was typed. */
export const TerminalInput = z.object({ kind: z.literal("terminal-input"), offset: Offset, data: Chunk });
export type TerminalInput = z.infer<typeof TerminalInput>;

export const TerminalResize = z.object({
  kind: z.literal("terminal-resize"),
  columns: WindowSide,
  rows: WindowSide,
});
export type TerminalResize = z.infer<typeof TerminalResize>;

/** A reader says its credit again this often though nothing has changed: it is the sign that it is still there. */
export const SEND_CREDIT_EVERY_MS = 10 * MS_PER_SECOND;
/** A session whose reader was not heard for so long is over. */
export const READER_SILENT_MS = 45 * MS_PER_SECOND;

/** From whoever reads. All bytes up to this offset may be sent: said twice or late, it adds nothing. */
export const SessionCredit = z.object({ kind: z.literal("session-credit"), upToByte: Offset });
export type SessionCredit = z.infer<typeof SessionCredit>;

/** From either side; nothing follows it. */
export const SessionClose = z.object({
  kind: z.literal("session-close"),
  /** `lost` and `beyond-credit`: the chunks did not add up (byte-credit.ts). */
  reason: z.enum(["ended", "left", "run-over", "lost", "beyond-credit", "too-slow", "shutdown", "error"]),
  /** The exit code of the terminal's command; null where none ended. */
  exitCode: z.int().nullable(),
  detail: z.string().max(2000),
});
export type SessionClose = z.infer<typeof SessionClose>;
