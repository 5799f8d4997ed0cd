/** Where a registry leads a runtime is gone through before it is: what leads inside is found, and nothing else is refused. */
import { describe, expect, test } from "vitest";
import type { RegistryAnswer, RegistryRequest } from "@remotegpu/agent/host/registry-requests";
import { LeadsInsideError, preflight } from "@remotegpu/agent/loop/images/registry-preflight";

const HOST = "registry.example.com";
const REPOSITORY = `https://${HOST}/v2/team/app`;
const ADDRESSES: Record<string, string[]> = {
  [HOST]: ["93.184.216.34"],
  "registry-1.docker.io": ["93.184.216.35"],
  "blobs.example.net": ["93.184.216.36"],
  "auth.example.net": ["93.184.216.37"],
  "rebound.example.net": ["93.184.216.38", "10.0.0.7"],
  "v6.example.net": ["fd00:ec2::254"],
};
const LOGIN = { username: "ann", password: "pa:ss" };
const layer = (n: number) => `sha256:${String(n).repeat(64)}`;
const blob = (n: number) => `${REPOSITORY}/blobs/${layer(n)}`;
const MANIFEST = { config: { digest: layer(0) }, layers: [{ digest: layer(1) }, { digest: layer(2) }] };

type Answers = Record<string, Partial<RegistryAnswer> | object>;

/** What was asked, in its order; by URL what is answered, and else 200 without a body. */
async function walked(
  answers: Answers,
  {
    image = `${HOST}/team/app:1`,
    registry = HOST,
    login = null as typeof LOGIN | null,
    signal = never(),
  } = {},
): Promise<{ requested: RegistryRequest[]; refusal: string | null }> {
  const requested: RegistryRequest[] = [];
  const request = (request: RegistryRequest): Promise<RegistryAnswer> => {
    requested.push(request);
    const plain = { status: 200, location: null, challenge: null, body: new Uint8Array() };
    const given = answers[request.url.href.split("?")[0] ?? ""] ?? {};
    if ("fails" in given) return Promise.reject(new Error("reset"));
    const isAnswer = ["status", "location", "challenge"].some((name) => name in given);
    if (isAnswer) return Promise.resolve({ ...plain, ...given });
    return Promise.resolve({ ...plain, body: new TextEncoder().encode(JSON.stringify(given)) });
  };
  const addressesOf = (name: string) => Promise.resolve(ADDRESSES[name] ?? []);
  try {
    await preflight({ addressesOf, request }, { image, registry, login, signal });
    return { requested, refusal: null };
  } catch (error) {
    if (!(error instanceof LeadsInsideError)) throw error;
    return { requested, refusal: error.message };
  }
}
const never = () => new AbortController().signal;
const to = (location: string) => ({ status: 307, location });
const bearer = (realm: string) => ({ status: 401, challenge: `Bearer realm="${realm}",service="s"` });

test("a registry is requested at the address that was checked: its own, and each part of the image", async () => {
  const { requested, refusal } = await walked({
    [`${REPOSITORY}/manifests/1`]: MANIFEST,
    [blob(1)]: to("https://blobs.example.net/one"),
  });

  expect(refusal).toBeNull();
  expect(requested.map(({ method, url, address }) => [method, url.href, address])).toEqual([
    ["GET", `https://${HOST}/v2/`, "93.184.216.34"],
    ["GET", `${REPOSITORY}/manifests/1`, "93.184.216.34"],
    ["GET", blob(0), "93.184.216.34"],
    ["GET", blob(1), "93.184.216.34"],
    ["GET", blob(2), "93.184.216.34"],
    ["GET", "https://blobs.example.net/one", "93.184.216.36"],
  ]);
  expect(requested.filter(({ url }) => url.href.includes("blob")).map(({ maxBytes }) => maxBytes)).toEqual([
    0, 0, 0, 0,
  ]);
});

