/** What stands around every page: the navigation by role, the search, the account, and what is wrong with the server. */
import { AppShell, Burger, Button, Group, Menu, NavLink, Text, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { PAGES } from "./pages.ts";
import { isolated } from "../locales/isolated.ts";
import { NameText } from "../components/text/name-text.tsx";
import { useGo } from "../components/page/page-link.tsx";
import { Contained } from "../components/page/panel.tsx";
import { LanguageChoice, ThemeChoice } from "./choices.tsx";
import { DebtBanner } from "./debt-banner.tsx";
import { Search } from "./search.tsx";
import { ServerBanner } from "./server-banner.tsx";
import { logout, useMe } from "../session/session.tsx";

const GROUPS = ["fleet", "work", "account", "owner"] as const;
const CONTENT = "content";

export function Layout() {
  const { t } = useTranslation();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const [isOpen, { toggle, close }] = useDisclosure();
  const content = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    close();
    // Who reads by keyboard or by ear begins at the new page, as after a load.
    if (!isFirst.current) content.current?.focus();
    isFirst.current = false;
  }, [path, close]);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 210, breakpoint: "sm", collapsed: { mobile: !isOpen } }}
      padding="md"
    >
      <a className="skip" href={`#${CONTENT}`}>
        {t("skip")}
      </a>
      <AppShell.Header>
        <Group h="100%" px="sm" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger
              opened={isOpen}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t("menu")}
              aria-expanded={isOpen}
            />
            <Text fw={700}>{t("product")}</Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Search />
            <AccountMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={t("menu")} style={{ overflowY: "auto" }}>
        <Navigation path={path} />
      </AppShell.Navbar>
      <AppShell.Main id={CONTENT} ref={content} tabIndex={-1}>
        <ServerBanner />
        <DebtBanner />
        <Contained key={path}>
          <Outlet />
        </Contained>
      </AppShell.Main>
    </AppShell>
  );
}

function Navigation({ path }: { path: string }) {
  const { t } = useTranslation();
  const { isAdmin } = useMe();
  const go = useGo();
  const pages = PAGES.filter(({ who }) => isAdmin || who === "everyone");
  return GROUPS.map((group) => {
    const within = pages.flatMap((page) => (page.group === group && page.nav !== undefined ? [page] : []));
    if (within.length === 0) return null;
    return (
      <div key={group}>
        <Text size="xs" c="dimmed" px="xs" pt="xs">
          {t(`group.${group}`)}
        </Text>
        {within.map(({ path: to, nav = "queue" }) => {
          const isHere = path === to || path.startsWith(`${to}/`);
          return (
            <NavLink
              key={to}
              href={to}
              label={t(`nav.${nav}`)}
              active={isHere}
              aria-current={isHere ? "page" : undefined}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                go(to);
              }}
            />
          );
        })}
      </div>
    );
  });
}

function AccountMenu() {
  const { t } = useTranslation();
  const { username, isAdmin } = useMe();
  return (
    <Menu position="bottom-end" withinPortal keepMounted={false}>
      <Menu.Target>
        <Button
          variant="default"
          size="compact-md"
          maw={160}
          aria-label={`${t("account.menu")}: ${isolated(username)}`}
        >
          <Text span truncate size="sm">
            <NameText>{username}</NameText>
          </Text>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label style={{ overflowWrap: "anywhere" }}>
          <NameText>{t("account.signedInAs", { name: username })}</NameText>
          {isAdmin && `, ${t("account.admin")}`}
        </Menu.Label>
        <div role="none" style={{ padding: "0.25rem 0.75rem" }}>
          <VisuallyHidden>{t("theme.label")}</VisuallyHidden>
          <ThemeChoice />
        </div>
        <div role="none" style={{ padding: "0.25rem 0.75rem" }}>
          <VisuallyHidden>{t("language.label")}</VisuallyHidden>
          <LanguageChoice />
        </div>
        <Menu.Item onClick={() => void logout()}>{t("account.logout")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
