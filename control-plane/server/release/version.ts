/** Of the control plane, as `--version`, the API and its document say it. */
export const VERSION = "0.2.0";
