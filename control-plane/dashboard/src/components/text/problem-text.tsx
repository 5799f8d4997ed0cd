/** Why an instance could not run, which hosts report as a word: `out-of-memory`. */
import { ServerText } from "./server-text.tsx";

const NO_PARAMETERS = {};

export function ProblemText({ children: problem }: { children: string }) {
  return (
    <ServerText code={`problem-${problem}`} params={NO_PARAMETERS}>
      {problem}
    </ServerText>
  );
}
