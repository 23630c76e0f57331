import { ApprovalCard } from "./cards/approval.js";
import { AttentionCard } from "./cards/attention.js";
import { Finder } from "./cards/finder.js";
import { KnowledgeSection } from "./cards/knowledge.js";
import { NextActionsCard } from "./cards/next-actions.js";
import { OrderCard } from "./cards/order.js";
import { StatusBar } from "./cards/status.js";
import { SuggestionCard } from "./cards/suggestion.js";
import { SummaryCard } from "./cards/summary.js";
import { CopilotPanel } from "./copilot-panel.js";
import { defineAll } from "./elements.js";

const ELEMENTS = {
  "copilot-approval": ApprovalCard,
  "copilot-attention": AttentionCard,
  "copilot-finder": Finder,
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
  defineAll(ELEMENTS);
}
