/** A state by colour, by a shape before it, and by its word, which is the API's where we have none of our own. */
import { Badge } from "@mantine/core";
import { useStatusWord } from "./text/status-text.tsx";

type Tone = "good" | "busy" | "bad" | "quiet";
const TONES: Readonly<Record<string, Tone>> = {
  running: "good",
  active: "good",
  ready: "good",
  online: "good",
  connected: "good",
  healthy: "good",
  up: "good",
  succeeded: "good",
  completed: "good",
  normal: "good",
  paid: "good",
  pending: "busy",
  queued: "busy",
  creating: "busy",
  starting: "busy",
  stopping: "busy",
  draining: "busy",
  suspect: "busy",
  degraded: "busy",
  cordoned: "busy",
  paused: "busy",
  failed: "bad",
  error: "bad",
  unreachable: "bad",
  unhealthy: "bad",
  offline: "bad",
  overdue: "bad",
  suspended: "bad",
  revoked: "bad",
};
const COLOURS: Readonly<Record<Tone, string>> = { good: "teal", busy: "blue", bad: "red", quiet: "gray" };
const SHAPES: Readonly<Record<Tone, string>> = { good: "●", busy: "◐", bad: "▲", quiet: "○" };

export function StatusBadge({ status }: { status: string }) {
  const tone = TONES[status] ?? "quiet";
  const word = useStatusWord()(status) ?? status;
  return (
    <Badge
      color={COLOURS[tone]}
      variant="light"
      // Its own colour is too pale for small letters; the shape beside them has it.
      c="var(--mantine-color-text)"
      tt="none"
      data-status={status}
      leftSection={<span aria-hidden>{SHAPES[tone]}</span>}
    >
      {word}
    </Badge>
  );
}
