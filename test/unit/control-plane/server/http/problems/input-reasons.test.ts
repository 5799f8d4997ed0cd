/** What is wrong with a field is a reason with a code, whose English text is the message that has always been there. */
import type { ApiDeps } from "@remotegpu/control-plane/server/http/deps";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { isReason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { EnvironmentChangeBody } from "@remotegpu/control-plane/server/http/environments/environment-change-body";
import { InferenceServiceChangeBody } from "@remotegpu/control-plane/server/http/inference/service-body";
import { fieldErrorsOf } from "@remotegpu/control-plane/server/http/problems/input-errors";
import { reasonOfCheck } from "@remotegpu/control-plane/server/http/problems/issue-reason";
import { inputFailure } from "@remotegpu/control-plane/server/http/request/input-failure";
import { Amount } from "@remotegpu/control-plane/server/http/request/input-fields";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import { NewTrainingJobBody } from "@remotegpu/control-plane/server/http/training/job-body";
import { TrainingJobChangeBody } from "@remotegpu/control-plane/server/http/training/job-change-body";
import { EnvVars } from "@remotegpu/shared/values/env-vars";
import { displayText } from "@remotegpu/shared/values/text";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { checksOf } from "../../../../../support/reasons/schema-checks.ts";

function errorsOf(schema: z.ZodType, value: unknown) {
  const { error } = schema.safeParse(value);
  return fieldErrorsOf(error ?? { issues: [] });
}

describe("an issue of a schema", () => {
  test.each([
    [z.string(), 1, "type-wrong", "Invalid input: expected string, received number"],
    [z.int(), 1.5, "type-wrong", "Invalid input: expected int, received number"],
    [z.strictObject({}), [], "type-wrong", "Invalid input: expected object, received array"],
    [z.array(z.string()), null, "type-wrong", "Invalid input: expected array, received null"],
    [z.boolean(), "yes", "type-wrong", "Invalid input: expected boolean, received string"],
    [z.record(z.string(), z.string()), "", "type-wrong", "Invalid input: expected record, received string"],
    [z.string().max(2), "abc", "text-too-long", "Too big: expected string to have <=2 characters"],
    [z.string().min(1), "", "text-too-short", "Too small: expected string to have >=1 characters"],
    [z.array(z.int()).max(0), [1], "list-too-long", "Too big: expected array to have <=0 items"],
    [z.array(z.int()).min(1), [], "list-too-short", "Too small: expected array to have >=1 items"],
    [z.int().max(64), 65, "number-too-large", "Too big: expected number to be <=64"],
    [z.int().min(1), 0, "number-too-small", "Too small: expected number to be >=1"],
    [z.number().positive(), 0, "number-not-above", "Too small: expected number to be >0"],
    [z.number().lt(0.5), 0.5, "number-not-below", "Too big: expected number to be <0.5"],
    [z.int(), 1e300, "integer-too-large", "Too big: expected int to be <=9007199254740991"],
    [z.int(), -1e300, "integer-too-small", "Too small: expected int to be >=-9007199254740991"],
    [z.enum(["day", "month"]), "", "option-unknown", 'Invalid option: expected one of "day"|"month"'],
    [z.literal("root"), "", "value-other", 'Invalid input: expected "root"'],
    [z.literal(true), false, "value-other", "Invalid input: expected true"],
    [z.iso.datetime(), "now", "datetime-malformed", "Invalid ISO datetime"],
    [z.iso.date(), "today", "date-malformed", "Invalid ISO date"],
    [z.email(), "ada", "email-malformed", "Invalid email address"],
    [z.uuid(), "1", "uuid-malformed", "Invalid UUID"],
    [z.ipv4(), "1", "ipv4-malformed", "Invalid IPv4 address"],
    [z.ipv6(), "1", "ipv6-malformed", "Invalid IPv6 address"],
    [z.hostname(), "", "hostname-malformed", "Invalid hostname"],
    [z.base64(), "*", "base64-malformed", "Invalid base64-encoded string"],
    [z.string().regex(/^a{1}$/), "b", "pattern-not-matched", "Invalid string: must match pattern /^a{1}$/"],
    [z.string().refine(() => false), "", "value-invalid", "Invalid input"],
  ])("%# is a reason with the message as its text", (schema: z.ZodType, value, code, message) => {
    const [error] = errorsOf(schema, value);

    expect(error).toMatchObject({ path: "body", message, reason: { code } });
  });

  test("has the options and the types as its parameters", () => {
    const [option] = errorsOf(z.enum(["day", "month"]), "");
    const [type] = errorsOf(z.string(), 7);

    expect(option?.reason.params).toEqual({ options: ["day", "month"] });
    expect(type?.reason.params).toEqual({
      expected: { code: "type-string", params: {} },
      received: { code: "type-number", params: {} },
    });
  });

  test("with a message that no code has is reported as that message", () => {
    const [error] = errorsOf(z.string().max(1, "is much too long"), "ab");

    expect(error).toMatchObject({
      message: "is much too long",
      reason: { code: "as-reported", params: { text: "is much too long" } },
    });
  });
});

describe("a check with words of its own", () => {
  test("is the reason that it was given", () => {
    const schema = z.strictObject({
      labels: z.string().max(1, inputFailure({ code: "labels-too-many", params: { max_labels: 1 } })),
    });

    expect(errorsOf(schema, { labels: "ab" })).toEqual([
      {
        path: "labels",
        message: "at most 1 labels",
        reason: { code: "labels-too-many", params: { max_labels: 1 } },
      },
    ]);
  });

  test.each([
    [displayText(8), " a", "text-with-outer-blanks"],
    [displayText(8), "a\u0001b", "text-with-control-characters"],
    [displayText(8), "a\uD800", "text-malformed"],
    [Amount, "1.00001", "decimal-malformed"],
    [Amount, "9".repeat(31), "decimal-too-long"],
    [EnvVars, { LD_PRELOAD: "" }, "env-var-name-reserved"],
  ])("of a value that several bodies share has a code: %#", (schema: z.ZodType, value, code) => {
    expect(errorsOf(schema, value)).toMatchObject([{ reason: { code } }]);
  });

  test.each([
    [EnvironmentChangeBody, "image", "field-of-environment-fixed"],
    [EnvironmentChangeBody, "status", "status-of-environment-by-verbs"],
    [TrainingJobChangeBody, "command", "field-of-job-fixed"],
    [TrainingJobChangeBody, "workspace_id", "workspace-of-job-fixed"],
    [InferenceServiceChangeBody, "image", "field-of-upgrade"],
    [InferenceServiceChangeBody, "workspace_id", "workspace-of-service-fixed"],
    [InferenceServiceChangeBody, "colour", "field-unknown"],
  ])("of a field that stays as it was ordered has a code: %#", (schema: z.ZodType, path, code) => {
    expect(errorsOf(schema, { [path]: "x" })).toMatchObject([{ path, reason: { code } }]);
  });

  test("of an array of jobs names its bound", () => {
    const { array } = NewTrainingJobBody.shape;

    const [error] = errorsOf(array, { from: 2, to: 1 });

    expect(error).toMatchObject({ path: "to", reason: { code: "array-reversed" } });
  });
});

describe("the API's requests", () => {
  const limits = { burst: 1, perSecond: 1 };
  // Routes are only read, so neither a database nor hosts stand behind them.
  const deps = {
    closing: new AbortController().signal,
    config: {
      publicUrl: "http://127.0.0.1",
      rateLimits: { perKey: limits, perAddress: limits, logins: limits },
    },
  } as unknown as ApiDeps;
  const checks = createApp(deps).openAPIRegistry.definitions.flatMap((one) =>
    one.type === "route" ? checksOf(one.route.request) : [],
  );
  const ownWords = checks.flatMap(({ error }) => error ?? []);

  test("have no check whose words are not those of a code", () => {
    const withoutCode = ownWords.flatMap((error) => {
      const issue = {};
      const message = error(issue);
      const reason = reasonOfCheck(issue);
      return isReason(reason) && inEnglish(reason) === message ? [] : [message];
    });

    expect(ownWords.length).toBeGreaterThan(30);
    expect(withoutCode).toEqual([]);
  });

  test("have no format without a code", () => {
    const formats = checks.flatMap(({ format, error }) => (error === null ? (format ?? []) : []));

    expect([...new Set(formats)].toSorted()).toEqual([
      "date",
      "datetime",
      "email",
      "hostname",
      "ipv4",
      "ipv6",
      "regex",
    ]);
  });
});
