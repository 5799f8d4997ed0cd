/** How two scrapes become series. */
import { expect, test } from "vitest";
import { seriesBetween } from "../../support/monitoring/recorded-scrapes.ts";

const LABELS = 'job="agent"';

test.each([
  {
    what: "a value that rises",
    before: "rows_total 10\n",
    after: "# TYPE rows_total counter\nrows_total 30\n",
    series: 'rows_total{job="agent"}',
    values: "10+1x20",
  },
  {
    what: "a value that falls",
    before: 'free_bytes{area="data"} 4\n',
    after: '# TYPE free_bytes gauge\nfree_bytes{area="data"} 3\n',
    series: 'free_bytes{area="data",job="agent"}',
    values: "4-0.05x20",
  },
  {
    what: "a counter that the first lacks",
    before: "",
    after: '# TYPE errors_total counter\nerrors_total{kind="a b"} 2\n',
    series: 'errors_total{kind="a b",job="agent"}',
    values: "0+0.1x20",
  },
  {
    what: "a gauge that the first lacks",
    before: "",
    after: "# TYPE age_seconds gauge\nage_seconds 0.0000001\n",
    series: 'age_seconds{job="agent"}',
    values: "0.0000001+0x20",
  },
])("$what goes in a line from one to the other", ({ before, after, series, values }) => {
  expect(seriesBetween(before, after, LABELS)).toEqual([{ series, values }]);
});
