/**
 * The map's answer with what the stream told since. The two are kept apart: an answer that something is written into each
 * second counts as asked for just now, and would never be asked for again.
 */
import type { FleetMap } from "@remotegpu/control-plane/http/hosts/fleet-map";
import { useCallback, useState } from "react";
import { useValues } from "../../live/live.tsx";
import { type GpuValues, type Told, toldBy, withTold } from "./live-cards.ts";

interface Laid {
  asked: FleetMap | undefined;
  told: Told;
  shown: FleetMap | undefined;
}

export function useLiveMap(asked: FleetMap | undefined): FleetMap | undefined {
  const [laid, setLaid] = useState<Laid>({ asked, told: new Map(), shown: asked });
  const hear = useCallback((values: GpuValues) => {
    const news = toldBy(values);
    setLaid(({ told, shown, ...before }) => ({
      ...before,
      told: new Map([...told, ...news]),
      shown: shown && withTold(shown, news),
    }));
  }, []);
  useValues("gpu", hear);
  if (laid.asked === asked) return laid.shown;
  const shown = asked && withTold(asked, laid.told);
  setLaid({ asked, told: laid.told, shown });
  return shown;
}
