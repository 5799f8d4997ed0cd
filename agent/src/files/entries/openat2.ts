/**
 * openat2, the one call that Node lacks here: it opens what lies below a folder, and the kernel itself refuses any link
 * on the way that leads out of it, also one that is put there in this very moment. Everything else is done on what it
 * has opened, by `/proc/self/fd`, which is that file and no name of it.
 */
import koffi from "koffi";

const SYS_OPENAT2 = 437;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_BENEATH = 0x08;
const HOW_BYTES = 24;
/** While something on the way is renamed the kernel cannot say that it stays below, and asks to be called again. */
const MAX_TRIES = 1_000;

export const OPEN = {
  readOnly: 0,
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  nonBlocking: 0o4000,
  folder: 0o200_000,
  noFollow: 0o400_000,
  closeOnExec: 0o2_000_000,
  /** Only a hold on it: neither read nor written, so that a pipe does not wait and a device does nothing. */
  path: 0o10_000_000,
} as const;

const libc = koffi.load("libc.so.6");
// On this processor a call with variable arguments takes whole numbers and addresses like any other.
const syscall: (number: number, at: number, path: Buffer, how: Buffer, size: number) => number = libc.func(
  "long syscall(long, int, const void *, const void *, size_t)",
);

const CODES: Record<number, string> = {
  1: "EPERM",
  2: "ENOENT",
  5: "EIO",
  6: "ENXIO",
  11: "EAGAIN",
  13: "EACCES",
  17: "EEXIST",
  18: "EXDEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  28: "ENOSPC",
  30: "EROFS",
  36: "ENAMETOOLONG",
  38: "ENOSYS",
  40: "ELOOP",
  116: "ESTALE",
  122: "EDQUOT",
};

/** The kernel's refusal, with the code that Node's own errors have. */
class OpenError extends Error {
  override name = "OpenError";
  readonly code: string;

  constructor(code: string) {
    super(`the kernel does not open it: ${code}`);
    this.code = code;
  }
}

/**
 * The number of an open file, which whoever gets it closes.
 * @param path relative to the folder; what leads out of it is refused with EXDEV
 * @throws OpenError
 */
export function openBelow(
  folder: number,
  path: Uint8Array,
  { flags, mode = 0 }: { flags: number; mode?: number },
): number {
  const how = Buffer.alloc(HOW_BYTES);
  how.writeBigUInt64LE(BigInt(flags | OPEN.closeOnExec), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS), 16);
  const name = Buffer.concat([path.length === 0 ? Buffer.from(".") : path, Buffer.of(0)]);
  for (let tries = 1; ; tries += 1) {
    const fd = syscall(SYS_OPENAT2, folder, name, how, HOW_BYTES);
    if (fd >= 0) return fd;
    const code = CODES[koffi.errno()] ?? `E${koffi.errno()}`;
    if (code !== "EAGAIN" || tries >= MAX_TRIES) throw new OpenError(code);
  }
}
