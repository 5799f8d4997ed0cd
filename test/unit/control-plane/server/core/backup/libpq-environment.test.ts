/** A URL as the variables of Postgres' own programs. */
import { expect, test } from "vitest";
import { libpqEnvironment } from "@remotegpu/control-plane/server/core/backup/libpq-environment";

test("a URL's parts are decoded, and its TLS settings are passed on", () => {
  const url =
    "postgres://us%40er:p%2Fw@db.example.com:6543/remote%20gpu?sslmode=verify-full&sslrootcert=/etc/ca.pem";

  expect(libpqEnvironment(url)).toEqual({
    PGHOST: "db.example.com",
    PGPORT: "6543",
    PGUSER: "us@er",
    PGPASSWORD: "p/w",
    PGDATABASE: "remote gpu",
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: "/etc/ca.pem",
  });
});

test("a socket's folder and an IPv6 address are hosts, and what is not given is left to the program's defaults", () => {
  expect(libpqEnvironment("postgres:///books?host=/run/postgresql")).toEqual({
    PGHOST: "/run/postgresql",
    PGDATABASE: "books",
  });
  expect(libpqEnvironment("postgres://[::1]/books")).toEqual({ PGHOST: "::1", PGDATABASE: "books" });
});

test("of several hosts the programs take the one that takes changes", () => {
  expect(libpqEnvironment("postgres://me:a%2Cb@db1:6432,[::1],db3/books?sslmode=require")).toEqual({
    PGHOST: "db1,::1,db3",
    PGPORT: "6432,,",
    PGUSER: "me",
    PGPASSWORD: "a,b",
    PGDATABASE: "books",
    PGSSLMODE: "require",
    PGTARGETSESSIONATTRS: "read-write",
    PGCONNECT_TIMEOUT: "5",
  });
});
