import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { GATEWAY_CODES } from "../codes/gateway.ts";

export const GATEWAY_ENGLISH = messagesFor<typeof GATEWAY_CODES>()({
  "gateway-cross-site": "Another page asked for this; only this service's own page may.",
  "gateway-name-unknown": "No service of this gateway has this name.",
  "gateway-without-workers": "Services below paths share an origin, and have no service workers there.",
  "gateway-running": "The gateway runs.",
  "gateway-ending": "The gateway is ending.",
  "share-link-unknown": "This link has ended, or never was.",
  "entry-link-missing": "Come in by a link: remotegpu open makes one.",
  "entry-link-used": "This link was used before, or its minute is over. remotegpu open makes another.",
  "entry-over": "This is over.",
  "gateway-requests-of-address-too-many": "Too many requests of this address.",
  "gateway-requests-of-service-too-many": "Too many requests of this service.",
  "open-requests-of-address-too-many": "{max_requests} requests of this address are open, which is the most.",
  "open-requests-of-service-too-many": "{max_requests} requests of this service are open, which is the most.",
  "open-sockets-of-service-too-many": "{max_sockets} WebSockets of this service are open, which is the most.",
  "service-port-released": "Its {service} port was released. Renew the access to take another.",
  "headers-too-many": "A request may have at most {max_headers} headers.",
  "http-method-refused": "{method} is not answered here.",
  "host-header-not-one": "A request names its Host exactly once.",
  "body-length-ambiguous":
    "A body's length is told by Content-Length or by Transfer-Encoding, never by both.",
  "transfer-encoding-unknown": "Of the transfer encodings only chunked is known here.",
  "transfer-encoding-of-version": "HTTP/{http_version} knows no transfer encoding.",
  "body-length-doubled": "A body has one length.",
  "websocket-not-get": "A WebSocket begins with a GET that has no body.",
  "request-target-foreign": "The address of a request is a path here, or one of this very host.",
  "key-tokens-used-up":
    "This key's {max_tokens} tokens of the day are used up; the next day begins at midnight UTC.",
  "key-requests-of-minute-too-many": "This key may ask {max_requests} times a minute.",
  "key-requests-at-once-too-many": "This key may have {max_requests} requests at once.",
  "service-asleep":
    "The service sleeps. A request with one of its own keys wakes it, or with a key of somebody who may manage it.",
  "replicas-not-reached": "No replica of the service is reached now.",
  "replicas-not-serving": "No replica of the service serves now.",
  "replicas-not-serving-because": "No replica of the service serves now. {why}",
  "replicas-busy": "All replicas of the service are busy.",
  "service-answer-late": "The service took longer than it may until the first byte of its answer.",
  "service-answer-garbled": "What listens there ended the connection without an answer that is HTTP.",
});
