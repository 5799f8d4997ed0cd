/**
 * Every single change that somebody could make to a proof to move its bill, with what a verifier has to name then. What
 * only labels the bill (names, reasons, evidence) is not among them.
 */
import type { OwnRow, ProofDocument } from "@remotegpu/control-plane/server/proof/proof-document";

export interface ProofChange {
  readonly what: string;
  readonly make: (proof: ProofDocument) => ProofDocument;
  /** Of one of the faults. */
  readonly names: RegExp;
}

const flipped = (hex: string) => (hex.startsWith("0") ? "1" : "0") + hex.slice(1);
/** One unit of its last decimal more. */
function more(decimal: string): string {
  const [whole = "", fraction = ""] = decimal.split(".");
  const digits = (BigInt(whole + fraction) + 1n)
    .toString()
    .replace("-", "")
    .padStart(fraction.length + 1, "0");
  const sign = BigInt(whole + fraction) + 1n < 0n ? "-" : "";
  return fraction === ""
    ? sign + digits
    : `${sign}${digits.slice(0, -fraction.length)}.${digits.slice(-fraction.length)}`;
}

export function changesOf(proof: ProofDocument): ProofChange[] {
  return [
    ...proof.segments.flatMap((_, at) => rowChanges(proof, at)),
    ...priceChanges(proof),
    ...recordChanges(proof),
    ...ledgerChanges(proof),
    ...runChanges(proof),
  ];
}

const change = (what: string, names: RegExp, mutate: (proof: ProofDocument) => void): ProofChange => ({
  what,
  names,
  make: (proof) => {
    mutate(proof);
    return proof;
  },
});

function rowChanges(proof: ProofDocument, at: number): ProofChange[] {
  const segment = proof.segments[at];
  if (segment === undefined) return [];
  const journal = segment.journal_id;
  const head = segment.head;
  const rowsOf = (changed: ProofDocument) => changed.segments[at]?.rows ?? [];
  const changes = segment.rows.flatMap((row, index): ProofChange[] => {
    const own = new RegExp(`row ${row.seq} of journal ${journal}`);
    const chain = new RegExp(`row \\d+ of journal ${journal}`);
    const both = [
      change(
        `row ${row.seq} missing`,
        new RegExp(`journal ${journal}|rows`),
        (p) => void rowsOf(p).splice(index, 1),
      ),
      change(`row ${row.seq} doubled`, own, (p) => void rowsOf(p).splice(index, 0, structuredClone(row))),
    ].filter((one) => segment.rows.length > 1 || !one.what.includes("missing"));
    const onRow = (
      what: string,
      names: RegExp,
      mutate: (row: ProofDocument["segments"][number]["rows"][number]) => void,
    ) =>
      change(`${what} of row ${row.seq}`, names, (p) => {
        const target = rowsOf(p)[index];
        if (target !== undefined) mutate(target);
      });
    if (row.kind === "other")
      return [...both, onRow("digest", chain, (r) => r.kind === "other" && (r.digest = flipped(r.digest)))];
    if (row.kind === "lost")
      return [...both, onRow("hash", chain, (r) => r.kind === "lost" && (r.hash = flipped(r.hash)))];
    const entry = (what: string, mutate: (entry: OwnRow["entry"]) => void) =>
      onRow(what, own, (r) => r.kind === "own" && mutate(r.entry));
    return [
      ...both,
      entry("start", (e) => (e.startMs += 1)),
      entry("end", (e) => (e.endMs += 1)),
      entry("proof", (e) => (e.proof = e.proof === "exact" ? "unproven" : "exact")),
      entry("final", (e) => (e.final = !e.final)),
      entry("wall clock", (e) => (e.wallEnd = "later")),
      entry("run", (e) => (e.runId = "run-other" as typeof e.runId)),
      onRow("hash", own, (r) => r.kind === "own" && (r.hash = flipped(r.hash))),
      ...(row.verdict === "accepted"
        ? [onRow("excess", own, (r) => r.kind === "own" && (r.excess_ms = (r.excess_ms ?? 0) + 1))]
        : []),
    ];
  });
  if (head === null) return changes;
  const named = new RegExp(`head at row \\d+ of journal ${journal}`);
  const onHead = (
    what: string,
    mutate: (head: NonNullable<ProofDocument["segments"][number]["head"]>) => void,
  ) =>
    change(`${what} of head ${head.seq}`, named, (p) => {
      const target = p.segments[at]?.head;
      if (target != null) mutate(target);
    });
  return [
    ...changes,
    change(`segment ${at} missing`, /rows/, (p) => void p.segments.splice(at, 1)),
    change(`segment ${at} doubled`, /is here twice/, (p) => void p.segments.push(structuredClone(segment))),
    change(`hash before segment ${at}`, new RegExp(`journal ${journal}`), (p) => {
      const target = p.segments[at]?.previous;
      if (target?.hash != null) target.hash = flipped(target.hash);
    }),
    onHead("hash", (h) => (h.hash = flipped(h.hash))),
    onHead(
      "signature",
      (h) => (h.signature = (h.signature.startsWith("A") ? "B" : "A") + h.signature.slice(1)),
    ),
    onHead("seq", (h) => (h.seq += 1)),
  ];
}

