import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { ROLLOUT_CODES, SCALING_CODES, SERVICE_CODES } from "../codes/services.ts";

export const SERVICE_ENGLISH = messagesFor<typeof SERVICE_CODES>()({
  "replica-placed": "Replica {rank} is placed on host {host_name}.",
  "replica-waiting-for-place": "A replica waits for a place.",
  "replica-waits-for-place": "Replica {rank} waits for a place.",
  "replicas-paused": {
    plural: "failures",
    one: "Its last replica has failed: the next one is made at {until}.",
    other: "Its last {failures} replicas have failed: the next one is made at {until}.",
  },
  "replicas-stopping": "Its hosts are stopping its replicas.",
  "replicas-serving": "{serving} of {wanted} replicas serve.",
  "replicas-not-wanted": "Scaled to zero: no replica is wanted.",
  "replicas-scaled-down": "Scaled down to {replicas}.",
  "service-was-stopped": "The service was stopped.",
  "service-failed": "The service is in error.",

  "replica-stopped": "Replica {rank} was stopped.",
  "replica-failed": "Replica {rank} failed.",
  "replica-lost-with-host": "Replica {rank} is lost with its host {host_name}.",
  "replica-ended-with-gpu": "Replica {rank} ended with its GPU.",
  "replica-host-silent": "Host {host_name} of replica {rank} has not been heard for {minutes} minutes.",
  "replica-fails-checks": "Replica {rank} on host {host_name} has failed its checks for {minutes} minutes.",
  "replica-without-container":
    "Replica {rank} on host {host_name} had no container within {minutes} minutes.",
  "replica-ended-early": "Replica {rank} on host {host_name} ended {ends} times before it was ready.",
  "replica-not-ready": "Replica {rank} on host {host_name} was not ready within {seconds} seconds.",
  "replica-not-serving-yet": {
    plural: "minutes",
    one: "Replica {rank} on host {host_name} has not served in the minute since its start.",
    other: "Replica {rank} on host {host_name} has not served in the {minutes} minutes since its start.",
  },
  "replica-reports": "{what}: {why}.",
  "failures-before": {
    plural: "failures",
    one: "{why} {failures} has failed before.",
    other: "{why} {failures} have failed before.",
  },
  "failures-in-a-row": "{why} It was failure {failures} in a row, and no replica serves.",
  "replica-made-after-pause": "{why} Another one is made in its place after a pause.",
  "replica-moving": "{why} Another one takes the place of replica {rank}.",
  "drain-cut-off": "{why} What was still open there after {seconds} seconds was cut off.",
});

export const ROLLOUT_ENGLISH = messagesFor<typeof ROLLOUT_CODES>()({
  "version-to-replace": "Version {version} is to replace {old_version}.",
  "version-replaces-once-wanted": "Version {version} replaces {old_version} once a replica is wanted.",
  "version-replacing": {
    plural: "wanted",
    one: "Version {version} replaces {old_version}: {counted} of {wanted} replica.",
    other: "Version {version} replaces {old_version}: {counted} of {wanted} replicas.",
  },
  "version-without-room":
    "{progress}, and there is no room for another one ({why}). With allow_gap one of the old version makes room for it.",
  "version-given-room":
    "{progress}, and there is no room for another one ({why}); one of the old version makes it.",
  "version-replaced": "Version {version} has replaced {old_version}.",
  "version-going-back": "Version {version} is taken back, and {old_version} takes its place: {why}.",
  "version-went-back": "Version {version} was taken back, and {old_version} serves as before: {why}.",
  "replica-of-old-version": "Version {version} takes its place.",
  "rollout-called-off": "It was called off.",
  "replica-fault-number": "{why}; it was fault {fault}.",
  "answers-worse":
    "{percent} % of its {requests} answers were errors of the server, and {old_percent} % of the old version's.",
});

export const SCALING_ENGLISH = messagesFor<typeof SCALING_CODES>()({
  "autoscaling-off": "Autoscaling is off.",
  "replicas-stay": {
    plural: "replicas",
    one: "It stays at {replicas} replica: {why}.",
    other: "It stays at {replicas} replicas: {why}.",
  },
  "replicas-change": {
    plural: "to",
    one: "It goes from {from} to {to} replica: {why}.",
    other: "It goes from {from} to {to} replicas: {why}.",
  },
  "replicas-would-change-paused": {
    plural: "to",
    one: "It is paused, and would have gone from {from} to {to} replica: {why}.",
    other: "It is paused, and would have gone from {from} to {to} replicas: {why}.",
  },
  "replicas-would-change-dry": {
    plural: "to",
    one: "It runs dry, and would have gone from {from} to {to} replica: {why}.",
    other: "It runs dry, and would have gone from {from} to {to} replicas: {why}.",
  },
  "replicas-set-by": "Scaled to {replicas} by {actor}.",
  "woken-by-request": "A request woke it.",
  "no-request-waits": "no request waits",
  "requests-wait": { plural: "requests", one: "a request waits", other: "{requests} requests wait" },
  "no-request-since": "no request for {seconds} s, and none in flight",
  "no-replica-ready": "none is ready yet, which tells nothing of the load",
  "load-unknown": "nothing is known of its load",
  "at-min-replicas": "min_replicas is {min_replicas}",
  "at-max-replicas": "max_replicas is {max_replicas}",
  "load-lasted": "for {seconds} s there was work for {work} or more; {load}",
  "load-lasted-beyond-max":
    "for {seconds} s there was work for {work} or more, but max_replicas is {max_replicas}; {load}",
  "load-fell":
    "for {seconds} s there was work for fewer, in the last {window_seconds} s for {work} at most; {load}",
  "load-steady": "there is work for {work}; {load}",
  "load-beyond-max": "there is work for {work}, but max_replicas is {max_replicas}; {load}",
  "load-partly-unknown": "there is work for {work} at least, but {unknown}; {load}",
  "load-falling": "there is work for {work}, fewer since {seconds} of {delay_seconds} s; {load}",
  "cpu-load": "now {percent} percent of cores with target_cpu {target}",
  "request-rate-load": "now {rate} requests a second with target_qps {target}",
  "requests-in-flight-load": "now {requests} requests in flight with target_in_flight {target}",
  "cpu-unknown": "nothing is known of the cores of replica {replica}",
  "request-rate-unknown": "nothing is known of requests a second at gateway {gateway}",
  "requests-in-flight-unknown": "nothing is known of requests in flight at gateway {gateway}",
  "unknown-of-more": "{unknown} and {more} more",
  "autoscaling-key-unknown": 'autoscaling_config has no key "{key}"; it may have {keys}.',
  "autoscaling-value-wrong": "autoscaling_config.{key} must be {must_be}.",
  "must-be-cpu-percent": "a number of percent of a replica's cores, above 0 and at most {most}",
  "must-be-request-rate": "a number of requests a second, above 0 and at most {most}",
  "must-be-requests-at-once": "a number of requests at once, above 0 and at most {most}",
  "must-be-seconds": "a whole number of seconds from {least} to {most}",
  "must-be-boolean": "true or false",
});
