/**
 * What is usually ordered: the shapes that, the most frequent first, make up 95 % of the orders. What a free GPU is
 * worth depends on them (fragmentation.ts). After Weng et al., "Beware of Fragmentation", USENIX ATC 2023, section 3.
 */

export interface CountedShape {
  cpuMilli: number;
  /** 0 for work without GPU. */
  gpuCount: number;
  /** Of each of its cards. 1000 where they are whole. */
  shareThousandths: number;
  /** Null for any. */
  models: readonly string[] | null;
  /** The least memory that its cards must have. */
  leastMemoryMib: number;
  /** How often it was ordered. */
  count: number;
  /** What all these orders ask for of the host's memory together; shapes are not told apart by it. */
  totalMemoryMib: number;
}

/** In per cent of the orders. */
const COVERED = 95;

/**
 * Equal shapes are counted together; the order of the input does not matter.
 * @param atMost so many, even where they make up less
 */
export function typicalShapes(
  counted: readonly CountedShape[],
  { atMost = Infinity }: { atMost?: number } = {},
): CountedShape[] {
  const byKey = new Map<string, CountedShape>();
  for (const shape of counted) {
    const key = keyOf(shape);
    const known = byKey.get(key);
    byKey.set(key, {
      ...shape,
      count: shape.count + (known?.count ?? 0),
      totalMemoryMib: shape.totalMemoryMib + (known?.totalMemoryMib ?? 0),
    });
  }
  const sorted = [...byKey].sort(
    ([oneKey, one], [otherKey, other]) =>
      other.count - one.count || (oneKey < otherKey ? -1 : Number(oneKey > otherKey)),
  );
  const total = sorted.reduce((sum, [, { count }]) => sum + count, 0);
  const typical: CountedShape[] = [];
  let covered = 0;
  for (const [, shape] of sorted) {
    if (covered * 100 >= total * COVERED || typical.length >= atMost) break;
    typical.push(shape);
    covered += shape.count;
  }
  return typical;
}

function keyOf({ cpuMilli, gpuCount, shareThousandths, models, leastMemoryMib }: CountedShape): string {
  return JSON.stringify([cpuMilli, gpuCount, shareThousandths, models, leastMemoryMib]);
}
