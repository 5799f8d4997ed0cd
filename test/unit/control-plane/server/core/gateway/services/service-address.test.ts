import { expect, test } from "vitest";
import {
  endpointUrl,
  readServiceHost,
  readServicePath,
} from "@remotegpu/control-plane/server/core/gateway/services/service-address";

test.each([
  ["/services/svc-1", "/"],
  ["/services/svc-1/", "/"],
  ["/services/svc-1/v1/chat?x=1", "/v1/chat?x=1"],
  ["/services/svc-1?x=1", "/?x=1"],
  ["/services/svc-1//other.example/", "//other.example/"],
])("%s is the service's path %s", (path, rest) => {
  expect(readServicePath(path)).toEqual({ id: "svc-1", prefix: "/services/svc-1", path: rest });
});

test.each([
  "/",
  "/services",
  "/services/",
  "/services/../x",
  "/services/a b/",
  "/Services/svc-1/",
  "/x/services/svc-1/",
])("%s is no service's", (path) => {
  expect(readServicePath(path)).toBeNull();
});

const DOMAIN = { scheme: "https", domain: "svc.example.com" } as const;

test("a name below the domain is a service with its whole path", () => {
  const address = { id: "svc-1", prefix: null, path: "/v1/x" };
  expect(readServiceHost(DOMAIN, "svc-1.svc.example.com", "/v1/x")).toEqual(address);
  expect(readServiceHost(DOMAIN, "SVC-1.svc.example.com:443", "/v1/x")).toEqual(address);
  expect(readServiceHost({ scheme: "http", domain: "localhost:81" }, "svc-1.localhost:81", "/v1/x")).toEqual(
    address,
  );
});

test.each([
  "svc.example.com",
  "a.b.svc.example.com",
  "svc-1.svc.example.com.evil",
  "svc-1.svc.example.com:8443",
  "-.svc.example.com",
])("%s is none", (host) => {
  expect(readServiceHost(DOMAIN, host, "/")).toBeNull();
});

test("without a domain no name is a service's", () => {
  expect(readServiceHost(null, "svc-1.svc.example.com", "/")).toBeNull();
});

test("the address that is reported is read as it was made", () => {
  const { pathname } = new URL(endpointUrl("https://web.example.com", "svc-1"));
  expect(readServicePath(pathname)?.id).toBe("svc-1");
});
