/**
 * How an image is named: by a reference or by its id. A reference has several spellings; whether two mean one image is
 * asked of their canonical names. What hosts tell that they have is compared as it stands: a preference, and no right.
 */

/** A reference or an image id; a shell's or a URL's special characters have no place in either. */
export const IMAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,255}$/;

/** An image by its content: nothing that could be pulled. */
export const IMAGE_ID = /^(sha256:)?[0-9a-f]{64}$/;

/** The images of one host, names and ids together: what a report can carry beside all else. */
export const MAX_HOST_IMAGES = 200;

/** What Docker takes for a reference that names no registry. */
export const DEFAULT_REGISTRY = "docker.io";

/**
 * The registry of a reference, `HOST` or `HOST:PORT`, as Docker reads it: the part before the first slash, if it has a
 * dot or a colon or is `localhost`. Null for an image id, which no registry is asked for.
 */
export function registryOf(reference: string): string | null {
  if (IMAGE_ID.test(reference)) return null;
  if (!namesRegistry(reference)) return DEFAULT_REGISTRY;
  const name = reference.slice(0, reference.indexOf("/")).toLowerCase();
  return name === "index.docker.io" || name === "registry-1.docker.io" ? DEFAULT_REGISTRY : name;
}

function namesRegistry(reference: string): boolean {
  const [first = "", ...rest] = reference.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost" || /[A-Z]/.test(first));
}

const DEFAULT_TAG = "latest";
/** Where Docker keeps images of the default registry that name no folder; nobody but its owner can put one there. */
const DEFAULT_FOLDER = "library";

/**
 * The one name of all spellings of a reference, as Docker reads them: registry, folder and tag are always said, and with
 * a digest no tag is, since the digest alone decides.
 */
export function canonicalImageName(reference: string): string {
  const registry = registryOf(reference);
  if (registry === null) return reference.startsWith("sha256:") ? reference : `sha256:${reference}`;
  const { path, tag, digest } = partsOf(withoutRegistry(reference));
  const isBare = registry === DEFAULT_REGISTRY && !path.includes("/");
  const repository = `${registry}/${isBare ? `${DEFAULT_FOLDER}/` : ""}${path}`;
  return digest === null ? `${repository}:${tag ?? DEFAULT_TAG}` : `${repository}@${digest}`;
}

function withoutRegistry(reference: string): string {
  return namesRegistry(reference) ? reference.slice(reference.indexOf("/") + 1) : reference;
}

function partsOf(text: string): { path: string; tag: string | null; digest: string | null } {
  const [named = "", digest = null] = text.split("@", 2);
  const colon = named.lastIndexOf(":");
  // A colon before a slash is no tag's.
  return colon <= named.lastIndexOf("/")
    ? { path: named, tag: null, digest }
    : { path: named.slice(0, colon), tag: named.slice(colon + 1), digest };
}
