/**
 * The published replay once more, said as plainly as it can be and sharing nothing with the product: one list of those
 * that wait, one of those that run, and both sorted whenever something is asked of them. For comparing.
 */

export interface PlainJob {
  submit: number;
  run: number;
  processors: number;
}

interface State<Job> {
  waiting: Job[];
  running: { job: Job; until: number }[];
  free: number;
  now: number;
  arrived: number;
}

export function plainReplay<Job extends PlainJob>(
  jobs: readonly Job[],
  { order, easy, processors }: { order: "fcfs" | "sjf"; easy: boolean; processors: number },
): Map<Job, number> {
  const startedAt = new Map<Job, number>();
  const state: State<Job> = {
    waiting: [],
    running: [],
    free: processors,
    now: jobs[0]?.submit ?? 0,
    arrived: 0,
  };
  const begin = (job: Job) => {
    startedAt.set(job, state.now);
    state.free -= job.processors;
    state.running.push({ job, until: state.now + job.run });
    state.waiting.splice(state.waiting.indexOf(job), 1);
  };
  while (startedAt.size < jobs.length) {
    state.waiting.sort((a, b) => (order === "sjf" ? a.run - b.run : 0) || a.submit - b.submit);
    const head = state.waiting[0];
    if (head === undefined) {
      nextEvent(state, jobs);
      continue;
    }
    const promised = whenItFits(head, state);
    while (state.free < head.processors) {
      if (easy) {
        state.waiting.sort((a, b) => a.submit - b.submit);
        for (const job of state.waiting.slice())
          if (job.processors <= state.free && state.now + job.run < promised) begin(job);
      }
      nextEvent(state, jobs);
    }
    begin(head);
  }
  return startedAt;
}

function whenItFits<Job extends PlainJob>(head: Job, { running, free, now }: State<Job>): number {
  let left = free;
  let at = now;
  for (const { job, until } of running.toSorted((a, b) => a.until - b.until)) {
    if (left >= head.processors) break;
    left += job.processors;
    at = until;
  }
  return at;
}

function nextEvent<Job extends PlainJob>(state: State<Job>, jobs: readonly Job[]): void {
  state.running.sort((a, b) => a.until - b.until);
  const [ending] = state.running;
  const arriving = jobs[state.arrived];
  if (arriving !== undefined && (ending === undefined || arriving.submit <= ending.until)) {
    state.now = Math.max(state.now, arriving.submit);
    state.waiting.push(arriving);
    state.arrived += 1;
  } else if (ending !== undefined) {
    state.now = Math.max(state.now, ending.until);
    state.free += ending.job.processors;
    state.running.shift();
  }
}
