/** The pages at their addresses, each fetched with its words when it is first gone to. */
import { Button, Loader } from "@mantine/core";
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { PAGES, type PageEntry } from "./pages.ts";
import { thrownError } from "../api/thrown-error.ts";
import { NotFound } from "../components/page/not-found.tsx";
import { useGo } from "../components/page/page-link.tsx";
import { Failure } from "../components/page/panel.tsx";
import { loadLocale } from "../locales/languages.ts";
import { Layout } from "./layout.tsx";
import { useMe } from "../session/session.tsx";

const rootRoute = createRootRoute({ component: Layout, notFoundComponent: NotFound });
const routes = PAGES.map((page) =>
  createRoute({
    getParentRoute: () => rootRoute,
    path: page.path.replaceAll(/:(\w+)/g, "$$$1"),
    component: lazyRouteComponent(() => loaded(page)),
  }),
);
const pathRoutes = ["/", "/login"].map((path) =>
  createRoute({ getParentRoute: () => rootRoute, path, component: First }),
);

export const router = createRouter({
  routeTree: rootRoute.addChildren([...routes, ...pathRoutes]),
  // Filters are text, whatever they look like.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(search as Record<string, string>).toString();
    return text === "" ? "" : `?${text}`;
  },
  defaultPendingComponent: () => <Loader role="status" />,
  defaultErrorComponent: ({ error, reset }) => <Failure why={thrownError(error)} again={reset} />,
  defaultPreload: "intent",
  scrollRestoration: true,
});

async function loaded({ load, words, who }: PageEntry) {
  const [module] = await Promise.all([load(), ...[words].flat().map(loadLocale)]);
  const Page = module.default;
  return { default: who === "admin" ? () => <ForAdmins page={<Page />} /> : Page };
}

/** To others it is not there: the API would refuse them all it shows. */
function ForAdmins({ page }: { page: ReactNode }) {
  return useMe().isAdmin ? page : <NotFound />;
}

/** What the role came for. */
function First() {
  const { isAdmin } = useMe();
  const go = useGo();
  const first = isAdmin ? "/fleet" : "/environments";
  useEffect(() => go(first), [go, first]);
  return <Button variant="subtle" onClick={() => go(first)} loading />;
}
