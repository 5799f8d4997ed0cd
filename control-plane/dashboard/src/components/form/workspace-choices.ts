/** Workspaces in which somebody may order: the personal one first. */
import { listWorkspaces } from "@remotegpu/control-plane/client/generated/api";
import { useApi } from "../../api/use-api.ts";
import { useMe } from "../../session/session.tsx";
import { isolated } from "../../locales/isolated.ts";

const MAY_ORDER = ["owner", "admin", "member"];
const MOST = 200;

export function useWorkspaceChoices(): { value: string; label: string }[] {
  const { personal_workspace_id: own } = useMe();
  const workspaces = useApi(listWorkspaces({ limit: MOST }), { isLive: false });
  return (workspaces.data?.items ?? [])
    .filter(({ role }) => role !== null && MAY_ORDER.includes(role))
    .toSorted((one, other) => Number(other.id === own) - Number(one.id === own))
    .map(({ id, name }) => ({ value: id === own ? "" : String(id), label: isolated(name) }));
}
