/** Links that let a browser fetch one file of an environment for a short while: what one says, and who makes and reads them. */
interface DownloadClaim {
  environmentId: string;
  /** As its programs see it; each character is a byte. */
  path: string;
  /** Whose right it is: it goes with the key. */
  apiKeyId: number;
  expiresMs: number;
}

export interface DownloadLinks {
  /** A text for an address that only we can make. */
  make(claim: DownloadClaim): string;
  /** Null where we did not make it. */
  open(token: string): DownloadClaim | null;
}
