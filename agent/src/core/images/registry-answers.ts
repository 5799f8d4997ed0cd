/**
 * What registries answer, as far as it says where a runtime is led: the service that gives tokens, and which parts an image
 * has. By the distribution specification and the Docker registry's token authentication. Pure.
 */

export interface TokenService {
  /** Where tokens are given. */
  readonly realm: string;
  readonly service: string | null;
}

/** The token service that a `WWW-Authenticate` names; null where it requires no token. */
export function tokenServiceOf(challenge: string): TokenService | null {
  if (!/^bearer\s/i.test(challenge)) return null;
  const values = new Map(
    [...challenge.matchAll(/([A-Za-z_]+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [
      name.toLowerCase(),
      value,
    ]),
  );
  const realm = values.get("realm");
  return realm === undefined || realm === "" ? null : { realm, service: values.get("service") ?? null };
}

/** The address with what says for which repository a token is asked; null where the realm is no URL. */
export function tokenUrl({ realm, service }: TokenService, repository: string): URL | null {
  const url = URL.parse(realm);
  if (url === null) return null;
  if (service !== null) url.searchParams.set("service", service);
  url.searchParams.set("scope", `repository:${repository}:pull`);
  return url;
}

export interface ManifestOfPlatform {
  readonly digest: string;
  readonly platform: { readonly os: string; readonly architecture: string } | null;
}

/** The one that this machine's runtime takes of several, or, where none says so, the first; null of none. */
export function ofThisMachine(manifests: readonly ManifestOfPlatform[], architecture: string): string | null {
  const own = manifests.find(
    ({ platform }) => platform?.os === "linux" && platform.architecture === architecture,
  );
  return (own ?? manifests[0])?.digest ?? null;
}

/** As images say it of what Node calls so. */
export function architectureOf(arch: string): string {
  return arch === "x64" ? "amd64" : arch;
}

/**
 * The repository within its registry that a reference names, as the runtime takes it apart, and what of it is wanted.
 */
export function repositoryWithin(
  { name, tag }: { name: string; tag: string },
  { registry, isDefault }: { registry: string; isDefault: boolean },
): { repository: string; wanted: string } {
  const first = name.split("/")[0] ?? "";
  const isNamed = first.toLowerCase() === registry || (isDefault && /[.:]/.test(first));
  const path = isNamed ? name.slice(first.length + 1) : name;
  return { repository: isDefault && !path.includes("/") ? `library/${path}` : path, wanted: tag };
}
