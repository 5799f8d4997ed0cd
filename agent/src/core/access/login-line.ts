/**
 * A line of sshd that says who has logged in, as it comes out of a container: whoever is root there can write any. It is
 * taken for no more than what a container tells of the connection that has this port.
 */
import type { SessionLogin } from "@remotegpu/shared/ssh-access";

/** A whole line is shorter, whatever the user and the type of the key are called. */
export const MAX_LOGIN_LINE = 256;
/** Relayed connections come from there; whoever else logs in is no client of ours. */
const LINE =
  /^Accepted ([a-z0-9/-]{1,40}) for [^\s]{1,64} from 127\.0\.0\.1 port ([1-9]\d{0,4}) ssh2(?:: ([A-Za-z0-9@.-]{1,64}) (SHA256:[A-Za-z0-9+/]{43}))?$/;
const MAX_PORT = 65_535;

/** @param port from which sshd sees the connection: the relay's own end of it */
export type ToldLogin = { port: number; login: Omit<SessionLogin, "at"> };

/** Null for what says nothing of a login. */
export function loginIn(line: string): ToldLogin | null {
  const [, method = "", port, , fingerprint = null] = LINE.exec(line) ?? [];
  if (port === undefined || Number(port) > MAX_PORT) return null;
  if (method === "publickey")
    return fingerprint === null ? null : { port: Number(port), login: { method, fingerprint } };
  return {
    port: Number(port),
    login: { method: method === "password" ? "password" : "other", fingerprint: null },
  };
}
