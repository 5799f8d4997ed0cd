/** Which of the few reasons a failed pull has, by what runtimes say (recorded, names replaced). */
import { expect, test } from "vitest";
import { isHiccup, pullProblem } from "@remotegpu/agent/core/images/pull-problem";

const DENIED =
  "pull access denied for r.example.com/x, repository does not exist or may require 'docker login'";
const GET = 'Get "https://r.example.com/v2/":';

test.each([
  ["refused", `${DENIED}: denied: internal secret`, 404],
  ["refused", "unauthorized: authentication required", 500],
  ["refused", 'Head "http://r.example.com/v2/x/manifests/1": no basic auth credentials', 500],
  ["refused", "error parsing HTTP 403 response body: invalid character 'i'", 500],
  ["refused", "requested access to the resource is denied", 404],
  ["refused", "", 401],
  ["refused", "", 403],
  ["no-such-image", "manifest for r.example.com/x:1 not found: manifest unknown: manifest unknown", 404],
  ["no-such-image", "name unknown: repository name not known to registry", 404],
  ["no-such-image", "reading manifest 1 in r.example.com/x: 404 (Not Found)", 500],
  ["no-such-image", "", 404],
  ["unreachable", `${GET} dial tcp 203.0.113.1:443: connect: connection refused`, 500],
  ["unreachable", `${GET} dial tcp: lookup r.example.com on 10.0.0.2:53: no such host`, 500],
  ["unreachable", `${GET} dial tcp: lookup r.example.com on 10.0.0.2:53: server misbehaving`, 500],
  ["unreachable", `${GET} dial tcp 203.0.113.1:443: i/o timeout`, 500],
  ["unreachable", `${GET} dial tcp 203.0.113.1:443: connect: no route to host`, 500],
  ["unreachable", `${GET} x509: certificate signed by unknown authority`, 500],
  ["unreachable", `${GET} tls: failed to verify certificate`, 500],
  ["unreachable", `${GET} http: server gave HTTP response to HTTPS client`, 500],
  ["unreachable", 'Head "http://r.example.com/v2/x/manifests/1": EOF', 500],
  ["too-slow", `${GET} net/http: request canceled (Client.Timeout exceeded while awaiting headers)`, 500],
  ["too-slow", `${GET} net/http: TLS handshake timeout`, 500],
  ["too-slow", "context deadline exceeded", null],
  ["no-room", "write /var/lib/docker/tmp/GetImageBlob1: no space left on device", null],
  // What a file of the image is called.
  ["failed", "failed to register layer: write /usr/lib/x.so: no space left on device", null],
  ["failed", "failed to register layer: lchown /connection refused: invalid argument", null],
  ["failed", 'error processing tar file(exit status 1): mkdir /denied 403: "i/o timeout"', null],
  ["wrong-platform", "no matching manifest for linux/amd64 in the manifest list entries", 404],
  ["wrong-platform", 'image operating system "windows" cannot be used on this platform', null],
  ["failed", "toomanyrequests: You have reached your pull rate limit", 500],
  ["failed", "received unexpected HTTP status: 500 Internal Server Error", 500],
  ["failed", "filesystem layer verification failed for digest sha256:1", null],
  ["failed", "", null],
] as const)("%s: %s (%s)", (problem, output, status) => {
  expect(pullProblem(output, status)).toBe(problem);
});

test.each([
  ["too-slow", true],
  ["unreachable", true],
  ["refused", false],
  ["no-such-image", false],
  ["failed", false],
] as const)("%s is worth another try: %s", (problem, may) => {
  expect(isHiccup(problem)).toBe(may);
});
