/**
 * Reads `nvidia-smi topo -m`: a matrix that says how each card reaches each other one, of which only "over NVLink" or
 * not matters here. Columns of network cards and of CPUs stand to the right of the cards' own, a legend below.
 */
import { stripVTControlCharacters } from "node:util";
import { isSwitched, type NvlinkMap } from "../../../core/gpus/nvlink-islands.ts";
import { NvidiaSmiError } from "./nvidia-smi-error.ts";

/** As many as a report holds. */
const MAX_CARDS = 64;
const CARD = /^GPU(\d{1,4})$/;
/** The number is that of the links, which may differ from pair to pair. */
const NVLINK = /^NV([1-9]\d{0,3})$/;
/** Ways over PCIe and processors, those of older drivers included. */
const OTHER_SPELLINGS = new Set(["PIX", "PXB", "PSB", "PHB", "NODE", "SYS", "SOC"]);

/** @throws NvidiaSmiError garbage, also where a word is unknown or two cells contradict each other */
export function parseTopology(output: string): NvlinkMap {
  // The header is underlined, even where nobody looks.
  const lines = stripVTControlCharacters(output).split(/\r?\n/);
  const header = lines.findIndex((line) => /^\s+GPU\d/.test(line));
  if (header === -1) throw garbage("no line names its columns");
  const names = leadingCards(wordsOf(lines[header]));
  if (names.length > MAX_CARDS) throw garbage(`more than ${MAX_CARDS} cards`);
  const rows = lines.slice(header + 1).flatMap((line) => (/^GPU\d/.test(line) ? [wordsOf(line)] : []));
  if (rows.map(([name]) => name).join() !== names.join()) throw garbage("rows and columns name other cards");
  const routes = rows.map((row) => row.slice(1, names.length + 1));
  const cards = names.map((name) => Number(CARD.exec(name)?.[1]));
  const links = cards.flatMap((card, row) =>
    cards.flatMap((other, column): [number, number][] => {
      const route = routes[row]?.[column];
      if (row === column && route !== "X") throw garbage(`card ${card} reaches itself by ${route}`);
      if (column <= row) return [];
      const isLinked = isNvlink(route);
      if (isNvlink(routes[column]?.[row]) !== isLinked)
        throw garbage(`cards ${card} and ${other} reach each other in two ways`);
      return isLinked ? [[card, other]] : [];
    }),
  );
  const switched = cards.filter((_, row) => isSwitched((routes[row] ?? []).map(linksIn)));
  return { cards, links, switched };
}

function wordsOf(line: string | undefined): string[] {
  return (line ?? "").trim().split(/\s+/);
}

function leadingCards(words: string[]): string[] {
  const end = words.findIndex((word) => !CARD.test(word));
  return end === -1 ? words : words.slice(0, end);
}

function linksIn(route: string): number {
  return Number(NVLINK.exec(route)?.[1] ?? 0);
}

function isNvlink(route: string | undefined): boolean {
  if (route !== undefined && NVLINK.test(route)) return true;
  if (route !== undefined && OTHER_SPELLINGS.has(route)) return false;
  throw garbage(`a way called ${JSON.stringify(route ?? "").slice(0, 40)}`);
}

function garbage(what: string): NvidiaSmiError {
  return new NvidiaSmiError("garbage", `nvidia-smi's topology cannot be read: ${what}`);
}
