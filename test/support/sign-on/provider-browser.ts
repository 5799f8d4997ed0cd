/** A browser without pages at the provider: follows its redirects, keeps its cookies and fills in its forms. */

const MAX_STEPS = 20;

export class ProviderBrowser {
  readonly #cookies = new Map<string, string>();

  /**
   * Logs in at the address of an authorization request, or of a device's code.
   * @returns the address that the provider sends the browser to when it is done, or its last page where it stays there
   */
  async logIn(address: string, subject: string): Promise<{ location: URL | null; page: string }> {
    const { origin } = new URL(address);
    let next: { url: string; body?: URLSearchParams } = { url: address };
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const response = await this.#send(next.url, next.body);
      const location = response.headers.get("location");
      if (location !== null) {
        const url = new URL(location, next.url);
        if (url.origin !== origin) return { location: url, page: "" };
        next = { url: url.href };
        continue;
      }
      const page = await response.text();
      const form = formOf(page, subject);
      if (form === null) return { location: null, page };
      next = { url: new URL(form.action || next.url, next.url).href, body: form.fields };
    }
    throw new Error("the provider's pages do not end");
  }

  async #send(url: string, body: URLSearchParams | undefined): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie },
      ...(body !== undefined && { method: "POST", body }),
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      this.#cookies.set(name, value);
    }
    return response;
  }
}

/** The page's form as a person would send it; null where the page has none that goes on. */
function formOf(page: string, subject: string): { action: string; fields: URLSearchParams } | null {
  const [form = ""] = /<form[^>]*method="post"[\s\S]*?<\/form>/i.exec(page) ?? [];
  if (form === "") return null;
  const [, action = ""] = /action="([^"]*)"/i.exec(form) ?? [];
  const fields = new URLSearchParams();
  for (const [input] of form.matchAll(/<input[^>]*>/gi)) {
    const [, name = ""] = /name="([^"]*)"/i.exec(input) ?? [];
    const [, value = ""] = /value="([^"]*)"/i.exec(input) ?? [];
    if (name !== "") fields.set(name, value);
  }
  if (fields.has("login") || /name="login"/.test(form)) {
    fields.set("login", subject);
    fields.set("password", "of no matter");
  }
  return { action: action.replaceAll("&amp;", "&"), fields };
}
