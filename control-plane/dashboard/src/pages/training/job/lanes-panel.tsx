/** One lane a rank: what it came to and when, attempts as cuts, and the rank that failed before the others. */
import { Badge, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../../components/text/age-text.tsx";
import { NameText } from "../../../components/text/name-text.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import { serverNow } from "../../../api/server-clock.ts";
import { ProblemText } from "../../../components/text/problem-text.tsx";
import { ReasonText } from "../../../components/text/reason-text.tsx";
import { StatusBadge } from "../../../components/status-badge.tsx";
import { type Attempt, ENDED_BY_ITSELF, type Job, type Lane, lanesOf } from "./job.ts";
import "./lanes.css";

export function LanesPanel({ job }: { job: Job }) {
  const { t } = useTranslation("training");
  const lanes = lanesOf(job);
  return (
    <Panel title={t("lanes.title")} definition={t("lanes.definition")}>
      {lanes.length === 0 ? (
        <Text c="dimmed">{t("lanes.empty")}</Text>
      ) : (
        <Stack gap="md">
          {lanes.map((lane) => (
            <OneLane key={lane.rank} lane={lane} />
          ))}
        </Stack>
      )}
    </Panel>
  );
}

function OneLane({ lane: { rank, hostName, state, problem, attempts } }: { lane: Lane }) {
  const { t } = useTranslation("training");
  return (
    <section aria-label={t("lanes.rank", { rank })} data-lane={rank}>
      <Group gap="xs">
        <Text fw={600}>{t("lanes.rank", { rank })}</Text>
        <Text c="dimmed" style={{ overflowWrap: "anywhere" }}>
          <NameText>{hostName}</NameText>
        </Text>
        <StatusBadge status={state} />
      </Group>
      {problem !== null && problem !== ENDED_BY_ITSELF && (
        <Text size="sm">
          <ProblemText>{problem}</ProblemText>
        </Text>
      )}
      <div className="lane-bar" aria-hidden>
        {attempts.map((attempt) => (
          <Bar key={attempt.runId} attempt={attempt} />
        ))}
      </div>
      {attempts.map((attempt) => (
        <OneAttempt key={attempt.runId} attempt={attempt} />
      ))}
    </section>
  );
}

/** As wide as each stage was long, of those whose beginning is told. */
function Bar({ attempt: { stages, isOver } }: { attempt: Attempt }) {
  const loaded = stages.flatMap(({ name, at }) => (at === null ? [] : [{ name, atMs: Date.parse(at) }]));
  const ends = [...loaded.slice(1).map(({ atMs }) => atMs), ...(isOver ? [] : [serverNow()])];
  return (
    <div className="lane-attempt" style={{ flexGrow: 1 }}>
      {loaded.slice(0, ends.length).map(({ name, atMs }, nth) => (
        <div
          key={name}
          className="lane-stage"
          data-stage={name}
          style={{ flexGrow: Math.max(0, (ends[nth] ?? 0) - atMs) }}
        />
      ))}
    </div>
  );
}

function OneAttempt({ attempt: { number, stages, end, isFirstToFail } }: { attempt: Attempt }) {
  const { t } = useTranslation("training");
  return (
    <div className="lane-told" data-attempt={number}>
      <Text size="sm" fw={500} span>
        {t("lanes.attempt", { number })}
      </Text>
      <ol className="lane-stages">
        {stages.map(({ name, at }) => (
          <li key={name} data-stage={name}>
            <span className="lane-key" data-stage={name} aria-hidden />
            {t(`lanes.stage.${name}`)} {at !== null && <AgeText at={at} />}
          </li>
        ))}
      </ol>
      {end !== null && (
        <Text size="sm" span>
          {exitOf(end, t)}
          {end.problem !== null && end.problem !== ENDED_BY_ITSELF && (
            <>
              {" · "}
              <ProblemText>{end.problem}</ProblemText>
            </>
          )}
          {end.reason.detail !== null && end.reason.detail !== "" && (
            <>
              {" · "}
              <ReasonText of={end.reason} field="detail" />
            </>
          )}
        </Text>
      )}
      {isFirstToFail && (
        <Badge color="red" variant="light" c="var(--mantine-color-text)" tt="none" data-first-to-fail>
          {t("lanes.firstToFail")}
        </Badge>
      )}
    </div>
  );
}

function exitOf(
  { exitCode, signal, isOutOfMemory }: NonNullable<Attempt["end"]>,
  t: ReturnType<typeof useTranslation<"training">>["t"],
): string {
  return [
    exitCode === null ? null : t("lanes.exit", { code: exitCode }),
    signal,
    isOutOfMemory ? t("lanes.outOfMemory") : null,
  ]
    .filter((part) => part !== null)
    .join(" · ");
}
