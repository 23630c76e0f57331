import { ApprovalCard } from "./cards/approval.js";
import { KnowledgeSection } from "./cards/knowledge.js";
import { NextActionsCard } from "./cards/next-actions.js";
import { OrderCard } from "./cards/order.js";
import { StatusBar } from "./cards/status.js";
import { SuggestionCard } from "./cards/suggestion.js";
import { SummaryCard } from "./cards/summary.js";
import { CopilotPanel } from "./copilot-panel.js";

const ELEMENTS = {
  "copilot-approval": ApprovalCard,
  "copilot-knowledge": KnowledgeSection,
  "copilot-next-actions": NextActionsCard,
  "copilot-order": OrderCard,
  "copilot-panel": CopilotPanel,
  "copilot-status": StatusBar,
  "copilot-suggestion": SuggestionCard,
  "copilot-summary": SummaryCard,
};

/** Makes <copilot-panel> known to the page; harmless when it is already. */
export function definePanel(): void {
  for (const [name, element] of Object.entries(ELEMENTS)) {
    if (!customElements.get(name)) customElements.define(name, element);
  }
}
