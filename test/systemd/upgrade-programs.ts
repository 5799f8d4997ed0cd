/** Programs that the stories of upgrades start on their machines. */

/** Lays a release beside the installed one: a copy with one place of the agent's code changed. Prints its version. */
export const MAKER = `
  const fs = require("fs"), { join } = require("path"), { createHash } = require("crypto");
  const [release, from, find, put] = process.argv.slice(2);
  const folder = "/root/releases/" + release;
  fs.cpSync(from, folder, { recursive: true });
  const code = fs.readFileSync(join(folder, "agent.mjs"), "utf8");
  if (!code.includes(find)) throw new Error("the agent has no " + find);
  fs.writeFileSync(join(folder, "agent.mjs"), code.replace(find, () => put));
  const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const names = fs.readdirSync(folder).filter((name) => !name.startsWith("MANIFEST")).sort();
  const lines = names.map((name) => {
    const mode = fs.statSync(join(folder, name)).mode & 0o100 ? 755 : 644;
    return hash(fs.readFileSync(join(folder, name))) + " " + mode + " " + name;
  });
  const version = release + "-" + hash(lines.join("\\n")).slice(0, 12);
  fs.writeFileSync(join(folder, "MANIFEST"), ["remotegpu-agent " + version, ...lines, ""].join("\\n"));
  console.log(version);`;

/** An SSH session that says a line every few milliseconds and counts what comes back, until a file is there. */
export const TALKER = `
  const fs = require("fs"), said = [];
  const args = ["ssh", "first", "--", "-o", "StrictHostKeyChecking=no", "cat"];
  const ssh = require("child_process").spawn("remotegpu", args, { stdio: ["pipe", "pipe", "inherit"] });
  let heard = "";
  ssh.stdout.setEncoding("utf8").on("data", (text) => (heard += text));
  ssh.on("close", () => {
    console.log(heard === said.join("") ? "all came back of" : "not all came back of", said.length);
    process.exit(0);
  });
  const talking = setInterval(() => {
    if (fs.existsSync("/root/enough")) return clearInterval(talking), ssh.stdin.end();
    said.push("line " + said.length + "\\n");
    ssh.stdin.write(said.at(-1));
  }, 5);`;
