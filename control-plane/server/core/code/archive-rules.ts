/**
 * What the code of a job may be as an archive: files, folders and links, all of them below its top, in a bounded number
 * and size. Nothing is read here. Whatever were taken too kindly is still unpacked by the job's own user in the job's own
 * container; what is refused here is refused before anybody waits for it.
 */

import { staysBelow, stepsOf } from "@remotegpu/shared/values/inner-link";

/** The bound of all files together, unpacked. */
export const MAX_UNPACKED_BYTES = 1_073_741_824;
export const MAX_ENTRIES = 100_000;
const MAX_NAME = 1_000;

/** Names are bytes, each of them a character from U+0000 to U+00FF. */
export interface ArchiveEntry {
  name: string;
  /** As the archive says it, a single character. */
  type: string;
  bytes: number;
  /** The target of a link. */
  target: string;
}

const FILE = ["0", "\0", "7"];
const LINK = "2";
const FOLDER = "5";
const OTHERS: Readonly<Record<string, string>> = {
  "1": "is a second name of another file (a hard link)",
  "3": "is a device",
  "4": "is a device",
  "6": "is a pipe",
};

export class ArchiveRules {
  readonly #kinds = new Map<string, "file" | "folder" | "link">();
  #bytes = 0;

  /** Why it cannot be taken, with which entry; null where it can. Entries are told in their order. */
  issueOf(entry: ArchiveEntry): string | null {
    const issue = this.#issueOf(entry);
    return issue === null ? null : `${visible(entry.name)} ${issue}`;
  }

  get reported(): { entries: number; bytes: number } {
    return { entries: this.#kinds.size, bytes: this.#bytes };
  }

  #issueOf({ name, type, bytes, target }: ArchiveEntry): string | null {
    const kind = kindOf(type);
    if (kind === null) return OTHERS[type] ?? "is neither a file nor a folder nor a link";
    if (name.length > MAX_NAME) return `has a name of more than ${MAX_NAME} bytes`;
    if (name.startsWith("/")) return "has an absolute path";
    const steps = stepsOf(name);
    if (steps.includes("..")) return "has a path with ..";
    // The top itself, as many programs pack it first.
    if (steps.length === 0) return kind === "folder" ? null : "has no name";
    for (let depth = 1; depth < steps.length; depth += 1) {
      const above = this.#kinds.get(steps.slice(0, depth).join("/"));
      if (above === "link" || above === "file") return `lies below ${above === "link" ? "a link" : "a file"}`;
    }
    const path = steps.join("/");
    const before = this.#kinds.get(path);
    if (before !== undefined && !(before === "folder" && kind === "folder")) return "is in it twice";
    if (kind === "link" && !staysBelow(steps, target))
      return `is a link that leaves it, to ${visible(target)}`;
    this.#kinds.set(path, kind);
    this.#bytes += kind === "file" ? bytes : 0;
    if (this.#kinds.size > MAX_ENTRIES) return `is one more than the ${MAX_ENTRIES} that there may be`;
    if (this.#bytes > MAX_UNPACKED_BYTES)
      return `makes it more than the ${MAX_UNPACKED_BYTES} bytes that it may have unpacked`;
    return null;
  }
}

function kindOf(type: string): "file" | "folder" | "link" | null {
  if (FILE.includes(type)) return "file";
  if (type === FOLDER) return "folder";
  return type === LINK ? "link" : null;
}

const MAX_LISTED = 200;

function visible(name: string): string {
  const text = name.length > MAX_LISTED ? `${name.slice(0, MAX_LISTED)}…` : name;
  return JSON.stringify(text.replaceAll(/[\u0080-\u00ff]/g, "\ufffd"));
}
