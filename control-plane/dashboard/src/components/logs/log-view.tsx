/** Output of a workload: only the rows in sight are in the page; it follows the end, is searched, and is downloaded whole. */
import type { GetEnvironmentLogsParams } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Checkbox, Group, Text, TextInput } from "@mantine/core";
import { addressOf, type ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Refusal } from "../text/server-text.tsx";
import { hitsIn, visibleLine } from "./log-lines.ts";
import { useLog } from "./use-log.ts";
import "./log-view.css";

const ROW_PX = 20;
const BEYOND_SIGHT = 30;
/** Nearer to the end somebody reads the end. */
const AT_END_PX = 30;

/** How much of it is read. */
type Lines = Pick<GetEnvironmentLogsParams, "tail" | "follow">;

interface LogViewOf {
  /** All that it wrote, or as many of its last lines and then what follows. */
  request: (lines: Lines) => ApiRequest<string>;
  /** Another value reads anew. */
  again: string;
  title: string;
  fileName: string;
}

/** A page has room for so many of what was written before. */
const FIRST_LINES = 2_000;

export function LogView({ request, again, title, fileName }: LogViewOf) {
  const { t } = useTranslation("workload");
  const [isFollowed, setFollowed] = useState(true);
  const [words, setWords] = useState("");
  const [hit, setHit] = useState(0);
  const log = useLog(addressOf(request({ tail: FIRST_LINES, follow: "true" })), again);
  const rows = useMemo(
    () => (log.rest === "" ? log.lines : [...log.lines, visibleLine(log.rest)]),
    [log.lines, log.rest],
  );
  const hits = useMemo(() => hitsIn(rows, words), [rows, words]);
  const scroller = useRef<HTMLDivElement>(null);
  // What it returns changes with each scroll and goes to nothing that is memoised.
  // oxlint-disable-next-line react/incompatible-library
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: BEYOND_SIGHT,
  });
  const current = hits.length === 0 ? undefined : hits[hit % hits.length];

  useEffect(() => {
    if (isFollowed && rows.length > 0) virtual.scrollToIndex(rows.length - 1, { align: "end" });
  }, [isFollowed, rows.length, virtual]);

  const goTo = (which: number) => {
    if (hits.length === 0) return;
    const next = (which + hits.length) % hits.length;
    setHit(next);
    setFollowed(false);
    virtual.scrollToIndex(hits[next] ?? 0, { align: "center" });
  };
  const byKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    // The first Enter goes to the hit that is named.
    goTo(event.shiftKey ? hit - 1 : isFollowed ? hit : hit + 1);
  };
  const scrolled = () => {
    const view = scroller.current;
    if (view === null) return;
    const isAtEnd = view.scrollHeight - view.scrollTop - view.clientHeight < AT_END_PX;
    if (!isAtEnd && isFollowed && view.matches(":hover, :focus-within")) setFollowed(false);
  };
  return (
    <>
      <Group mb="xs" gap="sm" align="end">
        <TextInput
          size="xs"
          label={t("log.search")}
          value={words}
          onChange={(event) => {
            setWords(event.currentTarget.value);
            setHit(0);
          }}
          onKeyDown={byKey}
        />
        <Text size="sm" role="status">
          {words !== "" &&
            t("log.hits", { at: hits.length === 0 ? 0 : (hit % hits.length) + 1, count: hits.length })}
        </Text>
        <Button size="xs" variant="default" disabled={hits.length === 0} onClick={() => goTo(hit - 1)}>
          {t("log.before")}
        </Button>
        <Button size="xs" variant="default" disabled={hits.length === 0} onClick={() => goTo(hit + 1)}>
          {t("log.next")}
        </Button>
        <Checkbox
          size="xs"
          label={t("log.follow")}
          checked={isFollowed}
          onChange={(event) => setFollowed(event.currentTarget.checked)}
        />
        <Button size="xs" variant="default" component="a" href={addressOf(request({}))} download={fileName}>
          {t("log.download")}
        </Button>
      </Group>
      {log.problem !== null && (
        <Text role="status">
          <Refusal of={log.problem} />
        </Text>
      )}
      {log.dropped > 0 && (
        <Text size="sm" c="dimmed">
          {t("log.dropped", { count: log.dropped })}
        </Text>
      )}
      {log.problem === null && rows.length === 0 && (
        <Text c="dimmed">{t(log.isReading ? "log.waiting" : "log.empty")}</Text>
      )}
      <div
        ref={scroller}
        className="log-view"
        role="region"
        aria-label={title}
        // It is scrolled by keyboard.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        hidden={rows.length === 0}
        onScroll={scrolled}
      >
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map(({ index, key, start }) => (
            <div
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              className={index === current ? "log-row log-hit" : "log-row"}
              style={{ transform: `translateY(${start}px)` }}
            >
              {rows[index]}
            </div>
          ))}
        </div>
      </div>
    </>
  );
}
