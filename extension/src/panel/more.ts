/** Parts that most conversations never open; fetched when one does. */
import { ApprovalForm } from "./cards/approval-form.js";
import { AskBox } from "./cards/ask.js";
import { ClosingCard } from "./cards/closing.js";
import { MacroBox } from "./cards/macros.js";
import { PreferencesCard } from "./cards/preferences-card.js";
import { ReplyEditor } from "./cards/reply-editor.js";
import { SearchBox } from "./cards/search.js";
import { VerifyForm } from "./cards/verify.js";
import { defineAll } from "./elements.js";

export function defineMore(): void {
  defineAll({
    "copilot-approval-form": ApprovalForm,
    "copilot-ask": AskBox,
    "copilot-closing": ClosingCard,
    "copilot-macros": MacroBox,
    "copilot-preferences": PreferencesCard,
    "copilot-reply-editor": ReplyEditor,
    "copilot-search": SearchBox,
    "copilot-verify": VerifyForm,
  });
}
