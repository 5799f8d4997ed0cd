/** How the page looks: by the browser's wish for dark or light, and by the styles that xterm.js writes into it. */
import type { ITheme, Terminal } from "@xterm/xterm";

const DARK: ITheme = {
  background: "#16181d",
  foreground: "#e6e6e6",
  cursor: "#e6e6e6",
  selectionBackground: "#3d4c6b",
};
const LIGHT: ITheme = {
  background: "#ffffff",
  foreground: "#1c1c1c",
  cursor: "#1c1c1c",
  selectionBackground: "#b6d4fe",
  black: "#1c1c1c",
  red: "#b3261e",
  green: "#1a6e2e",
  yellow: "#7a5900",
  blue: "#0b57d0",
  magenta: "#8e24aa",
  cyan: "#00687a",
  white: "#6b6b6b",
  brightBlack: "#555555",
  brightRed: "#c5221f",
  brightGreen: "#188038",
  brightYellow: "#8f6a00",
  brightBlue: "#1967d2",
  brightMagenta: "#a142f4",
  brightCyan: "#007b83",
  brightWhite: "#444444",
};

export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** Now and whenever the wish changes. */
export function followColours(terminal: Terminal): void {
  const light = matchMedia("(prefers-color-scheme: light)");
  const follow = () => (terminal.options.theme = light.matches ? LIGHT : DARK);
  light.addEventListener("change", follow);
  follow();
}

/** The page's own style has the word by which the browser takes one; each that xterm.js makes is given it, too. */
export function allowStyles(): void {
  const nonce = document.querySelector<HTMLElement>("link[rel=stylesheet]")?.nonce ?? "";
  const make = document.createElement.bind(document);
  Object.defineProperty(document, "createElement", {
    value: (name: string, options?: ElementCreationOptions) => {
      const made = make(name, options);
      if (name.toLowerCase() === "style") made.nonce = nonce;
      return made;
    },
  });
}
