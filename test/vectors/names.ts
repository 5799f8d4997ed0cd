/**
 * Names in a vector are any text; ids in the product are not. Each name gets an id, and the ids are in the order of the
 * names, since some things at one moment are done in the order of ids.
 */
export class Names {
  readonly #ids: ReadonlyMap<string, string>;
  readonly #names: ReadonlyMap<string, string>;

  constructor(prefix: string, names: Iterable<string>) {
    const inOrder = [...new Set(names)].sort();
    const ids = inOrder.map((name, index) => [name, `${prefix}${String(index).padStart(6, "0")}`] as const);
    this.#ids = new Map(ids);
    this.#names = new Map(ids.map(([name, id]) => [id, name]));
  }

  get ids(): string[] {
    return [...this.#ids.values()];
  }

  idOf(name: string): string {
    const id = this.#ids.get(name);
    if (id === undefined) throw new Error(`${name} is nowhere else in the vector`);
    return id;
  }

  nameOf(id: string): string {
    const name = this.#names.get(id);
    if (name === undefined) throw new Error(`${id} is no id of the vector's`);
    return name;
  }
}
