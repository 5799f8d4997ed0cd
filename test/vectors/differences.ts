/**
 * What of a vector's result is not as expected, a sentence for each item. The order of a list says nothing: what happens
 * at one moment is a set, and each item of a list has its moment or its name.
 */
import { type BillingVector, SECTIONS, type VectorResult } from "../support/billing/billing-vector.ts";
import { timeText } from "./result.ts";

type Expected = BillingVector["expected"];
type Section = keyof VectorResult;
type Item = Readonly<Record<string, unknown>>;

/** Of the sections that are expected; for the others see `notCompared`. */
export function differences(expected: Expected, result: VectorResult): string[] {
  return SECTIONS.flatMap((section) => {
    const wanted = expected[section];
    if (wanted === undefined) return [];
    const made = itemsOf(section, result[section]);
    const items = itemsOf(section, wanted).filter((item) => !isAbsence(section, item, made));
    const [wantedTexts, madeTexts] = [items.map(textOf), made.map(textOf)];
    return [
      ...surplus(wantedTexts, madeTexts).map((text) => `${section}: expected ${text}`),
      ...surplus(madeTexts, wantedTexts).map((text) => `${section}: came out as ${text}`),
    ];
  });
}

/** Sections that the file lacks, of which something came out, and those that no vector has. */
export function notCompared(expected: Expected, result: VectorResult): string[] {
  const lacking = SECTIONS.filter(
    (section) => expected[section] === undefined && itemsOf(section, result[section]).length > 0,
  );
  const unknown = Object.keys(expected).filter((name) => !SECTIONS.some((section) => section === name));
  return [...lacking, ...unknown];
}

function itemsOf(section: Section, list: VectorResult[Section]): Item[] {
  const items: Item[] = Array.isArray(list)
    ? list
    : Object.entries(list).map(([name, value]) => ({ [name]: value }));
  return items.map((item) => comparable(section, item)).filter((item) => !isNothing(section, item));
}

/** Only id and moment of what is rejected count, and a moment may be written in several ways. */
function comparable(section: Section, item: Item): Item {
  const { reason: _reason, ...rest } = item;
  const known = section === "rejected" ? rest : item;
  return typeof known["at"] === "string" ? { ...known, at: timeText(new Date(known["at"])) } : known;
}

/** What was posted and taken back in one month adds up to no minutes and no money. */
function isNothing(section: Section, item: Item): boolean {
  return section === "records" && item["minutes"] === 0 && item["amount"] === "0.0000";
}

/**
 * A day of storage without samples, or with samples of nothing, is not charged, of which the product keeps no row: then
 * a row is expected in the vector that says the same.
 */
function isAbsence(section: Section, item: Item, made: readonly Item[]): boolean {
  return (
    section === "storage_records" &&
    (item["average_gb"] === null || item["average_gb"] === "0.000000") &&
    item["billable_gb"] === "0.000000" &&
    item["amount"] === "0.0000" &&
    !made.some(({ workspace, day }) => workspace === item["workspace"] && day === item["day"])
  );
}

function surplus(items: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return items.filter((item) => {
    const at = left.indexOf(item);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function textOf(item: Item): string {
  return JSON.stringify(Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))));
}
