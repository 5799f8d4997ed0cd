/** Why the files process does not do what it is asked for; its sentence is for people, and names no path of the host. */
import type { FileRefusalReason } from "@remotegpu/shared/messages/files";

export class FileRefusal extends Error {
  override name = "FileRefusal";
  readonly reason: FileRefusalReason;

  constructor(reason: FileRefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** What the kernel's answer means to whoever asked; null where it is a failure of the host's own. */
export function refusalOf(error: unknown): FileRefusal | null {
  if (error instanceof FileRefusal) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const cause = { cause: error };
  switch (code) {
    case "ENOENT":
      return new FileRefusal("not-found", "There is no such file or folder.", cause);
    case "ENOTDIR":
      return new FileRefusal("not-a-folder", "A part of the path is no folder.", cause);
    case "EXDEV":
    case "ELOOP":
      return new FileRefusal(
        "leaves-folder",
        "It is a link that leaves its folder, or leads nowhere.",
        cause,
      );
    case "EISDIR":
      return new FileRefusal("not-a-file", "It is a folder.", cause);
    case "ENAMETOOLONG":
      return new FileRefusal("bad-path", "The path is too long.", cause);
    case "EAGAIN":
      return new FileRefusal("busy", "What is on the way there is being renamed all the time.", cause);
    case "ENOSPC":
      return new FileRefusal("no-room", "The disk of the storage pool is full.", cause);
    case "EDQUOT":
      return new FileRefusal("no-room", "A quota of the storage pool's file system is used up.", cause);
    case "EROFS":
      return new FileRefusal("failed", "The storage pool takes no writes.", cause);
    case "EMFILE":
    case "ENFILE":
      return new FileRefusal("busy", "Too many files are open on that host.", cause);
    default:
      return null;
  }
}
