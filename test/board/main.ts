/** `npm run board`: writes the board for Grafana anew from its rows, whose names come from the metric tables. */
import { writeFileSync } from "node:fs";
import { BOARD_FILE, boardText } from "./board.ts";

writeFileSync(BOARD_FILE, boardText());
