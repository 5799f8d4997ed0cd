/** Where webhooks may lead, as far as their text tells: to the public internet and nowhere else. */
import { MAX_URL_LENGTH, receiverUrl } from "@remotegpu/control-plane/server/webhooks/receiver-url";
import { describe, expect, test } from "vitest";

describe("URLs", () => {
  const verdict = (url: string, allowLoopback = false) => {
    const checked = receiverUrl(url, { allowLoopback });
    return checked.valid ? checked.host : checked.why;
  };

  test.each([
    ["https://example.com/hook?x=1", "example.com"],
    ["https://example.com:8443/", "example.com"],
    ["https://example.com./hook", "example.com"],
    ["https://my_hooks.example.com/", "my_hooks.example.com"],
    ["https://8.8.8.8/", "8.8.8.8"],
    ["https://[2606:4700:4700::1111]/", "2606:4700:4700::1111"],
  ])("%s is taken", (url, host) => {
    expect(verdict(url)).toBe(host);
  });

  test.each([
    ["http://example.com/", "url-not-https"],
    ["ftp://example.com/", "url-not-https"],
    ["file:///etc/passwd", "url-not-https"],
    ["example.com", "url-not-https"],
    ["", "url-not-https"],
    [`https://example.com/${"x".repeat(MAX_URL_LENGTH)}`, "url-not-https"],
    ["https://ann:secret@example.com/", "url-with-user"],
    ["https://example.com/#part", "url-with-fragment"],
    ["https://10.0.0.1/", "url-not-public"],
    ["https://169.254.169.254/latest/meta-data", "url-not-public"],
    ["https://[::ffff:10.0.0.1]/", "url-not-public"],
    ["https://[fd00:ec2::254]/", "url-not-public"],
    // Browsers' ways to write an address: the URL parser makes one of them.
    ["https://0x7f.1/", "url-not-public"],
    ["https://2130706433/", "url-not-public"],
    ["https://0251.0376.0251.0376/", "url-not-public"],
    ["https://127.0.0.1/", "url-not-public"],
    ["https://localhost/", "url-not-public"],
    ["https://localhost./", "url-not-public"],
    ["https://localhost..:8443/", "url-not-public"],
    ["https://x.localhost/", "url-not-public"],
    ["https://X.Localhost./", "url-not-public"],
    ["https://localhost.localdomain/", "url-not-public"],
    ["https://metadata.google.internal/", "url-not-public"],
    ["https://postgres/", "url-not-public"],
    ["https://LOCALHOST/", "url-not-public"],
  ])("%s is refused", (url, why) => {
    expect(verdict(url)).toBe(why);
  });

  test.each([
    ["http://127.0.0.1:9000/hook", "127.0.0.1"],
    ["http://localhost/", "localhost"],
    ["http://localhost.:9000/", "localhost"],
    ["http://[::1]:9000/", "::1"],
    ["https://127.0.0.1/", "127.0.0.1"],
  ])("%s is taken where this server itself is allowed", (url, host) => {
    expect(verdict(url, true)).toBe(host);
  });

  test.each([
    "http://10.0.0.1/",
    "http://example.com/",
    "ftp://localhost/",
    "https://192.168.0.1/",
    "http://x.localhost/",
  ])("%s is refused even there", (url) => {
    expect(receiverUrl(url, { allowLoopback: true }).valid).toBe(false);
  });
});
