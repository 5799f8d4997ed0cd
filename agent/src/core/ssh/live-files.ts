/**
 * What sshd in a container reads of the folder that the host keeps for it: its configuration, its key, who may enter,
 * and the users that it knows, which are its own and not the image's. What holds for every container stands in the
 * toolbox (etc/sshd_config), so that a container keeps the paths of the toolbox that it was made with.
 */
import { LIVE_TARGET, TOOLBOX_TARGET } from "../container/container-spec.ts";
import { authorizedKeys, type NamedKey, type RefusedKey } from "./authorized-keys.ts";

/** As everybody's shell, it gives the image's own one to whoever enters. */
export const SESSION = `${TOOLBOX_TARGET}/session`;
/** sshd becomes this user before it knows who is there. It is in no list of users of Debian or systemd. */
const SSHD_ID = 61_200;
export const TTY_GROUP = 5;
/** The line of sshd's user in a list of users. */
export const SSHD_USER = `sshd:x:${SSHD_ID}:${SSHD_ID}:sshd:/run/sshd:${SESSION}`;
/** No password is this one, and unlike a mark of a locked user it lets keys in. */
export const NO_PASSWORD = "*";
const SAFE_HOME = /^\/[^:\p{Cc}]*$/u;
const MAX_HOME = 1_024;
const HASH = /^\$[A-Za-z0-9-]+\$[A-Za-z0-9./,=$+-]{20,}$/;
export const PRIVATE_KEY =
  /^-----BEGIN PRIVATE KEY-----\n(?:[A-Za-z0-9+/]{1,64}={0,2}\n){1,64}-----END PRIVATE KEY-----\n?$/;
const LAST = "sshd_config";
/** Beside the files: where the container tells of logins. The access process makes it, and it stays among them. */
export const LOGIN_SOCKET = "logins";

export type SshDoor = {
  keys: readonly NamedKey[];
  /** PKCS#8, as PEM. */
  hostKeyPem: string;
  /** As crypt(3) writes it; null: no password opens it. */
  passwordHash: string | null;
  /** Root's folder in the container, as its first process knows it. */
  home: string;
};

/** A user of the container, by its numbers. */
export type Owner = { uid: number; gid: number };

/** Readable by its owner alone, root where there is none, unless `isPublic`. */
export type LiveFile = { name: string; text: string; isPublic: boolean; owner?: Owner };

/**
 * In the order in which they are to be written: sshd is started when its configuration appears.
 * @throws where host key or hash are not ones; both are the control plane's or the host's own
 */
export function liveFiles({ keys, hostKeyPem, passwordHash, home }: SshDoor): {
  files: LiveFile[];
  refused: RefusedKey[];
} {
  if (!PRIVATE_KEY.test(hostKeyPem)) throw new Error("the host key of a container is no PKCS#8 key");
  if (passwordHash !== null && !isPasswordHash(passwordHash))
    throw new Error("the hash of a password is none");
  const { text, refused } = authorizedKeys(keys);
  const secret = (name: string, lines: string) => ({ name, text: lines, isPublic: false });
  const open = (name: string, lines: string) => ({ name, text: lines, isPublic: true });
  const files = [
    secret("host_key", hostKeyPem),
    secret("authorized_keys", text),
    open("passwd", usersText(home)),
    open("group", `root:x:0:\ntty:x:${TTY_GROUP}:\nsshd:x:${SSHD_ID}:\n`),
    secret("shadow", `root:${passwordHash ?? NO_PASSWORD}:1:0:99999:7:::\n`),
    open(LAST, configuration({ hasPassword: passwordHash !== null })),
  ];
  return { files, refused };
}

/** As crypt(3) writes one. */
export function isPasswordHash(text: string): boolean {
  return HASH.test(text);
}

/** A home that cannot stand in the list, as an image may name one, is the root folder; the session goes home itself. */
function usersText(home: string): string {
  const fitting = SAFE_HOME.test(home) && home.length <= MAX_HOME ? home : "/";
  return [`root:x:0:0:root:${fitting}:${SESSION}`, SSHD_USER, ""].join("\n");
}

function configuration({ hasPassword }: { hasPassword: boolean }): string {
  return [
    `HostKey ${LIVE_TARGET}/host_key`,
    `AuthorizedKeysFile ${LIVE_TARGET}/authorized_keys`,
    `PasswordAuthentication ${hasPassword ? "yes" : "no"}`,
    `Include ${TOOLBOX_TARGET}/etc/sshd_config`,
    "",
  ].join("\n");
}
