/**
 * Three specs that a new system may begin with: what each includes, what an hour of it costs, and a sentence for whoever
 * reads the catalogue. They name no GPU model, so that they fit any fleet. Nothing here is in force by itself.
 */
import { GIB } from "@remotegpu/shared/values/units";

export interface ExampleSpec {
  readonly spec: string;
  readonly description: string;
  readonly shape: {
    readonly cpu: number;
    readonly memory: number;
    readonly gpu: number;
    readonly temp_storage: number;
  };
  /** The price of everything in the shape, an hour. */
  readonly unitPrice: string;
}

export const EXAMPLE_SPECS: readonly ExampleSpec[] = [
  {
    spec: "basic",
    description: "For preparing data and writing code: 4 cores and 16 GiB of memory, without GPU.",
    shape: { cpu: 4, memory: 16 * GIB, gpu: 0, temp_storage: 50 * GIB },
    unitPrice: "0.4",
  },
  {
    spec: "standard",
    description: "For one GPU at a time: 8 cores, 64 GiB of memory and a whole card.",
    shape: { cpu: 8, memory: 64 * GIB, gpu: 1, temp_storage: 100 * GIB },
    unitPrice: "4.5",
  },
  {
    spec: "premium",
    description: "For training on all cards of a host: 64 cores, 512 GiB of memory and up to 8 cards.",
    shape: { cpu: 64, memory: 512 * GIB, gpu: 8, temp_storage: 500 * GIB },
    unitPrice: "32",
  },
];
