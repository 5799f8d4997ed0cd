/** By what a database is dumped. */
import { expect, test } from "vitest";
import { dumpMethod } from "@remotegpu/control-plane/server/core/backup/dump-method";

const DEBIAN = "pg_dump (PostgreSQL) 17.12 (Debian 17.12-0+deb13u1)\n";

test.each([
  { server: "17.12", program: DEBIAN, method: { kind: "pg_dump", version: "17.12" } },
  { server: "15.18", program: DEBIAN, method: { kind: "pg_dump", version: "17.12" } },
  { server: "17.13 (Debian 17.13-1)", program: DEBIAN, method: { kind: "pg_dump", version: "17.12" } },
  {
    server: "18.4",
    program: DEBIAN,
    method: { kind: "copy", reason: "pg_dump 17.12 is older than Postgres 18.4" },
  },
  { server: "18.4", program: null, method: { kind: "copy", reason: "pg_dump is not installed" } },
  {
    server: "18.4",
    program: "Error: no cluster",
    method: { kind: "copy", reason: "pg_dump does not print its version" },
  },
])("Postgres $server with $program is dumped by $method.kind", ({ server, program, method }) => {
  expect(dumpMethod(server, program)).toEqual(method);
});
