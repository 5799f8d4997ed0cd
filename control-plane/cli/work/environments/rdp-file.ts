/** The file by which clients of RDP find an environment. */

/**
 * As clients of Windows, macOS and Linux open it. It has no password: its person is asked, by the client or by xrdp. xrdp knows no login before
 * the connection (NLA), and shows a certificate that it made itself, of which the client asks its person.
 * @param host an IPv6 address without brackets
 */
export function rdpFile({ host, port, user }: { host: string; port: number; user: string }): string {
  const address = host.includes(":") ? `[${host}]` : host;
  return [
    `full address:s:${address}:${port}`,
    `username:s:${user}`,
    "enablecredsspsupport:i:0",
    "authentication level:i:2",
    "",
  ].join("\r\n");
}
