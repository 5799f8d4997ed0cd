/**
 * The three calls of the C library that Node lacks: entering a network namespace for the moment that it takes to
 * make a socket there. A socket stays in the namespace that it was made in, so nothing else has to happen inside.
 * All of it runs on the main thread in one go: a namespace is entered by a thread, and no other one of this process
 * ever is anywhere but at home.
 */
import { closeSync, fstatSync, openSync } from "node:fs";
import koffi from "koffi";

const CLONE_NEWNET = 0x4000_0000;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2_000_000;
/** systemd's word for an internal failure of the program (EX_SOFTWARE). */
const EXIT_SOFTWARE = 70;

const libc = koffi.load("libc.so.6");
const setns: (fd: number, kind: number) => number = libc.func("int setns(int, int)");
const socket: (domain: number, type: number, protocol: number) => number =
  libc.func("int socket(int, int, int)");

/** The namespace cannot be entered, or no socket be had. */
export class NamespaceError extends Error {
  override name = "NamespaceError";
}

const HOME = "/proc/thread-self/ns/net";

/** Whether an open namespace file is the one that this process is in. */
export function isOwnNamespace(fd: number): boolean {
  const home = openSync(HOME, "r");
  try {
    return fstatSync(home).ino === fstatSync(fd).ino;
  } finally {
    closeSync(home);
  }
}

/**
 * A TCP socket, not yet connected, of the namespace that `fd` is open on.
 * @throws NamespaceError. A process that cannot come home again ends at once: it would bind and dial elsewhere.
 */
export function socketIn(fd: number): number {
  const home = openSync(HOME, "r");
  try {
    if (setns(fd, CLONE_NEWNET) !== 0)
      throw new NamespaceError(`the namespace cannot be entered: errno ${koffi.errno()}`);
    const made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const errno = koffi.errno();
    const isHome = setns(home, CLONE_NEWNET) === 0 && isOwnNamespace(home);
    if (!isHome) process.exit(EXIT_SOFTWARE);
    if (made < 0) throw new NamespaceError(`no socket can be made there: errno ${errno}`);
    return made;
  } finally {
    closeSync(home);
  }
}