describe("what leads inside is refused", () => {
  const manifest = { [`${REPOSITORY}/manifests/1`]: MANIFEST };

  test.each<[string, Answers, string]>([
    ["a ping", { [`https://${HOST}/v2/`]: to("http://169.254.169.254/") }, "169.254.169.254"],
    ["a manifest", { [`${REPOSITORY}/manifests/1`]: to("http://10.1.2.3:5000/v2/x") }, "10.1.2.3"],
    [
      "its settings",
      { ...manifest, [blob(0)]: to("https://metadata.google.internal/") },
      "metadata.google.internal",
    ],
    ["a layer", { ...manifest, [blob(2)]: to("http://[::1]:4222/") }, "::1"],
    [
      "a name with an inner address",
      { ...manifest, [blob(1)]: to("https://rebound.example.net/") },
      "10.0.0.7",
    ],
    ["an inner address of IPv6", { ...manifest, [blob(1)]: to("https://v6.example.net/") }, "fd00:ec2::254"],
    ["an address in another spelling", { ...manifest, [blob(1)]: to("http://0x7f.1/") }, "127.0.0.1"],
    ["another protocol", { ...manifest, [blob(1)]: to("file:///etc/shadow") }, "file:"],
    [
      "the second redirect",
      {
        ...manifest,
        [blob(1)]: to("https://blobs.example.net/a"),
        "https://blobs.example.net/a": to("http://127.0.0.1/"),
      },
      "127.0.0.1",
    ],
    ["tokens", { [`https://${HOST}/v2/`]: bearer("http://192.168.0.1/token") }, "192.168.0.1"],
    [
      "another place of a layer",
      { [`${REPOSITORY}/manifests/1`]: { layers: [{ digest: layer(1), urls: ["http://localhost/x"] }] } },
      "localhost",
    ],
    [
      "a layer beside one that is not reached",
      { ...manifest, [blob(0)]: { fails: true }, [blob(2)]: to("http://127.0.0.1/") },
      "127.0.0.1",
    ],
  ])("of %s", async (_what, answers, where) => {
    const { requested, refusal } = await walked(answers);

    expect(refusal).toContain(where);
    expect(requested.every(({ address }) => address.startsWith("93.184."))).toBe(true);
  });
});

test("of several platforms the machine's own is gone through", async () => {
  const own = process.arch === "x64" ? "amd64" : process.arch;
  const { refusal } = await walked({
    [`${REPOSITORY}/manifests/1`]: {
      manifests: [
        { digest: layer(7), platform: { os: "linux", architecture: "s390x" } },
        { digest: layer(8), platform: { os: "linux", architecture: own } },
      ],
    },
    [`${REPOSITORY}/manifests/${layer(7)}`]: MANIFEST,
    [`${REPOSITORY}/manifests/${layer(8)}`]: { layers: [{ digest: layer(3) }] },
    [blob(3)]: to("http://10.0.0.1/"),
  });

  expect(refusal).toContain("10.0.0.1");
});

test("of the default registry no manifest is read, which would count as a pull", async () => {
  const { requested } = await walked({}, { image: "busybox", registry: "docker.io" });

  expect(requested.map(({ method, url }) => `${method} ${url.href}`)).toEqual([
    "GET https://registry-1.docker.io/v2/",
    "HEAD https://registry-1.docker.io/v2/library/busybox/manifests/latest",
  ]);
});

describe("a login", () => {
  const reported = (requested: RegistryRequest[]) =>
    requested.map(({ url, headers }) => [url.host, headers.authorization?.split(" ")[0] ?? null]);

  test("goes to the service that gives tokens, and the token to the registry and nowhere else", async () => {
    const { requested } = await walked(
      {
        [`https://${HOST}/v2/`]: bearer("https://auth.example.net/token"),
        "https://auth.example.net/token": { token: "t" },
        [`${REPOSITORY}/manifests/1`]: { layers: [{ digest: layer(1) }] },
        [blob(1)]: to("https://blobs.example.net/one"),
      },
      { login: LOGIN },
    );

    expect(reported(requested)).toEqual([
      [HOST, null],
      ["auth.example.net", "Basic"],
      [HOST, "Bearer"],
      [HOST, "Bearer"],
      ["blobs.example.net", null],
    ]);
    expect(requested[1]?.url.searchParams.get("scope")).toBe("repository:team/app:pull");
  });

  test("is never sent in plain text", async () => {
    const realm = { [`https://${HOST}/v2/`]: bearer("http://auth.example.net/token") };

    expect(reported((await walked(realm, { login: LOGIN })).requested)).toEqual([
      [HOST, null],
      ["auth.example.net", null],
      [HOST, null],
    ]);
  });
});

describe("the runtime is left to report what is wrong", () => {
  test.each<[string, Answers]>([
    ["a registry that is not reached", { [`https://${HOST}/v2/`]: { fails: true } }],
    ["a manifest that is none", { [`${REPOSITORY}/manifests/1`]: { layers: "none" } }],
    ["a token that is none", { [`https://${HOST}/v2/`]: bearer("https://auth.example.net/token") }],
    ["a redirect without an end", { [`https://${HOST}/v2/`]: to(`https://${HOST}/v2/`) }],
    ["a name that leads nowhere", { [`https://${HOST}/v2/`]: to("https://nowhere.example.net/") }],
  ])("of %s", async (_what, answers) => {
    const { requested, refusal } = await walked(answers);

    expect(refusal).toBeNull();
    expect(requested.length).toBeLessThan(15);
  });
});

test("it ends with the pull", async () => {
  const signal = AbortSignal.abort(new Error("nobody wants it any more"));

  await expect(walked({ [`https://${HOST}/v2/`]: { fails: true } }, { signal })).rejects.toThrow(
    "nobody wants it",
  );
});
