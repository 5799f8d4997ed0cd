/** What of a secret is printed: how long it is. */
import { expect, test } from "vitest";
import { presentedValue } from "@remotegpu/shared/settings/presented-value";

test("of a secret only its length", () => {
  expect(presentedValue("hunter2", "secret")).toBe("[7 characters]");
  expect(presentedValue("", "secret")).toBe("");
});

test.each([
  [
    "postgres://user:hunter2@db.example.com:5432/fleet",
    "postgres://user:[7 characters]@db.example.com:5432/fleet",
  ],
  [
    "postgres://user@db.example.com/fleet?sslmode=verify-full",
    "postgres://user@db.example.com/fleet?sslmode=verify-full",
  ],
  [
    "postgres://db.example.com/fleet?user=u&password=hunter2",
    "postgres://db.example.com/fleet?user=[1 characters]&password=[7 characters]",
  ],
  ["tls://nats.example.com:4222", "tls://nats.example.com:4222"],
  [
    "nats://hunter2@one:4222, nats://user:hunter2@two:4222",
    "nats://[7 characters]@one:4222,nats://user:[7 characters]@two:4222",
  ],
])("of the address %s all but that", (value, presented) => {
  expect(presentedValue(value, "url")).toBe(presented);
});

test.each([
  "hunter2",
  "mysql:hunter2",
  "postgres://user:12/hunter2@db/fleet",
  "postgres://user:12?hunter2@db/fleet",
  "postgres://user:12#hunter2@db/fleet",
  "postgres://user:hunter2/x@db/fleet",
  "postgres://user:hunter2@[db/fleet",
  "postgres://db/fleet#hunter2",
  "hunter2@db:4222",
])("of %s, which two readers could read in two ways, only the length", (value) => {
  expect(presentedValue(value, "url")).toBe(`[${value.length} characters]`);
});

test("of any other value a password within an address as well", () => {
  expect(presentedValue("https://user:hunter2@control.example.com", "plain")).not.toContain("hunter2");
  expect(presentedValue("/etc/remotegpu/credentials/web.pem", "plain")).toBe(
    "/etc/remotegpu/credentials/web.pem",
  );
});

test("a value moves no cursor", () => {
  expect(presentedValue("a\u001b[2Jb", "plain")).toBe('"a\\u001b[2Jb"');
});

test("of several hosts of one database the password alone is hidden", () => {
  expect(presentedValue("postgres://me:s3cret@db1:5432,[::1],db3/books?sslmode=require", "url")).toBe(
    "postgres://me:[6 characters]@db1:5432,[::1],db3/books?sslmode=require",
  );
  expect(presentedValue("postgres://db1,db2/books", "url")).toBe("postgres://db1,db2/books");
  expect(presentedValue("postgres://me:s3c@ret@db1,,db2/books", "url")).toBe("[36 characters]");
});
