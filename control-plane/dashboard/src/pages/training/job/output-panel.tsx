/** What a job wrote: its attempts as folders, and what lies in them, to look at and to fetch. Where is in the address. */
import { readTrainingJobOutput } from "@remotegpu/control-plane/client/generated/api";
import type {
  FileEntry,
  ReadTrainingJobOutputParams,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { Anchor, Breadcrumbs, Group, NativeSelect } from "@mantine/core";
import { addressOf } from "@remotegpu/control-plane/client/api-request";
import { useTranslation } from "react-i18next";
import { asTyped } from "../../../api/as-typed.ts";
import { AgeText } from "../../../components/text/age-text.tsx";
import { useFilters } from "../../../components/filters.ts";
import { NameText } from "../../../components/text/name-text.tsx";
import { type Column, PageTable } from "../../../components/page/page-table.tsx";
import { bytesText } from "../../../components/text/size-text.ts";
import type { Job } from "./job.ts";
import "@mantine/core/styles/Breadcrumbs.css";

type Place = Pick<ReadTrainingJobOutputParams, "path" | "path_base64">;

export function OutputPanel({ job: { id, instances } }: { job: Job }) {
  const { t } = useTranslation("training");
  const [{ output, rank }, setFilters] = useFilters(["output", "rank"]);
  const outputAt = (place: Place) => readTrainingJobOutput(id, asTyped({ ...place, rank }));
  const columns: Column<FileEntry>[] = [
    {
      title: t("output.name"),
      cell: (entry) => (
        <Entry
          entry={entry}
          href={addressOf(outputAt(placeOf(entry)))}
          onOpen={() => setFilters({ output: entry.path })}
        />
      ),
    },
    { title: t("output.size"), cell: ({ size }) => bytesText(size) ?? "" },
    {
      title: t("output.changed"),
      cell: ({ modified_at: at }) => (at === null ? "" : <AgeText at={at} />),
      isWide: true,
    },
  ];
  return (
    <PageTable
      title={t("output.title")}
      definition={t("output.definition")}
      list={outputAt({ path: output })}
      isLive={false}
      columns={columns}
      keyOf={({ path, path_base64: bytes }) => bytes ?? path}
      empty={t("output.empty")}
      actions={
        instances.length > 1 && (
          <NativeSelect
            aria-label={t("output.rank")}
            value={rank === "" ? "0" : rank}
            onChange={({ currentTarget: { value } }) => setFilters({ rank: value, output: "" })}
            data={instances.map((one) => ({
              value: String(one.rank),
              label: t("lanes.rank", { rank: one.rank }),
            }))}
          />
        )
      }
      filters={<AccessMethod path={output} onGo={(path) => setFilters({ output: path })} />}
    />
  );
}

/** A name that is no text goes by its bytes. */
function placeOf({ path, path_base64: bytes }: FileEntry): Place {
  return bytes === null ? { path } : { path_base64: bytes };
}

interface EntryOf {
  entry: FileEntry;
  href: string;
  onOpen: () => void;
}

function Entry({ entry: { name, type }, href, onOpen }: EntryOf) {
  if (type === "folder")
    return (
      <Anchor component="button" onClick={onOpen} style={{ textAlign: "start" }}>
        <NameText>{name}</NameText>/
      </Anchor>
    );
  if (type !== "file") return <NameText>{name}</NameText>;
  return (
    <Anchor href={href} download={name} style={{ overflowWrap: "anywhere" }}>
      <NameText>{name}</NameText>
    </Anchor>
  );
}

function AccessMethod({ path, onGo }: { path: string; onGo: (path: string) => void }) {
  const { t } = useTranslation("training");
  if (path === "") return null;
  const parts = path.split("/").filter((part) => part !== "");
  return (
    <Group mb="xs">
      <Breadcrumbs style={{ flexWrap: "wrap" }} styles={{ breadcrumb: { whiteSpace: "normal" } }}>
        <Anchor component="button" onClick={() => onGo("")}>
          {t("output.all")}
        </Anchor>
        {parts.map((part, nth) => (
          <Anchor
            key={parts.slice(0, nth + 1).join("/")}
            component="button"
            onClick={() => onGo(parts.slice(0, nth + 1).join("/"))}
          >
            <NameText>{part}</NameText>
          </Anchor>
        ))}
      </Breadcrumbs>
    </Group>
  );
}
