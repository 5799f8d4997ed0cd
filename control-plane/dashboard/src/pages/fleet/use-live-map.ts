/**
 * The map's answer with what the stream told since. The two are kept apart: an answer that something is written into each
 * second counts as asked for just now, and would never be asked for again.
 */
import type { FleetMap } from "@remotegpu/control-plane/http/hosts/fleet-map";
import { useCallback, useState } from "react";
import { useValues } from "../../live/live.tsx";
import { type GpuValues, type Told, toldBy, withTold } from "./live-cards.ts";

interface Laid {
  requested: FleetMap | undefined;
  /** Of the answer's cards; null: not answered yet. Of a large fleet the stream tells of many more. */
  uuids: ReadonlySet<unknown> | null;
  samples: Told;
  visible: FleetMap | undefined;
}

export function useLiveMap(asked: FleetMap | undefined): FleetMap | undefined {
  const [laid, setLaid] = useState<Laid>({
    requested: asked,
    uuids: uuidsOf(asked),
    samples: new Map(),
    visible: asked,
  });
  const hear = useCallback((values: GpuValues) => {
    setLaid((before) => {
      const news = ofShown(toldBy(values), before.uuids);
      if (news.size === 0) return before;
      const told = new Map([...before.samples, ...news]);
      return { ...before, samples: told, visible: before.visible && withTold(before.visible, news) };
    });
  }, []);
  useValues("gpu", hear);
  if (laid.requested === asked) return laid.visible;
  const uuids = uuidsOf(asked);
  const told = ofShown(laid.samples, uuids);
  const shown = asked && withTold(asked, told);
  setLaid({ requested: asked, uuids, samples: told, visible: shown });
  return shown;
}

function uuidsOf(map: FleetMap | undefined): ReadonlySet<unknown> | null {
  return map === undefined ? null : new Set(map.hosts.flatMap(({ gpus }) => gpus.map(({ uuid }) => uuid)));
}

function ofShown(told: Told, uuids: ReadonlySet<unknown> | null): Told {
  return uuids === null ? told : new Map([...told].filter(([uuid]) => uuids.has(uuid)));
}
