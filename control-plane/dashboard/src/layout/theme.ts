/** Colours with enough contrast for small text in both themes, no fonts but the system's, and hints for everybody. */
import { createTheme, type CSSVariablesResolver } from "@mantine/core";

const FONTS =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans SC", "PingFang SC", sans-serif';

export const theme = createTheme({
  fontFamily: FONTS,
  headings: { fontFamily: FONTS },
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, monospace',
  primaryColor: "blue",
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: "sm",
  cursorType: "pointer",
  respectReducedMotion: true,
  // What is said on hover is said to those, too, who come by keyboard or touch.
  components: { Tooltip: { defaultProps: { events: { hover: true, focus: true, touch: true } } } },
});

export const colours: CSSVariablesResolver = ({ colors }) => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": colors.gray[7],
    "--mantine-color-placeholder": colors.gray[7],
    "--mantine-color-anchor": colors.blue[8],
    "--mantine-color-error": colors.red[9],
  },
  dark: {
    "--mantine-color-dimmed": colors.gray[5],
    "--mantine-color-placeholder": colors.gray[5],
    "--mantine-color-anchor": colors.blue[3],
    "--mantine-color-error": colors.red[3],
  },
});
