import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { INPUT_CODES } from "../codes/input.ts";

export const INPUT_ENGLISH = messagesFor<typeof INPUT_CODES>()({
  "join-token-unknown": "This join token is not known.",
  "join-token-expired": "This join token has expired; make a new one.",
  "drain-deadline-doubled": "give it or deadline_seconds, not both",
  "drain-deadline-past": "must lie ahead; without a deadline everything is stopped at once",
  "drain-deadline-too-far": "must be within {max_days} days",
  "ssh-key-private": "is a private key; send the .pub file and keep this one to yourself",
  "ssh-key-of-lines": "must be one line",
  "ssh-key-of-unknown-type": "must begin with a key type like ssh-ed25519",
  "ssh-key-without-body": "holds no base64 after its type",
  "ssh-key-damaged": "is damaged: its body does not match its type",
  "ssh-key-too-short": "is an RSA key of less than {min_bits} bits",
  "ssh-key-too-long": "is an RSA key of more than {max_bits} bits",
  "ssh-key-line-too-long": "is longer than any key: {max_characters} characters",
  "period-before-to": "must lie before to",
  "period-too-long": "must lie at most {max_days} days before to",
  "url-not-https": "must be an https:// URL",
  "url-with-user": "must not hold a user or password",
  "url-with-fragment": "must not have a part after #, which is never sent",
  "url-not-public": "must not lead to an address that is not public",
  "port-of-service": "{internal_port} is the port of {service}",
  "port-open-already": "Port {internal_port} of this environment is open already.",
  "custom-ports-too-many": "An environment has at most {max_ports} ports opened by hand.",
  "custom-ports-closing":
    "{ports} ports of this environment are still being closed by its host; try again then.",
  "pool-named-as-host": "is the id of a host: its own pool alone",
  "pool-of-absent-host": "is asked for a host that is not there",
});
