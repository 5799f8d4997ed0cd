/** Ctrl-K: finds pages by their title, and whatever the reader may see by its name or id. */
import { Button, Modal, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue, useDisclosure, useHotkeys } from "@mantine/hooks";
import { type KeyboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../api/use-api.ts";
import { PAGES } from "../pages/pages.ts";
import { useGo } from "../parts/page-link.tsx";
import { StatusBadge } from "../parts/status-badge.tsx";
import { useMe } from "./session.tsx";

interface Found {
  kind: string;
  id: string | number;
  name: string;
  status: string | null;
  url?: string | null;
}

const TYPING_MS = 200;
const SHORTEST = 2;
const HOMES: Readonly<Record<string, string>> = {
  environment: "/environments/",
  training_job: "/training/",
  inference_service: "/inference/",
  host: "/hosts/",
  customer: "/money?customer=",
  dataset: "/data?name=",
  model: "/data?name=",
};

export function Search() {
  const { t } = useTranslation();
  const [isOpen, { open, close }] = useDisclosure();
  useHotkeys([["mod+K", open]], []);
  return (
    <>
      <Button variant="default" size="compact-md" onClick={open} aria-keyshortcuts="Control+K">
        {t("search.open")}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={t("search.placeholder")}
        closeButtonProps={{ "aria-label": t("menu") }}
        size="lg"
      >
        <SearchBox onChoose={close} />
      </Modal>
    </>
  );
}

function SearchBox({ onChoose }: { onChoose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState(0);
  const choices = useChoices(typed.trim());
  const choose = (to: string) => {
    onChoose();
    go(to);
  };
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && choices.length > 0) {
      event.preventDefault();
      setChosen((chosen + step + choices.length) % choices.length);
    }
    const here = choices[chosen];
    if (event.key === "Enter" && here !== undefined) choose(here.to);
  };
  return (
    <Stack gap="xs">
      <TextInput
        data-autofocus
        aria-label={t("search.placeholder")}
        role="combobox"
        aria-expanded={choices.length > 0}
        aria-controls="search-choices"
        aria-activedescendant={choices.length > 0 ? `search-choice-${chosen}` : undefined}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={move}
      />
      <div role="listbox" id="search-choices" aria-label={t("search.open")}>
        {choices.map((choice, index) => (
          <UnstyledButton
            key={choice.to + choice.name}
            id={`search-choice-${index}`}
            role="option"
            aria-selected={index === chosen}
            tabIndex={-1}
            className="search-choice"
            onClick={() => choose(choice.to)}
          >
            <Text span style={{ overflowWrap: "anywhere" }}>
              {choice.name}
            </Text>{" "}
            <Text span size="sm" c="dimmed">
              {choice.kind}
            </Text>{" "}
            {choice.status !== null && <StatusBadge status={choice.status} />}
          </UnstyledButton>
        ))}
      </div>
      {choices.length === 0 && (
        <Text size="sm" c="dimmed" role="status">
          {t(typed.trim().length < SHORTEST ? "search.hint" : "search.none")}
        </Text>
      )}
    </Stack>
  );
}

interface Choice {
  to: string;
  name: string;
  kind: string;
  status: string | null;
}

function useChoices(typed: string): Choice[] {
  const { t, i18n } = useTranslation();
  const { isAdmin } = useMe();
  const [asked] = useDebouncedValue(typed, TYPING_MS);
  const isLong = asked.length >= SHORTEST;
  const found = useApi<{ items: Found[] }>("/search", {
    query: { q: asked },
    enabled: isLong,
    isLive: false,
  });
  const pages = PAGES.flatMap(({ nav, path, who }) =>
    nav !== undefined && (isAdmin || who === "everyone")
      ? [{ to: path, name: t(`nav.${nav}`), kind: "", status: null }]
      : [],
  ).filter(({ name }) => typed !== "" && name.toLowerCase().includes(typed.toLowerCase()));
  const items = isLong && typed.length >= SHORTEST ? (found.data?.items ?? []) : [];
  const things = items.map(({ kind, id, name, status, url }) => ({
    to: url?.startsWith("/") === true ? url : homeOf(kind, id, name),
    name: name === "" ? String(id) : name,
    kind: i18n.exists(`search.kind.${kind}`) ? t(`search.kind.${kind}` as "search.kind.host") : kind,
    status,
  }));
  return [...pages, ...things];
}

function homeOf(kind: string, id: string | number, name: string): string {
  const home = HOMES[kind] ?? "/";
  return home + encodeURIComponent(home.endsWith("name=") ? name : String(id));
}
