/** `service metrics`: a page as it came, which a terminal does not obey. */
import { expect, test } from "vitest";
import { printMetrics } from "@remotegpu/control-plane/cli/work/inference/service-metrics";

const PAGE = '# TYPE loads counter\nloads{of="\u001b[2J"} 1\n';

function printed({ format = "table", width = null }: { format?: "table" | "json"; width?: number | null }) {
  let text = "";
  printMetrics({ format, width, nowMs: 0, write: (more: string) => void (text += more) }, PAGE);
  return text;
}

test("is as it came for other programs", () => {
  expect(printed({})).toBe(PAGE);
});

test("is harmless on a terminal, line by line", () => {
  expect(printed({ width: 80 })).toBe('# TYPE loads counter\nloads{of="\\u001b[2J"} 1\n');
});

test("is one object as JSON", () => {
  expect(JSON.parse(printed({ format: "json" }))).toEqual({ metrics: PAGE });
});
