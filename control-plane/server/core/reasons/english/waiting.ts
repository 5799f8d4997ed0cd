import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { START_CODES, WAITING_CODES } from "../codes/waiting.ts";

export const WAITING_ENGLISH = messagesFor<typeof WAITING_CODES>()({
  "waiting-for-place": "Waiting for a place.",
  "no-host-joined": "Waiting for a place: no host has joined yet.",
  "waiting-on-hosts": "Waiting for a place. {hosts}.",
  "waiting-for-places": {
    plural: "free",
    one: "Waiting for {requested} places at once, {free} is free now.",
    other: "Waiting for {requested} places at once, {free} are free now.",
  },
  "waiting-for-places-on-hosts": {
    plural: "free",
    one: "Waiting for {requested} places at once, {free} is free now. {hosts}.",
    other: "Waiting for {requested} places at once, {free} are free now. {hosts}.",
  },
  "hosts-without-confirmed-address":
    "Not tried among several hosts, since where they are reached is not confirmed: {hosts}.",
  "hosts-not-reaching-each-other":
    "Not tried together for a while, since ranks there did not reach each other: {hosts}.",
  "waiting-behind-first": "Waiting behind an order that comes first: what is free is kept for it.",
  "no-host-can-take-it": "No host can take it: {why}.",
  "place-taken-meanwhile": "Waiting for a place: {why}.",
  "waiting-for-price": "Waiting for price: {why}.",
  "waiting-for-funds": "Waiting for funds: {why}.",
  "waiting-for-quota": "Waiting for quota: {why}.",
  "waiting-for-image": "Waiting for image: {why}.",
  "waiting-for-stop": {
    plural: "host_count",
    one: "Waiting for host {hosts} to confirm that the container of the last start has stopped.",
    other: "Waiting for hosts {hosts} to confirm that the container of the last start has stopped.",
  },
  "waiting-for-turn": {
    plural: "at_once",
    one: "Waiting for its turn: of its array one runs at once.",
    other: "Waiting for its turn: of its array {at_once} run at once.",
  },
  "waiting-for-network": "Waiting for a network: all {network_count} are in use.",
  "waiting-for-confirmed-address":
    "Waiting for host {host_id}, which the others would find by an address that is not confirmed, or is not IPv4.",
  "too-many-instances": "At most {max_instances} instances start together.",
  several: "{reasons}",
  "mount-missing-in-pool": "A mount is missing in storage pool {storage_pool}: {why}.",
  "waiting-for-another-gpu": "Waiting for another GPU: {why}.",
  "order-not-waiting": "It does not wait any more.",
  "share-beside-others": "Your share is {own} %, others who wait have {others} %.",
  "share-alone": "Your share is {own} %, nobody else waits.",
  "order-fits-now": "There is room for it now.",
  "order-fits-later": "No place for it is free now: it would wait.",
  "order-beyond-fleet": "{why}.",
  "instance-fits-on-hosts": {
    plural: "host_count",
    one: "An instance of it fits on one host now.",
    other: "An instance of it fits on {host_count} hosts now.",
  },
  "instance-fits-nowhere": "No host has room for an instance of it now: it would wait.",
});

export const START_ENGLISH = messagesFor<typeof START_CODES>()({
  "would-start-with-cores": {
    plural: "cores",
    one: "With 1 core it would start now.",
    other: "With {cores} cores it would start now.",
  },
  "would-start-with-memory": "With {memory_bytes} of memory it would start now.",
  "would-start-with-temp-storage": "With {temp_storage_bytes} of temporary storage it would start now.",
  "would-start-with-gpus": "With {gpus} GPU it would start now.",
  "would-start-with-gpu-memory": "With {gpu_memory_bytes} of GPU memory it would start now.",
  "would-start-on-model": "On {gpu_model} it would start now.",
  "would-start-without-label": "Without the label {label} it would start now.",
  "would-start-with-instances": {
    plural: "instances",
    one: "With 1 instance it would start now.",
    other: "With {instances} instances it would start now.",
  },
  "would-start-within-minutes": {
    plural: "minutes",
    one: "With a time limit of 1 minute it would start now.",
    other: "With a time limit of {minutes} minutes it would start now.",
  },
  "would-start-after": "It would start when {workload} has ended.",
  "would-start-after-by": "It would start when {workload} has ended, by {until} at the latest.",
  "workload-of-another-customer": "work of another customer",
});