function priceChanges({ lines, catalogue, run }: ProofDocument): ProofChange[] {
  const used = catalogue.findLastIndex((entry) => entry.effective_from <= (run.first_proven_at ?? ""));
  return [
    ...lines.flatMap((line, at) => [
      change("price of the run", new RegExp(`line ${line.line}`), (p) => {
        const target = p.lines[at];
        if (target?.unit_price != null) target.unit_price = more(target.unit_price);
      }),
      change("quantity of the run", new RegExp(`line ${line.line}`), (p) => {
        const target = p.lines[at];
        if (target !== undefined) target.quantity = "2";
      }),
    ]),
    change("price in the catalogue", /the catalogue/, (p) => {
      const target = p.catalogue[used];
      if (target !== undefined) target.unit_price = more(target.unit_price);
    }),
    change("unit in the catalogue", /the catalogue/, (p) => {
      const target = p.catalogue[used];
      if (target !== undefined) target.billing_unit = "day";
    }),
  ];
}

function recordChanges({ records }: ProofDocument): ProofChange[] {
  return records.flatMap((record, at): ProofChange[] => {
    const own = new RegExp(`record (\\d+, )*${record.id}\\b`);
    const onRecord = (what: string, names: RegExp, mutate: (r: ProofDocument["records"][number]) => void) =>
      change(`${what} of record ${record.id}`, names, (p) => {
        const target = p.records[at];
        if (target !== undefined) mutate(target);
      });
    const gone = new RegExp(`ledger transaction ${record.transaction_id}|record \\d+`);
    return [
      onRecord("customer", own, (r) => (r.customer_id += 1)),
      onRecord("amount", own, (r) => (r.amount = more(r.amount))),
      onRecord("minutes", own, (r) => (r.billing_minutes += 1)),
      onRecord("price", own, (r) => (r.unit_price = more(r.unit_price))),
      onRecord("quantity", own, (r) => (r.quantity = "3")),
      onRecord("transaction", /ledger transaction|without a ledger/, (r) => (r.transaction_id = 987_654)),
      change(`record ${record.id} missing`, gone, (p) => void p.records.splice(at, 1)),
      change(`record ${record.id} doubled`, own, (p) => void p.records.push(structuredClone(record))),
    ].filter((one) => records.length > 1 || !one.what.endsWith("missing"));
  });
}

function ledgerChanges({ ledger }: ProofDocument): ProofChange[] {
  return ledger.flatMap(({ id, entries }, at): ProofChange[] => {
    const named = new RegExp(`ledger transaction ${id}\\b`);
    return [
      ...entries.map((_, side) =>
        change(`side ${side} of transaction ${id}`, named, (p) => {
          const target = p.ledger[at]?.entries[side];
          if (target !== undefined) target.amount = more(target.amount);
        }),
      ),
      ...entries.flatMap(({ account }, side) =>
        account === "customer"
          ? [
              change(`customer of side ${side} of transaction ${id}`, named, (p) => {
                const target = p.ledger[at]?.entries[side];
                if (target !== undefined) target.customer_id = (target.customer_id ?? 0) + 1;
              }),
            ]
          : [],
      ),
      change(`transaction ${id} missing`, named, (p) => void p.ledger.splice(at, 1)),
      change(`transaction ${id} doubled`, named, (p) => void p.ledger.push(structuredClone(p.ledger[at]!))),
    ];
  });
}

function runChanges({ run, waivers, boots }: ProofDocument): ProofChange[] {
  const later = (moment: string, byMs: number) => new Date(Date.parse(moment) + byMs).toISOString();
  const named = /run |line /;
  // Of a run with a charge still due, what is waived may not have been charged for yet.
  const ofSettled = run.is_charge_due
    ? []
    : [
        change("waived time", named, (p) => (p.run.waived_ms += 1)),
        change("minutes", named, (p) => (p.run.billed_minutes += 1)),
        ...waivers.flatMap((_, at) => [
          change("waiver's start", named, (p) => {
            const target = p.waivers[at];
            if (target !== undefined) target.from_at = later(target.from_at, 1);
          }),
          change("waiver's end", named, (p) => {
            const target = p.waivers[at];
            if (target?.to_at != null) target.to_at = later(target.to_at, -1);
          }),
          change("waiver missing", named, (p) => void p.waivers.splice(at, 1)),
        ]),
        ...(run.waive_from === null
          ? [change("a stop", named, (p) => (p.run.waive_from = later(p.run.first_proven_at ?? "", 60_000)))]
          : [change("no stop", named, (p) => (p.run.waive_from = null))]),
      ];
  return [
    ...ofSettled,
    change("payer", /the run's payer/, (p) => (p.run.customer_id += 1)),
    change("proven time", named, (p) => (p.run.proven_ms += 1)),
    change("amount", named, (p) => (p.run.amount = more(p.run.amount))),
    change("number of rows", named, (p) => (p.run.rows += 1)),
    change("record asked for", /record 0/, (p) => (p.record_id = 0)),
    ...(boots.length === 1
      ? [
          change("start of the boot", named, (p) => {
            const target = p.boots[0];
            if (target !== undefined) target.utc_at_zero = later(target.utc_at_zero, -1);
          }),
        ]
      : []),
  ];
}
