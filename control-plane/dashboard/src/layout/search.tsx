/** Ctrl-K: finds pages by their title, and whatever the reader may see by its name or id. */
import { searchEverything } from "@remotegpu/control-plane/client/generated/api";
import type { SearchAnswer } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Modal, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue, useDisclosure, useHotkeys } from "@mantine/hooks";
import { type KeyboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { useApi } from "../api/use-api.ts";
import { PAGES } from "./pages.ts";
import { NameText } from "../components/text/name-text.tsx";
import { useGo } from "../components/page/page-link.tsx";
import { Failure } from "../components/page/panel.tsx";
import { StatusBadge } from "../components/status-badge.tsx";
import { useMe } from "../session/session.tsx";

type Resource = SearchAnswer["items"][number];

const TYPING_MS = 200;
const SHORTEST = 2;
/** Of what has no page of its own. */
const HOMES = { customer: "/money?customer=", dataset: "/data?dataset=", model: "/data?model=" } as const;

export function Search() {
  const { t } = useTranslation(["frame", "parts"]);
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
        closeButtonProps={{ "aria-label": t("close", { ns: "parts" }) }}
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
  const { choices, isRequesting, error } = useChoices(typed.trim());
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
              <NameText>{choice.name}</NameText>
            </Text>{" "}
            <Text span size="sm" c="dimmed">
              {choice.kind}
            </Text>{" "}
            {choice.status !== null && <StatusBadge status={choice.status} />}
          </UnstyledButton>
        ))}
      </div>
      {error === null ? (
        <Text size="sm" c="dimmed" role="status">
          {isRequesting
            ? t("search.asking")
            : choices.length === 0 && t(typed.trim().length < SHORTEST ? "search.hint" : "search.none")}
        </Text>
      ) : (
        <Failure why={error} />
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

interface Found {
  choices: Choice[];
  /** More may come of it. */
  isRequesting: boolean;
  error: Error | null;
}

function useChoices(typed: string): Found {
  const { t } = useTranslation();
  const { isAdmin } = useMe();
  const [requested] = useDebouncedValue(typed, TYPING_MS);
  const isLong = requested.length >= SHORTEST;
  const found = useApi(searchEverything({ q: requested }), {
    enabled: isLong,
    isLive: false,
  });
  const pages = PAGES.flatMap(({ nav, path, who }) =>
    nav !== undefined && (isAdmin || who === "everyone")
      ? [{ to: path, name: t(`nav.${nav}`), kind: "", status: null }]
      : [],
  ).filter(({ name }) => typed !== "" && name.toLowerCase().includes(typed.toLowerCase()));
  const isWanted = isLong && typed.length >= SHORTEST;
  // Of what was typed before nothing is said.
  const isOld = typed !== requested || found.isPlaceholderData;
  const items = isWanted && found.error === null ? (found.data?.items ?? []) : [];
  const resources = items.map(({ kind, id, name, status, url }) => ({
    to: url ?? homeOf(kind, id),
    name: name === "" ? id : name,
    kind: t(`search.kind.${kind}`),
    status,
  }));
  return {
    choices: [...pages, ...resources],
    isRequesting: typed.length >= SHORTEST && (isOld || found.isPending),
    error: isWanted && !isOld ? found.error : null,
  };
}

function homeOf(kind: Resource["kind"], id: string): string {
  return kind in HOMES ? HOMES[kind as keyof typeof HOMES] + encodeURIComponent(id) : "/";
}
