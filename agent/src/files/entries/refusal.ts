/** Why the files process does not do what it is asked for; its sentence is for people, and names no path of the host. */
import type { HostRefusal } from "@remotegpu/shared/messages/file-refusal";
import type { FileRefusalReason } from "@remotegpu/shared/messages/files";
import type { HostReason, PlainHostCode } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";

export class FileRefusal extends Error {
  override name = "FileRefusal";
  readonly reason: FileRefusalReason;
  readonly why: HostReason;

  /** @param given a reason without parameters as its code alone */
  constructor(reason: FileRefusalReason, given: PlainHostCode | HostReason, options?: ErrorOptions) {
    const why: HostReason = typeof given === "string" ? { code: given, params: {} } : given;
    super(textOf(why), options);
    this.reason = reason;
    this.why = why;
  }

  get body(): HostRefusal {
    return { reason: this.reason, detail: this.message, why: this.why };
  }
}

/** What the kernel's answer means to whoever asked; null where it is a failure of the host's own. */
export function refusalOf(error: unknown): FileRefusal | null {
  if (error instanceof FileRefusal) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const cause = { cause: error };
  switch (code) {
    case "ENOENT":
      return new FileRefusal("not-found", "pool-file-missing", cause);
    case "ENOTDIR":
      return new FileRefusal("not-a-folder", "pool-path-through-file", cause);
    case "EXDEV":
    case "ELOOP":
      return new FileRefusal("leaves-folder", "pool-link-leaves-folder", cause);
    case "EISDIR":
      return new FileRefusal("not-a-file", "pool-file-is-folder", cause);
    case "ENAMETOOLONG":
      return new FileRefusal("bad-path", "pool-path-too-long", cause);
    case "EAGAIN":
      return new FileRefusal("busy", "pool-path-being-renamed", cause);
    case "ENOSPC":
      return new FileRefusal("no-room", "pool-disk-full", cause);
    case "EDQUOT":
      return new FileRefusal("no-room", "pool-quota-exhausted", cause);
    case "EROFS":
      return new FileRefusal("failed", "pool-read-only", cause);
    case "EMFILE":
    case "ENFILE":
      return new FileRefusal("busy", "host-open-files-too-many", cause);
    default:
      return null;
  }
}
