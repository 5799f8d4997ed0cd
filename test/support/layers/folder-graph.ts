/**
 * Which folders import which, and which of them reach themselves again. Each file belongs to the folder that it lies in: a
 * subfolder is another folder than its parent. Imports of types count as well.
 */
import { dirname } from "node:path";
import { importedFile } from "./lint-plugin.ts";

export type FolderGraph = ReadonlyMap<string, ReadonlySet<string>>;

/** A source file and its text without comments. */
export interface SourceText {
  file: string;
  code: string;
}

const IMPORT = /(?:from|import|import\()\s*"([^"]+)"/g;

export function folderGraph(sources: readonly SourceText[]): FolderGraph {
  const graph = new Map<string, Set<string>>();
  for (const { file, code } of sources) {
    const from = dirname(file);
    const imported = graph.get(from) ?? new Set<string>();
    graph.set(from, imported);
    for (const to of importedFolders(file, code)) if (to !== from) imported.add(to);
  }
  return graph;
}

function importedFolders(file: string, code: string): string[] {
  const names = [...code.matchAll(IMPORT)].map(([, name = ""]) => importedFile(file, name));
  return names.flatMap((name) => (name === null ? [] : [dirname(name)]));
}

/** The folders that reach themselves again through others, by name. */
export function foldersInCircles(graph: FolderGraph): string[] {
  return [...graph.keys()].filter((folder) => reachesItself(graph, folder)).toSorted();
}

function reachesItself(graph: FolderGraph, start: string): boolean {
  const seen = new Set<string>();
  const open = [start];
  for (let from = open.pop(); from !== undefined; from = open.pop())
    for (const to of graph.get(from) ?? [])
      if (!seen.has(to)) {
        seen.add(to);
        open.push(to);
      }
  return seen.has(start);
}
