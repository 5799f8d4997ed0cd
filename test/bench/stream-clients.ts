/** So many readers of streams in a process of their own: URL, then KEY TOPICS COUNT for each sort of them. */
import { get } from "node:http";

const [, , base = "", ...sorts] = process.argv;
let open = 0;
let bytes = 0;

for (let at = 0; at < sorts.length; at += 3) {
  const [key = "", topics = "", count = "0"] = sorts.slice(at, at + 3);
  for (let nth = 0; nth < Number(count); nth += 1)
    get(`${base}/api/v1/stream?topics=${topics}`, {
      agent: false,
      headers: { Authorization: `Bearer ${key}` },
    }).on("response", (answer) => {
      if (answer.statusCode !== 200) throw new Error(`a stream got ${answer.statusCode ?? 0}`);
      open += 1;
      process.stdout.write(`${open}\n`);
      answer.on("data", (chunk: Buffer) => (bytes += chunk.length));
    });
}
process.stdin.on("end", () => {
  process.stdout.write(`bytes ${bytes}\n`);
  process.exit(0);
});
process.stdin.resume();
