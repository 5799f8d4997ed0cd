/** Who asked for what, and what came of it. */
import { asTyped } from "../../api/as-typed.ts";
import { listAuditLog } from "@remotegpu/control-plane/client/generated/api";
import type {
  AuditEntry,
  ListAuditLogOutcome,
  ListAuditLogTargetKind,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { Choice } from "../../components/choice.tsx";
import { useFilters } from "../../components/filters.ts";
import { NameText } from "../../components/text/name-text.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { AsReported } from "../../components/text/server-text.tsx";
import { Term, useTerm } from "../../components/text/term.tsx";
import { AuditAction } from "./audit-action.tsx";
import { TypedFilter } from "../../components/typed-filter.tsx";

const FILTERS = ["actor", "name", "action", "kind", "target", "outcome", "since", "until"] as const;
const MAX_NAME = 64;
/** Of an account, which may have no name any more. */
const NUMBER = /^[1-9]\d{0,14}$/;
const MAX_ACTION = 64;
const MAX_TARGET = 160;
const OUTCOMES: Record<ListAuditLogOutcome, true> = {
  done: true,
  repeated: true,
  refused: true,
  failed: true,
};
const KINDS: Record<ListAuditLogTargetKind, true> = {
  "access-session": true,
  alarm: true,
  alerts: true,
  "browser-session": true,
  "api-key": true,
  "service-key": true,
  customer: true,
  "customer-quota": true,
  "cve-waiver": true,
  "fleet-upgrade": true,
  dataset: true,
  environment: true,
  gpu: true,
  host: true,
  identity: true,
  "identity-invitation": true,
  image: true,
  "inference-service": true,
  invitation: true,
  "join-token": true,
  member: true,
  model: true,
  "port-mapping": true,
  "port-order": true,
  price: true,
  "rdp-password": true,
  "registry-credential": true,
  setting: true,
  spec: true,
  "storage-pool": true,
  "ssh-key": true,
  "ssh-password": true,
  "ssh-ticket": true,
  "training-job": true,
  "training-job-group": true,
  "web-share": true,
  webhook: true,
  workspace: true,
  "workspace-quota": true,
};

export default function AuditPage() {
  const { t } = useTranslation("owner");
  const word = useTerm("resource");
  const [filters, setFilters] = useFilters(FILTERS);
  const { actor, name, action, kind, target, outcome, since, until } = filters;
  return (
    <>
      <PageHead title={t("audit.title")} />
      <Group mb="sm" align="flex-end">
        <TypedFilter
          label={t("audit.ofActor")}
          maxLength={MAX_NAME}
          value={name === "" ? actor : name}
          onChange={(text) =>
            setFilters(NUMBER.test(text) ? { actor: text, name: "" } : { actor: "", name: text })
          }
        />
        <TypedFilter
          label={t("audit.ofAction")}
          maxLength={MAX_ACTION}
          value={action}
          onChange={(text) => setFilters({ action: text })}
        />
        <Choice
          label={t("audit.ofKind")}
          value={kind}
          // Ids are found by their kind.
          onChange={(value) => setFilters({ kind: value, ...(value === "" && { target: "" }) })}
          data={[
            { value: "", label: t("audit.all") },
            ...Object.keys(KINDS).map((value) => ({ value, label: word(value) ?? value })),
          ]}
        />
        {kind !== "" && (
          <TypedFilter
            label={t("audit.ofTarget")}
            maxLength={MAX_TARGET}
            value={target}
            onChange={(text) => setFilters({ target: text })}
          />
        )}
        <Choice
          label={t("audit.ofOutcome")}
          value={outcome}
          onChange={(value) => setFilters({ outcome: value })}
          data={[
            { value: "", label: t("audit.all") },
            ...Object.keys(OUTCOMES).map((value) => ({
              value,
              label: t(`audit.outcomes.${value as ListAuditLogOutcome}`),
            })),
          ]}
        />
        <MomentFilter
          label={t("audit.since")}
          value={since}
          onChange={(value) => setFilters({ since: value })}
        />
        <MomentFilter
          label={t("audit.until")}
          value={until}
          onChange={(value) => setFilters({ until: value })}
        />
      </Group>
      <PageTable
        title={t("audit.title")}
        definition={t("audit.definition")}
        list={listAuditLog(
          asTyped({
            actor: name,
            actor_customer_id: actor,
            action,
            target_kind: kind,
            target_id: kind === "" ? "" : target,
            outcome,
            since: momentOf(since),
            until: momentOf(until),
          }),
        )}
        keyOf={({ id }) => id}
        columns={useColumns()}
      />
    </>
  );
}

function useColumns(): Column<AuditEntry>[] {
  const { t } = useTranslation("owner");
  return [
    { title: t("audit.at"), cell: ({ at }) => <AgeText at={at} /> },
    {
      title: t("audit.actor"),
      cell: ({ actor_customer_id: id, actor_name: name }) =>
        id !== null &&
        (name === null ? (
          <PageLink to={`/audit?actor=${id}`}>{t("audit.number", { id })}</PageLink>
        ) : (
          <PageLink to={`/audit?name=${encodeURIComponent(name)}`}>{name}</PageLink>
        )),
    },
    { title: t("audit.action"), cell: ({ action }) => <AuditAction>{action}</AuditAction> },
    {
      title: t("audit.target"),
      cell: ({ target_kind: kind, target_id: id }) => (
        <>
          <Term kind="resource">{kind}</Term> {id !== null && <NameText>{id}</NameText>}
        </>
      ),
    },
    {
      title: t("audit.outcome"),
      cell: ({ outcome }) => t(`audit.outcomes.${outcome as ListAuditLogOutcome}`),
    },
    {
      title: t("audit.problem"),
      cell: (entry) =>
        entry.reason === null ? (
          entry.problem !== null && <AsReported>{entry.problem}</AsReported>
        ) : (
          <ReasonText of={entry} field="reason" />
        ),
      isWide: true,
    },
  ];
}

interface MomentFilterOf {
  label: string;
  /** As the browser's control has it, in the reader's time. */
  value: string;
  onChange: (value: string) => void;
}

function MomentFilter({ label, value, onChange }: MomentFilterOf) {
  return (
    <TextInput
      type="datetime-local"
      label={label}
      value={value}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    />
  );
}

function momentOf(local: string): string {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString();
}
