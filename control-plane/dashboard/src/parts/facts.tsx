/** Words and what each stands for, below each other; of what is null it says that nobody told it. */
import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import { NotReported } from "./not-reported.tsx";

type Fact = readonly [label: string, value: ReactNode];

export function Facts({ facts, mt }: { facts: readonly Fact[]; mt?: string }) {
  return (
    <Table mt={mt}>
      <Table.Tbody>
        {facts.map(([label, value]) => (
          <Table.Tr key={label}>
            <Table.Th scope="row" w="35%">
              {label}
            </Table.Th>
            <Table.Td style={{ overflowWrap: "anywhere" }}>{value ?? <NotReported />}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
