/**
 * Placement once more, said as plainly as it can be and sharing nothing with the product but the types of what goes in:
 * every host is looked at for every request, and every figure is worked out anew from its formula. For comparing.
 */
import type {
  Fleet,
  GpuCapacity,
  HostCapacity,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import type { CountedShape } from "@remotegpu/control-plane/server/core/placement/scoring/typical-shapes";

export interface SlowGrant {
  uuid: string;
  memoryMib: number | null;
  shareThousandths: number;
}

export interface SlowInstance {
  hostId: string;
  gpus: SlowGrant[];
}

interface SlowRules {
  policy: "default" | "fgd" | "best-fit" | "packing" | "spread";
  now: number;
  typical: readonly CountedShape[];
  largest?: { cpuMilli: number; gpuThousandths: number };
}

/** What a host is worth, part for part: the first part that differs decides. */
type Worth = number[];

const byName = (one: string, other: string) => (one < other ? -1 : Number(one > other));
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

export class SlowPlacement {
  readonly hosts: HostCapacity[];
  readonly #rules: SlowRules;
  readonly #mostCpu: number;
  readonly #mostGpu: number;

  constructor(fleet: Fleet, rules: SlowRules) {
    this.hosts = structuredClone(fleet.hosts).sort((a, b) => byName(a.id, b.id));
    this.#rules = rules;
    const open = this.hosts.filter(({ closed }) => closed === null);
    const { largest } = rules;
    this.#mostCpu = largest?.cpuMilli ?? Math.max(1, ...open.map(({ totalCpuMilli }) => totalCpuMilli));
    this.#mostGpu = largest?.gpuThousandths ?? Math.max(1, ...open.map(({ gpus }) => gpus.length * 1000));
  }

  place(request: PlacementRequest): SlowInstance[] | null {
    const racks = request.instances === 1 ? [this.hosts] : this.#racksFor(request);
    const placed: SlowInstance[] = [];
    for (const rack of racks ?? []) {
      let open = rack;
      while (placed.length < request.instances) {
        const host = this.#best(open, request);
        if (host === null) break;
        const gpus = this.#grants(host, request);
        this.take(request, [{ hostId: host.id, gpus }]);
        placed.push({ hostId: host.id, gpus });
        if (request.distinctHosts) open = open.filter((other) => other !== host);
      }
    }
    return placed.length === request.instances ? placed : null;
  }

  /** How many instances could be placed, were as many asked for. */
  fitting(request: PlacementRequest): number {
    return Math.min(request.instances, sum(this.hosts.map((host) => this.#roomOn(host, request))));
  }

  fits(host: HostCapacity, request: PlacementRequest): boolean {
    return (
      host.closed === null &&
      [...(host.payers?.keys() ?? [])].every((payer) => payer === request.payer) &&
      (request.storagePool === null || host.storagePool === request.storagePool) &&
      request.skips.every(
        (skip) =>
          skip.untilMs <= this.#rules.now ||
          ("hostId" in skip ? skip.hostId !== host.id : skip.storagePool !== host.storagePool),
      ) &&
      request.features.every((feature) => host.features.includes(feature)) &&
      Object.entries(request.labels).every(([label, value]) => host.labels[label] === value) &&
      host.freeCpuMilli >= request.cpuMilli &&
      host.freeMemoryMib >= request.memoryMib &&
      host.freeTempStorageMib >= request.tempStorageMib &&
      fittingCards(host, request.gpu).length >= cardsRequested(request.gpu)
    );
  }

  take(request: PlacementRequest, instances: readonly SlowInstance[]): void {
    for (const { host, gpu, grant } of this.#move(request, instances, -1)) {
      gpu.freeShareThousandths -= grant.shareThousandths;
      gpu.freeMemoryMib -= grant.memoryMib ?? gpu.memoryMib;
      gpu.use = grant.memoryMib === null ? "exclusive" : "shared";
      if (gpu.freeShareThousandths < 0 || gpu.freeMemoryMib < 0)
        throw new Error(`GPU ${gpu.uuid} of ${host.id} is sold twice`);
    }
  }

  release(request: PlacementRequest, instances: readonly SlowInstance[]): void {
    for (const { gpu, grant } of this.#move(request, instances, 1)) {
      gpu.freeShareThousandths += grant.shareThousandths;
      gpu.freeMemoryMib += grant.memoryMib ?? gpu.memoryMib;
      if (isWhole(gpu)) gpu.use = "idle";
    }
  }

  #move(request: PlacementRequest, instances: readonly SlowInstance[], sign: 1 | -1) {
    return instances.flatMap(({ hostId, gpus }) => {
      const host = this.hosts.find(({ id }) => id === hostId);
      if (host === undefined) throw new Error(`there is no host ${hostId}`);
      countPayer(host, request, sign === -1 ? 1 : -1);
      host.freeCpuMilli += sign * request.cpuMilli;
      host.freeMemoryMib += sign * request.memoryMib;
      host.freeTempStorageMib += sign * request.tempStorageMib;
      if (Math.min(host.freeCpuMilli, host.freeMemoryMib, host.freeTempStorageMib) < 0)
        throw new Error(`${hostId} is sold twice`);
      return gpus.map((grant) => {
        const gpu = host.gpus.find(({ uuid }) => uuid === grant.uuid);
        if (gpu === undefined) throw new Error(`${hostId} has no GPU ${grant.uuid}`);
        return { host, gpu, grant };
      });
    });
  }

  #best(hosts: HostCapacity[], request: PlacementRequest): HostCapacity | null {
    let best: { host: HostCapacity; worth: Worth } | null = null;
    for (const host of hosts) {
      if (!this.fits(host, request)) continue;
      const worth = this.#worthOf(host, request);
      if (best === null || isMore(worth, best.worth)) best = { host, worth };
    }
    return best?.host ?? null;
  }

  #worthOf(host: HostCapacity, request: PlacementRequest): Worth {
    const { gpu, image } = request;
    const isTogether = gpu.kind === "whole" && gpu.count > 1 && areTogether(wholeCards(host, gpu));
    return [
      Number(isTogether),
      ...this.#score(host, request),
      Number(image !== null && host.images.includes(image)),
    ];
  }

  #score(host: HostCapacity, request: PlacementRequest): Worth {
    const { policy } = this.#rules;
    const after = afterwards(host, { ...request, grants: this.#grants(host, request) });
    const { gpu } = request;
    switch (policy) {
      case "default":
        return [
          this.#knowsUsual()
            ? this.#lossScore(host, after) - this.#scarcityPoints(host, gpu)
            : this.#tightness(after),
        ];
      case "fgd":
        return [this.#knowsUsual() ? this.#lossScore(host, after) : this.#tightness(after)];
      case "best-fit":
        return [this.#tightness(after)];
      case "packing":
        return [this.#kindOfPlace(host, gpu), this.#tightness(after)];
      case "spread":
        return [Number((100n * this.#freeParts(after)) / this.#allParts())];
    }
  }

  /** A card that is cut already, else a host that is in use, else one where nothing runs. */
  #kindOfPlace(host: HostCapacity, gpuRequest: GpuRequest): number {
    if (gpuRequest.kind === "slice" && fittingCards(host, gpuRequest).some(({ use }) => use !== "idle"))
      return 2;
    return Number(host.freeCpuMilli < host.totalCpuMilli);
  }

  /** trunc(100 (1 − (free CPU ÷ C + free GPU ÷ G) ÷ 2)), in whole numbers so that nothing is rounded before. */
  #tightness(after: HostCapacity): number {
    return Number((100n * (this.#allParts() - this.#freeParts(after))) / this.#allParts());
  }

  #freeParts(host: HostCapacity): bigint {
    const gpu = sum(openCards(host).map(({ freeShareThousandths }) => freeShareThousandths));
    return BigInt(host.freeCpuMilli) * BigInt(this.#mostGpu) + BigInt(gpu) * BigInt(this.#mostCpu);
  }

  #allParts(): bigint {
    return 2n * BigInt(this.#mostCpu) * BigInt(this.#mostGpu);
  }

  /** Where nothing is known of what is usual, these policies are best-fit. */
  #knowsUsual(): boolean {
    const { policy, typical } = this.#rules;
    return policy === "fgd" ? typical.length > 0 : typical.some(({ gpuCount }) => gpuCount > 0);
  }

  #lossScore(before: HostCapacity, after: HostCapacity): number {
    const orders = sum(this.#rules.typical.map(({ count }) => count));
    const more = this.#lost(after, orders) - this.#lost(before, orders);
    if (this.#rules.policy === "default") return Math.floor((0 - more) / (2 * 40 * orders));
    return Math.trunc(100 / (1 + Math.exp(more / orders / 1000)));
  }

  /** Times the number of orders, so that it is whole. */
  #lost(host: HostCapacity, orders: number): number {
    const { policy, typical } = this.#rules;
    const ofAllCards = (shape: CountedShape) => unusableTo(shape, host, openCards(host));
    if (policy === "fgd") return sum(typical.map((shape) => shape.count * ofAllCards(shape)));
    const ofItsCards = (shape: CountedShape) =>
      unusableTo(
        shape,
        host,
        openCards(host).filter((gpu) => mayUse(shape, gpu)),
      );
    const unusable = sum(
      typical.map((shape) => shape.count * (shape.gpuCount === 0 ? ofAllCards(shape) : ofItsCards(shape))),
    );
    const free = sum(openCards(host).map(({ freeShareThousandths }) => freeShareThousandths));
    const withGpu = typical.filter(({ gpuCount }) => gpuCount > 0);
    const gpuRequested = sum(withGpu.map(gpuRequestedBy));
    const cpuRequested = sum(withGpu.map((shape) => shape.count * shape.cpuMilli));
    const memoryRequested = sum(withGpu.map(({ totalMemoryMib }) => totalMemoryMib));
    const forCpu = Math.floor((host.freeCpuMilli * gpuRequested) / Math.max(1, cpuRequested));
    const forMemory = Math.floor((host.freeMemoryMib * gpuRequested) / Math.max(1, memoryRequested));
    const stranded = Math.max(0, free - forCpu, free - forMemory);
    const leftOver = sum(
      openCards(host).map(({ freeShareThousandths }) => this.#leftOver(freeShareThousandths)),
    );
    return 2 * unusable + orders * (leftOver + stranded);
  }

  /** A fifth of what is taken, times its scarcity; 40 thousandths a point. */
  #scarcityPoints(host: HostCapacity, gpuRequest: GpuRequest): number {
    const every = this.hosts.flatMap(({ gpus }) => gpus);
    const withGpu = this.#rules.typical.filter(({ gpuCount }) => gpuCount > 0);
    if (withGpu.every((shape) => every.every((gpu) => mayUse(shape, gpu)))) return 0;
    const points = host.gpus
      .filter((gpu) => isOfKind(gpu, gpuRequest))
      .map((gpu) => {
        const taken =
          gpuRequest.kind === "slice"
            ? grantOf(gpu, gpuRequest).shareThousandths
            : 1000 * cardsRequested(gpuRequest);
        return Math.floor((taken * this.#scarcity(gpu)) / (5 * 40 * 1_000_000));
      });
    return points.length === 0 ? 0 : Math.min(...points);
  }

  /** Millionths: of all that is asked for, each part times how much less is free for it than there is. */
  #scarcity(gpu: GpuCapacity): number {
    const cards = this.hosts.filter(({ closed }) => closed === null).flatMap(openCards);
    const freeOf = (some: GpuCapacity[]) => sum(some.map(({ freeShareThousandths }) => freeShareThousandths));
    const withGpu = this.#rules.typical.filter(({ gpuCount }) => gpuCount > 0);
    const requested = sum(withGpu.map(gpuRequestedBy));
    const every = this.hosts.flatMap(({ gpus }) => gpus);
    const alike = Map.groupBy(withGpu, (shape) => every.map((card) => mayUse(shape, card)).join());
    return sum(
      [...alike.values()].map((shapes) => {
        const [shape] = shapes;
        if (shape === undefined || !mayUse(shape, gpu)) return 0;
        const free = freeOf(cards.filter((card) => mayUse(shape, card)));
        const hundredths = free === 0 ? 0 : Math.floor((100 * freeOf(cards)) / free);
        return (
          Math.floor((10_000 * sum(shapes.map(gpuRequestedBy))) / requested) * Math.min(1_000_000, hundredths)
        );
      }),
    );
  }

  readonly #leftOvers = new Map<number, number>([[0, 0]]);

  /** What remains of a card when the usual orders have filled it; each 50 that remain make an order half as likely. */
  #leftOver(free: number): number {
    const known = this.#leftOvers.get(free);
    if (known !== undefined) return known;
    const fitting = this.#rules.typical.filter(
      ({ gpuCount, shareThousandths }) => gpuCount > 0 && shareThousandths <= free,
    );
    const routes = fitting.map(({ count, gpuCount, shareThousandths }) => {
      const rest = this.#leftOver(free - shareThousandths);
      return { rest, weight: count * gpuCount * 0.5 ** Math.floor(rest / 50) };
    });
    const weights = sum(routes.map(({ weight }) => weight));
    const leftOver =
      routes.length === 0 ? free : Math.floor(sum(routes.map(({ rest, weight }) => rest * weight)) / weights);
    this.#leftOvers.set(free, leftOver);
    return leftOver;
  }

  #grants(host: HostCapacity, request: PlacementRequest): SlowGrant[] {
    const gpuRequest = request.gpu;
    switch (gpuRequest.kind) {
      case "none":
        return [];
      case "whole":
        return wholeCards(host, gpuRequest).map(({ uuid }) => ({
          uuid,
          memoryMib: null,
          shareThousandths: 1000,
        }));
      case "slice":
        return [grantOf(this.#sliceCard(host, gpuRequest, request), gpuRequest)];
    }
  }

  #sliceCard(host: HostCapacity, gpuRequest: SliceRequest, request: PlacementRequest): GpuCapacity {
    let best: { gpu: GpuCapacity; worth: Worth } | null = null;
    for (const gpu of fittingCards(host, gpuRequest)) {
      const worth = this.#worthOfCard(host, gpu, { gpuRequest, request });
      if (best === null || isMore(worth, best.worth)) best = { gpu, worth };
    }
    if (best === null) throw new Error(`no card of ${host.id} takes the slice`);
    return best.gpu;
  }

  #worthOfCard(
    host: HostCapacity,
    gpu: GpuCapacity,
    { gpuRequest, request }: { gpuRequest: SliceRequest; request: PlacementRequest },
  ): Worth {
    const { policy } = this.#rules;
    if (policy === "spread") return [gpu.freeShareThousandths];
    if (policy === "best-fit" || policy === "packing" || !this.#knowsUsual())
      return [-gpu.freeShareThousandths, -gpu.freeMemoryMib];
    return [this.#lossScore(host, afterwards(host, { ...request, grants: [grantOf(gpu, gpuRequest)] }))];
  }

  /** Which racks to fill, one after the other. */
  #racksFor(request: PlacementRequest): HostCapacity[][] | null {
    const byRack = Map.groupBy(this.hosts, ({ labels }) => labels.rack ?? "");
    let racks = [...byRack]
      .map(([name, hosts]) => ({ name, hosts, room: sum(hosts.map((host) => this.#roomOn(host, request))) }))
      .filter(({ room }) => room > 0)
      .sort((a, b) => byName(a.name, b.name));
    const chosen: HostCapacity[][] = [];
    let missing = request.instances;
    while (missing > 0 && racks.length > 0) {
      const enough = racks.filter(({ room }) => room >= missing);
      const [next] =
        enough.length > 0
          ? enough.toSorted((a, b) => a.room - b.room)
          : racks.toSorted((a, b) => b.room - a.room);
      if (next === undefined) break;
      chosen.push(next.hosts);
      missing -= next.room;
      racks = racks.filter((rack) => rack !== next);
    }
    return missing > 0 ? null : chosen;
  }

  /** Tried out: instance after instance on a copy of the host. */
  #roomOn(host: HostCapacity, request: PlacementRequest): number {
    let room = 0;
    let left = host;
    while (this.fits(left, request) && !(request.distinctHosts && room === 1)) {
      const [gpu] = fittingCards(left, request.gpu);
      const cards =
        request.gpu.kind === "whole" ? fittingCards(left, request.gpu).slice(0, request.gpu.count) : [];
      const grants =
        request.gpu.kind === "slice" && gpu !== undefined
          ? [grantOf(gpu, request.gpu)]
          : cards.map(({ uuid }) => ({ uuid, memoryMib: null, shareThousandths: 1000 }));
      left = afterwards(left, { ...request, grants });
      room += 1;
    }
    return room;
  }
}

function countPayer(host: HostCapacity, { payer }: PlacementRequest, sign: 1 | -1): void {
  if (host.payers === undefined || payer === undefined) return;
  const counts = [...host.payers, [payer, sign] as const];
  const sums = Map.groupBy(counts, ([one]) => one);
  host.payers = new Map(
    [...sums]
      .map(([one, parts]) => [one, sum(parts.map(([, count]) => count))] as const)
      .filter(([, count]) => count > 0),
  );
}

type SliceRequest = Extract<GpuRequest, { kind: "slice" }>;
type WholeRequest = Extract<GpuRequest, { kind: "whole" }>;

function isMore(one: Worth, other: Worth): boolean {
  const position = one.findIndex((part, index) => part !== other[index]);
  return position >= 0 && (one[position] ?? 0) > (other[position] ?? 0);
}

function isWhole({ freeShareThousandths, freeMemoryMib, memoryMib }: GpuCapacity): boolean {
  return freeShareThousandths === 1000 && freeMemoryMib === memoryMib;
}

function openCards({ gpus }: HostCapacity): GpuCapacity[] {
  return gpus.filter(({ closed }) => closed === null);
}

function cardsRequested(gpuRequest: GpuRequest): number {
  if (gpuRequest.kind === "none") return 0;
  return gpuRequest.kind === "whole" ? gpuRequest.count : 1;
}

/** Whether the wish could be met by such cards, were they idle. */
function isOfKind({ model, memoryMib }: GpuCapacity, gpuRequest: GpuRequest): boolean {
  if (gpuRequest.kind === "none" || !(gpuRequest.models?.includes(model) ?? true)) return false;
  return memoryMib >= (gpuRequest.kind === "whole" ? gpuRequest.leastMemoryMib : gpuRequest.memoryMib);
}

/** The smallest first. */
function fittingCards(host: HostCapacity, gpuRequest: GpuRequest): GpuCapacity[] {
  if (gpuRequest.kind === "none") return [];
  return openCards(host)
    .filter((gpu) => {
      if (!isOfKind(gpu, gpuRequest)) return false;
      if (gpuRequest.kind === "whole") return isWhole(gpu);
      const { memoryMib, shareThousandths } = grantOf(gpu, gpuRequest);
      return gpu.freeMemoryMib >= (memoryMib ?? 0) && gpu.freeShareThousandths >= shareThousandths;
    })
    .sort((a, b) => a.memoryMib - b.memoryMib || a.index - b.index);
}

function grantOf(gpu: GpuCapacity, { memoryMib, shareThousandths }: SliceRequest): SlowGrant {
  const ofMemory = gpu.memoryMib === 0 ? 0 : Math.floor((memoryMib * 1000) / gpu.memoryMib);
  return { uuid: gpu.uuid, memoryMib, shareThousandths: Math.max(1, shareThousandths, ofMemory) };
}

/** Of the tightest known island that has enough; else of those of which nothing is known; else the first. */
function wholeCards(host: HostCapacity, gpuRequest: WholeRequest): GpuCapacity[] {
  const cards = fittingCards(host, gpuRequest);
  if (gpuRequest.count === 1) return cards.slice(0, 1);
  const islands = [...new Set(cards.map(({ island }) => island))]
    .map((island) => ({ island, cards: cards.filter((card) => card.island === island) }))
    .filter((group) => group.cards.length >= gpuRequest.count)
    .sort((a, b) => Number(a.island === null) - Number(b.island === null) || a.cards.length - b.cards.length);
  return (islands[0]?.cards ?? cards).slice(0, gpuRequest.count);
}

/** Unless they are known to lie in several islands. */
function areTogether(cards: GpuCapacity[]): boolean {
  return new Set(cards.flatMap(({ island }) => (island === null ? [] : [island]))).size <= 1;
}

function afterwards(
  host: HostCapacity,
  taken: { cpuMilli: number; memoryMib: number; tempStorageMib: number; grants: readonly SlowGrant[] },
): HostCapacity {
  const gpus = host.gpus.map((gpu) => {
    const grant = taken.grants.find(({ uuid }) => uuid === gpu.uuid);
    if (grant === undefined) return gpu;
    return {
      ...gpu,
      use: grant.memoryMib === null ? ("exclusive" as const) : ("shared" as const),
      freeShareThousandths: gpu.freeShareThousandths - grant.shareThousandths,
      freeMemoryMib: gpu.freeMemoryMib - (grant.memoryMib ?? gpu.memoryMib),
    };
  });
  return {
    ...host,
    freeCpuMilli: host.freeCpuMilli - taken.cpuMilli,
    freeMemoryMib: host.freeMemoryMib - taken.memoryMib,
    freeTempStorageMib: host.freeTempStorageMib - taken.tempStorageMib,
    gpus,
  };
}

/** GPU thousandths of these cards that the shape cannot use, as published. */
function unusableTo(shape: CountedShape, host: HostCapacity, cards: GpuCapacity[]): number {
  const free = cards.map((gpu) => ({ gpu, share: gpu.freeShareThousandths }));
  const all = sum(free.map(({ share }) => share));
  if (shape.gpuCount === 0 || host.freeCpuMilli < shape.cpuMilli) return all;
  const usable = free.filter(
    ({ gpu, share }) =>
      share >= shape.shareThousandths && (shape.gpuCount === 1 || isWhole(gpu)) && mayUse(shape, gpu),
  );
  return usable.length < shape.gpuCount ? all : all - sum(usable.map(({ share }) => share));
}

function mayUse({ models, leastMemoryMib }: CountedShape, { model, memoryMib }: GpuCapacity): boolean {
  return memoryMib >= leastMemoryMib && (models === null || models.includes(model));
}

function gpuRequestedBy({ count, gpuCount, shareThousandths }: CountedShape): number {
  return count * gpuCount * shareThousandths;
}
