import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { PRICE_CODES } from "../codes/prices.ts";

export const PRICE_ENGLISH = messagesFor<typeof PRICE_CODES>()({
  "spec-unpriced": "no price for the spec {spec}",
  "spec-retired": "the spec {spec} is retired, and no new order may use it",
  "spec-unknown": "there is no spec {spec}",
  "spec-not-sold": "{why}; {sold}",
  "no-spec-sold": "no other is sold",
  "spec-sold": "sold is {spec}",
  "specs-sold": "sold are {specs} and {last}",
  "first-specs-sold": "sold are {specs} and {unnamed} more",
  "spec-without-shape": "the spec {spec} has no shape yet: an administrator has to set what it includes",
  "order-beyond-spec": "more {field} than the spec {spec} includes",
  "spec-of-other-model": "the spec {spec} is for {spec_gpu_model}, not for {gpu_model}",
  "price-retired": "the price for {line} of the spec {spec} is retired, and nothing new starts at it",
  "line-unpriced": "no price for {line}",
  "hour-beyond-maximum": "an hour of it costs {hourly}, and its maximum is {maximum}",
  "spec-of-another-model": "the spec {spec} is for another GPU model than {gpu_model}",
});
