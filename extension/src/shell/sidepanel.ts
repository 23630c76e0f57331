/** The side panel's page: wires the panel, the tab beside it, and the server together. */
import type { CopilotPanel } from "../panel/copilot-panel.js";
import { definePanel } from "../panel/define.js";
import { Follower } from "./follower.js";
import { lockStorage } from "./settings.js";

function element<T extends HTMLElement>(selector: string): T {
  return document.querySelector<T>(selector)!;
}

definePanel();
const follower = new Follower({
  panel: element<CopilotPanel>("copilot-panel"),
  notice: element("#notice"),
  waiting: element("#waiting"),
  question: element("#question"),
  site: element("#site"),
});
void lockStorage().then(() => follower.start());
