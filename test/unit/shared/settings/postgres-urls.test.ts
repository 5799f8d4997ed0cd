/** postgres:// URLs with several hosts, as psql takes them. */
import { expect, test } from "vitest";
import { postgresHostsFault, postgresPlaces, postgresUrls } from "@remotegpu/shared/settings/postgres-urls";

test.each([
  ["postgres://db/name", ["postgres://db/name"]],
  ["postgres:///name?host=/run/postgresql", ["postgres:///name?host=/run/postgresql"]],
  [
    "postgres://me:a,b@c@db1:5432,db2/name?sslmode=verify-full&x=1,2",
    [
      "postgres://me:a,b@c@db1:5432/name?sslmode=verify-full&x=1,2",
      "postgres://me:a,b@c@db2/name?sslmode=verify-full&x=1,2",
    ],
  ],
  [
    "postgresql://me@[fd00::1]:6432,[fd00::2],10.0.0.3:1/name",
    [
      "postgresql://me@[fd00::1]:6432/name",
      "postgresql://me@[fd00::2]/name",
      "postgresql://me@10.0.0.3:1/name",
    ],
  ],
  ["postgres://a,b", ["postgres://a", "postgres://b"]],
])("%s has one URL for each host", (url, urls) => {
  expect(postgresUrls(url)).toEqual(urls);
});

test("messages have hosts and ports, and no password", () => {
  expect(postgresPlaces("postgres://me:s3cret@db1:5432,[::1],db3/name")).toEqual([
    "db1:5432",
    "[::1]",
    "db3",
  ]);
  expect(postgresPlaces("postgres:///name?host=/run/postgresql")).toEqual(["/run/postgresql"]);
  expect(postgresPlaces("postgres://me:s3cret@db:99999/name")).toEqual(["an address that is not a URL"]);
});

test.each([
  ["postgres://db/name", null],
  ["postgres://me:a%2Cb@db1:5432,db2/name?sslmode=require", null],
  ["postgres://db1,,db2/name", "must have a host, or HOST:PORT, between each two commas"],
  ["postgres://db1:x,db2/name", "must have a host, or HOST:PORT, between each two commas"],
  ["postgres://db1,db1/name", "must name each host once"],
  ["postgres://h1,h2,h3,h4,h5,h6,h7,h8,h9/name", "must name at most 8 hosts"],
  ["postgres:///name?host=db1,db2", "must name several hosts before the path, not in ?host="],
  ["postgres://db1,db2/name?port=1", "must name several hosts before the path, without ?host= or ?port="],
])("%s: %s", (url, fault) => {
  expect(postgresHostsFault(url)).toBe(fault);
});
