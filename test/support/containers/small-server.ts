/**
 * A server in a few lines of shell, for images that have nothing but busybox: it answers HTTP with a sentence, and greets
 * whoever asks for a WebSocket with one frame, as RFC 6455 has it.
 */
export const SENTENCE = "served from inside";
/** FIN and a text of five bytes. */
export const GREETING_FRAME = Buffer.concat([Buffer.from([0x81, 5]), Buffer.from("hello")]);

/** What answers one connection on its standard input and output. */
const HANDLER = String.raw`#!/bin/sh
key=
while read -r line; do
  line=$(printf %s "$line" | tr -d '\r')
  [ -n "$line" ] || break
  case "$line" in [Ss]ec-[Ww]eb[Ss]ocket-[Kk]ey:*) key=$(printf %s "$line" | sed 's/^[^ ]* //') ;; esac
done
if [ -n "$key" ]; then
  accept=$(printf %s "${"$"}{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11" | sha1sum | cut -d ' ' -f 1 | xxd -r -p | base64)
  printf 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\201\005hello' "$accept"
else
  printf 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' ${SENTENCE.length} '${SENTENCE}'
fi
`;

/** A script that starts it on this port, away from its own streams, and prints the port, as editors' scripts do. */
export function startingScript(port: number): string {
  return `set -e
mkdir -p "$HOME/.server"
cat >"$HOME/.server/handler" <<'END'
${HANDLER}END
chmod +x "$HOME/.server/handler"
setsid nc -ll -p ${port} -e "$HOME/.server/handler" </dev/null >"$HOME/.server/log" 2>&1 &
echo "listeningOn==${port}=="
`;
}
