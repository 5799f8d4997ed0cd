/** Who has a card, each a link to its page. */
import type { MapCard } from "./map/map-rows.ts";
import { PageLink } from "../../components/page/page-link.tsx";

const HOMES = { environment: "/environments", training: "/training", inference: "/inference" } as const;

export function HolderLinks({ holders }: Pick<MapCard, "holders">) {
  return holders.map(({ kind, id, name }) => (
    <div key={`${kind}/${id}`}>
      <PageLink to={`${HOMES[kind]}/${encodeURIComponent(id)}`}>{name}</PageLink>
    </div>
  ));
}
