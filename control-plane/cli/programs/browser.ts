/** Whatever opens links on this machine: a browser, an editor. */

/** False where there is no screen, or nothing that opens links. */
export async function openedHere(link: string): Promise<boolean> {
  const { platform, env } = process;
  const hasScreen = platform === "darwin" || [env["DISPLAY"], env["WAYLAND_DISPLAY"]].some((one) => one);
  if (!hasScreen) return false;
  const { spawn } = await import("node:child_process");
  const opener = spawn(platform === "darwin" ? "open" : "xdg-open", [link], {
    stdio: "ignore",
    detached: true,
  });
  return await new Promise((resolve) => {
    opener.once("error", () => resolve(false));
    // An editor that it started may go on for hours.
    opener.once("spawn", () => {
      opener.unref();
      resolve(true);
    });
  });
}
