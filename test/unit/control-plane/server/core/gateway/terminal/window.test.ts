import { expect, test } from "vitest";
import { SendWindow } from "@remotegpu/control-plane/server/core/gateway/terminal/window";

test("it is full at its bound, and goes on at half of it", () => {
  const window = new SendWindow(100);

  window.sent(99);
  expect(window.isFull).toBe(false);
  window.sent(1);
  expect([window.isFull, window.mayGoOn]).toEqual([true, false]);
  window.dealtWith(49);
  expect([window.isFull, window.mayGoOn]).toEqual([false, false]);
  window.dealtWith(1);
  expect(window.mayGoOn).toBe(true);
});

test("who claims to have dealt with more than was sent gains nothing by it", () => {
  const window = new SendWindow(100);

  window.sent(10);
  window.dealtWith(1_000_000);
  window.sent(100);

  expect([window.ahead, window.isFull]).toEqual([100, true]);
});
