/** The keys that a phone's keyboard lacks, as buttons; Ctrl holds for the next key. */

const SENDS: Record<string, string> = {
  Escape: "\x1b",
  Tab: "\t",
  ArrowLeft: "\x1b[D",
  ArrowUp: "\x1b[A",
  ArrowDown: "\x1b[B",
  ArrowRight: "\x1b[C",
};

export function offerKeys(
  row: HTMLElement,
  type: (text: string) => void,
): { changed: (text: string) => string } {
  const control = row.querySelector<HTMLElement>("[data-key=Control]");
  const isHeld = () => control?.getAttribute("aria-pressed") === "true";
  const hold = (isNow: boolean) => control?.setAttribute("aria-pressed", String(isNow));
  row.addEventListener("pointerdown", (event) => {
    const key = event.target instanceof HTMLElement ? event.target.dataset["key"] : undefined;
    if (key === undefined) return;
    // The keyboard stays.
    event.preventDefault();
    const text = SENDS[key];
    if (text === undefined) hold(!isHeld());
    else type(text);
  });
  return {
    changed(text) {
      if (!isHeld() || text.length !== 1) return text;
      hold(false);
      return String.fromCharCode(text.toUpperCase().charCodeAt(0) & 0x1f);
    },
  };
}
