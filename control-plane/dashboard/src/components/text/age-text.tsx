/** A moment as "3 min ago", with the exact one on hover and focus. It says so in the reader's language and goes on by itself. */
import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { serverNow } from "../../api/server-clock.ts";
import { NotReported } from "./not-reported.tsx";
import { useTick } from "./use-tick.ts";

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

interface AgeTextOf {
  at: string | null | undefined;
  /** In a grid of which one element is a stop of Tab: its place there, and whether it is this one. */
  inGrid?: { place: string; isStop: boolean };
}

export function AgeText({ at, inGrid }: AgeTextOf) {
  const { i18n } = useTranslation();
  useTick();
  if (at === null || at === undefined) return <NotReported />;
  return (
    <Tooltip label={exactTime(at, i18n.language)}>
      <time
        dateTime={at}
        // So that who has no mouse comes to the hint.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={inGrid === undefined || inGrid.isStop ? 0 : -1}
        data-place={inGrid?.place}
        style={{ whiteSpace: "nowrap" }}
      >
        {ageOf(at, i18n.language)}
      </time>
    </Tooltip>
  );
}

export function ageOf(at: string, language: string, now: number = serverNow()): string {
  const seconds = Math.round((Date.parse(at) - now) / 1_000);
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  return format.format(Math.trunc(seconds / size), unit);
}

function exactTime(at: string, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" }).format(new Date(at));
}
