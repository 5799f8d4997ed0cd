/**
 * The map's answer with what the stream told since. The two are kept apart: an answer that something is written into each
 * second counts as asked for just now, and would never be asked for again.
 */
import type { FleetMap } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useCallback, useState } from "react";
import { useValues } from "../../../live/live.tsx";
import { type GpuValues, type LiveSamples, samplesOf, withSamples } from "./live-cards.ts";

interface Laid {
  requested: FleetMap | undefined;
  /** Of the answer's cards; null: not answered yet. Of a large fleet the stream tells of many more. */
  uuids: ReadonlySet<unknown> | null;
  samples: LiveSamples;
  visible: FleetMap | undefined;
}

export function useLiveMap(requested: FleetMap | undefined): FleetMap | undefined {
  const [laid, setLaid] = useState<Laid>({
    requested,
    uuids: uuidsOf(requested),
    samples: new Map(),
    visible: requested,
  });
  const hear = useCallback((values: GpuValues) => {
    setLaid((before) => {
      const messages = ofVisible(samplesOf(values), before.uuids);
      if (messages.size === 0) return before;
      const samples = new Map([...before.samples, ...messages]);
      return { ...before, samples, visible: before.visible && withSamples(before.visible, messages) };
    });
  }, []);
  useValues("gpu", hear);
  if (laid.requested === requested) return laid.visible;
  const uuids = uuidsOf(requested);
  const samples = ofVisible(laid.samples, uuids);
  const visible = requested && withSamples(requested, samples);
  setLaid({ requested, uuids, samples, visible });
  return visible;
}

function uuidsOf(map: FleetMap | undefined): ReadonlySet<unknown> | null {
  return map === undefined ? null : new Set(map.hosts.flatMap(({ gpus }) => gpus.map(({ uuid }) => uuid)));
}

function ofVisible(samples: LiveSamples, uuids: ReadonlySet<unknown> | null): LiveSamples {
  return uuids === null ? samples : new Map([...samples].filter(([uuid]) => uuids.has(uuid)));
}
