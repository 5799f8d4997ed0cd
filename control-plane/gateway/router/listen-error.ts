/** Why a gateway does not begin. Apart from what listens, since every command knows this word. */

/** The port cannot be had, or the certificate not be read; the message is one clear sentence. */
export class GatewayListenError extends Error {
  override readonly name = "GatewayListenError";
}
