/** The bundle for pages: importing it defines <copilot-panel>. */
import { definePanel } from "./define.js";

export { CopilotPanel } from "./copilot-panel.js";
export type { CopilotEvents, InsertedDetail } from "./events.js";

definePanel();
