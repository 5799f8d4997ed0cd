/** The path of money: rows of usage in the hosts' journals, ingested, rated, charged. */
import { graph, rateOf, type Row, series, stat } from "./panel.ts";

const ofHost = { host: "$host" };

export const MONEY_ROW: Row = {
  title: "Money: head, ingested, rated",
  panels: [
    graph(
      "Rows of usage in a second",
      "ops",
      { expr: `sum(deriv(${series("agent_journal_head_seq", ofHost)}[5m]))`, legend: "head" },
      { expr: `sum(deriv(${series("agent_journal_confirmed_seq", ofHost)}[5m]))`, legend: "confirmed" },
      { expr: `sum(${rateOf(series("usage_ingested_rows_total"))})`, legend: "ingested" },
    ),
    graph(
      "Rows on their path",
      "none",
      { expr: `sum(${series("agent_outbox_rows", ofHost)})`, legend: "unconfirmed, by agents" },
      { expr: `sum(max by (host) (${series("host_journal_lag_rows", ofHost)}))`, legend: "not ingested" },
      { expr: `max(${series("usage_rows_pending")})`, legend: "not decided" },
    ),
    graph("Journal's lag by host", "none", {
      expr: `max by (host) (${series("host_journal_lag_rows", ofHost)})`,
      legend: "{{host}}",
    }),
    graph(
      "Oldest usage",
      "s",
      { expr: `max(${series("agent_outbox_oldest_age_seconds", ofHost)})`, legend: "unconfirmed" },
      { expr: `max(${series("usage_unrated_oldest_age_seconds")})`, legend: "unrated" },
    ),
    graph("Rejected rows in an hour", "none", {
      expr: `sum by (reason) (increase(${series("usage_rejected_rows_total")}[1h]))`,
      legend: "{{reason}}",
    }),
    graph("Journal's errors in an hour", "none", {
      expr: `sum by (kind) (increase(${series("agent_journal_errors_total", ofHost)}[1h]))`,
      legend: "{{kind}}",
    }),
    graph("Journal's size", "bytes", {
      expr: `max by (host) (${series("agent_journal_size_bytes", ofHost)})`,
      legend: "{{host}}",
    }),
    graph(
      "Journal's stream",
      "none",
      { expr: `max(${series("jetstream_pending_messages")})`, legend: "pending" },
      { expr: `max(${series("jetstream_ack_pending_messages")})`, legend: "not acknowledged" },
    ),
    graph("Journal's stream, lag of replicas", "none", {
      expr: `max by (replica) (${series("jetstream_replica_lag_messages")})`,
      legend: "{{replica}}",
    }),
    graph("Charged in an hour (approximate)", "none", {
      expr: `sum by (line) (increase(${series("charges_points_total")}[1h]))`,
      legend: "{{line}}",
    }),
    graph("Credited in an hour (approximate)", "none", {
      expr: `sum by (cause) (increase(${series("credited_points_total")}[1h]))`,
      legend: "{{cause}}",
    }),
    graph("Accounts", "none", {
      expr: `max by (overdue_status) (${series("accounts")})`,
      legend: "{{overdue_status}}",
    }),
    stat(
      "Books",
      "none",
      { expr: `max(abs(${series("ledger_imbalance")}))`, legend: "imbalance" },
      { expr: `max(${series("customers_unbalanced")})`, legend: "unbalanced customers" },
    ),
  ],
};
