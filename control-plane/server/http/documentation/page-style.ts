/** How the page looks: one column, readable at 360 px, in light and dark, nothing loaded. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent); }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { margin: 0.4rem 0; line-height: 1.2; }
h2 { margin: 2.4rem 0 0.6rem; border-bottom: 1px solid var(--line); }
h3 { margin: 1.6rem 0 0.3rem; }
h4 { margin: 1rem 0 0.2rem; font-size: 1rem; }
code, pre { font: 0.875rem/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: 0.7rem; overflow-x: auto; overflow-wrap: normal; border-radius: 6px; margin: 0.4rem 0; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; list-style: none; margin: 0.5rem 0; padding: 0; }
form { display: flex; gap: 0.5rem; margin: 1rem 0; }
input { flex: 1; min-width: 0; font: inherit; padding: 0.4rem 0.6rem; }
button { font: inherit; padding: 0.4rem 0.9rem; }
details { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: 0.5rem 0; }
summary b { display: inline-block; min-width: 4.2em; }
.who, .type, .small { opacity: 0.75; font-size: 0.875rem; }
dl { margin: 0.3rem 0; }
dt { margin-top: 0.45rem; }
dd { margin: 0 0 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.6rem 0; }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; overflow-wrap: normal; }
img { max-width: 100%; height: auto; }
`;
