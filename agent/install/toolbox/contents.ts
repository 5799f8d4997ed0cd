/**
 * What the toolbox takes from which Debian package, and where it lies in it. All of it is read from the toolbox's own
 * folder, whatever the image has.
 */

/** Where every container sees it. */
export const TARGET = "/.remotegpu";

/** A program that is linked with libraries, which come along. */
export type Program = {
  package: string;
  from: string;
  to: string;
  isOptional?: boolean;
  /** A library that it does without, since the C library has the same functions. */
  without?: string;
};

export const PROGRAMS: readonly Program[] = [
  { package: "openssh-server", from: "usr/sbin/sshd", to: "sbin/sshd" },
  // Before OpenSSH 9.8 and 10.0 these were parts of sshd.
  {
    package: "openssh-server",
    from: "usr/lib/openssh/sshd-session",
    to: "libexec/sshd-session",
    isOptional: true,
  },
  { package: "openssh-server", from: "usr/lib/openssh/sshd-auth", to: "libexec/sshd-auth", isOptional: true },
  { package: "openssh-sftp-server", from: "usr/lib/openssh/sftp-server", to: "libexec/sftp-server" },
  { package: "openssh-client", from: "usr/bin/scp", to: "libexec/scp" },
  // Of a rank that starts processes on others (libexec/launch/ssh).
  { package: "openssh-client", from: "usr/bin/ssh", to: "libexec/ssh" },
  { package: "rsync", from: "usr/bin/rsync", to: "bin/rsync" },
  // Another allocator, which would bring 3.5 MB of C++ along.
  { package: "tmux", from: "usr/bin/tmux", to: "libexec/tmux", without: "libjemalloc.so.2" },
];

/** Loaded into sshd, not linked with it. */
export const PRELOADED = { package: "libnss-wrapper", name: "libnss_wrapper.so" };

export const BUSYBOX = { package: "busybox-static", from: ["usr/bin/busybox", "bin/busybox"], to: "busybox" };

/** What tmux writes in. */
export const LOCALE = { package: "libc-bin", from: "usr/lib/locale/C.utf8", to: "loc/C.utf8" };

/** All of the first package; of the second, what people's terminals are called today. */
export const TERMINALS = {
  to: "terminfo",
  from: ["usr/share/terminfo", "usr/lib/terminfo", "lib/terminfo"],
  base: "ncurses-base",
  more: "ncurses-term",
  names: new Set([
    ..."alacritty alacritty-direct contour foot foot-direct ghostty gnome-256color iterm2 iterm2-direct".split(
      " ",
    ),
    ..."kitty kitty-direct konsole-256color mintty ms-terminal putty putty-256color rio st st-256color".split(
      " ",
    ),
    ..."screen.xterm-256color tmux-direct vte-256color wezterm xterm-direct xterm-ghostty xterm-kitty".split(
      " ",
    ),
  ]),
};

/** Whose licence and version stand in the list although no program of theirs is linked. */
export const PACKAGES: readonly string[] = [
  ...new Set(PROGRAMS.map((program) => program.package)),
  PRELOADED.package,
  BUSYBOX.package,
  LOCALE.package,
  TERMINALS.base,
  TERMINALS.more,
];

/** A host key in the form that the control plane derives is read from this version on. */
export const OLDEST_SSHD = { major: 9, minor: 6 };

/** Left out of sshd's configuration where its version does not know them: then there is nothing to set. */
export const NEWER_KEYWORDS = ["PerSourcePenalties", "SshdSessionPath", "SshdAuthPath"];

/**
 * Names of files that are written into libraries, by library; a name is replaced by one that is as long at most. By
 * the environment it could not be said: what runs in tmux would hear it too.
 */
export const OWN_PLACES: Record<string, Record<string, string>> = {
  // What an image loads into every program of its own (for its own C library) must not be loaded into ours.
  "ld-linux-x86-64.so.2": { "/etc/ld.so.preload": `${TARGET}/nolibs`, "/etc/ld.so.cache": `${TARGET}/none` },
  "libc.so.6": { "/usr/lib/locale": `${TARGET}/loc` },
  "libtinfo.so.6": {
    "/etc/terminfo:/lib/terminfo:/usr/share/terminfo": `/usr/share/terminfo:${TARGET}/terminfo`,
  },
  // Who may connect is decided by the host.
  "libwrap.so.0": { "/etc/hosts.allow": `${TARGET}/none`, "/etc/hosts.deny": `${TARGET}/non` },
};
