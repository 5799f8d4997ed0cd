/** The address that the API was to listen on cannot be had; its message is one clear sentence. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}
