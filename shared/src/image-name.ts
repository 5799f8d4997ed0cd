/**
 * How an image is named: by a reference or by its id. Orders name one, and hosts tell by such names what they have; the
 * two are compared as they stand, letter by letter.
 */

/** A reference or an image id; a shell's or a URL's special characters have no place in either. */
export const IMAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,255}$/;

/** An image by its content: nothing that could be pulled. */
export const IMAGE_ID = /^(sha256:)?[0-9a-f]{64}$/;

/** Of one host, names and ids together: what a report can carry beside all else. */
export const MAX_HOST_IMAGES = 200;

/** What Docker takes for a reference that names no registry. */
export const DEFAULT_REGISTRY = "docker.io";

/**
 * The registry of a reference, `HOST` or `HOST:PORT`, as Docker reads it: the part before the first slash, if it has a
 * dot or a colon or is `localhost`. Null for an image id, which no registry is asked for.
 */
export function registryOf(reference: string): string | null {
  if (IMAGE_ID.test(reference)) return null;
  const [first = "", ...rest] = reference.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost" || /[A-Z]/.test(first));
  if (!isHost) return DEFAULT_REGISTRY;
  const name = first.toLowerCase();
  return name === "index.docker.io" || name === "registry-1.docker.io" ? DEFAULT_REGISTRY : name;
}
