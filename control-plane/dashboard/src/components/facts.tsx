/** Words and what each stands for, below each other; of what is null it says that nobody told it. */
import { Table, Text, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import { textAlone } from "./text/name-text.tsx";
import { NotReported } from "./text/not-reported.tsx";

/** The definition is shown on hover. */
export type Fact = readonly [label: string, value: ReactNode, definition?: string];

export function Facts({ facts, mt }: { facts: readonly Fact[]; mt?: string }) {
  return (
    <Table mt={mt}>
      <Table.Tbody>
        {facts.map(([label, value, definition]) => (
          <Table.Tr key={label}>
            <Table.Th scope="row" w="35%">
              {definition === undefined ? label : <Defined label={label} definition={definition} />}
            </Table.Th>
            <Table.Td style={{ overflowWrap: "anywhere" }}>{textAlone(value) ?? <NotReported />}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Defined({ label, definition }: { label: string; definition: string }) {
  return (
    <Tooltip label={definition} multiline maw={320}>
      <Text span inherit tabIndex={0} data-definition={definition}>
        {label}
      </Text>
    </Tooltip>
  );
}
