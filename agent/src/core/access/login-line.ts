/**
 * A line of sshd that says who has logged in, as it comes out of a container: whoever is root there can write any. It is
 * taken for no more than what a container tells of the connection that has this port.
 */
import type { SessionLogin } from "@remotegpu/shared/instance/ssh-access";

/** A whole line is shorter, whatever the user and the type of the key are called. */
export const MAX_LOGIN_LINE = 256;
/** From where the relay leads clients of whom only keys count: sshd's configuration says that of this address. */
export const KEYS_ONLY_ADDRESS = "127.0.0.2";
/** Relayed connections come from there; whoever else logs in is no client of ours. */
const LINE =
  /^Accepted ([a-z0-9/-]{1,40}) for [^\s]{1,64} from (127\.0\.0\.[12]) port ([1-9]\d{0,4}) ssh2(?:: ([A-Za-z0-9@.-]{1,64}) (SHA256:[A-Za-z0-9+/]{43}))?$/;
const MAX_PORT = 65_535;

/** The relay's own end of a connection, as sshd sees it: a port of `KEYS_ONLY_ADDRESS` or of 127.0.0.1. */
export type RouteEnd = { port: number; isKeysOnly?: boolean | undefined };
export type ReportedLogin = RouteEnd & { login: Omit<SessionLogin, "at"> };

/** Null for what says nothing of a login. */
export function loginIn(line: string): ReportedLogin | null {
  const [, method = "", address, port, , fingerprint = null] = LINE.exec(line) ?? [];
  if (port === undefined || Number(port) > MAX_PORT) return null;
  const end = { port: Number(port), ...(address === KEYS_ONLY_ADDRESS && { isKeysOnly: true }) };
  if (method === "publickey") return fingerprint === null ? null : { ...end, login: { method, fingerprint } };
  return {
    ...end,
    login: { method: method === "password" ? "password" : "other", fingerprint: null },
  };
}
