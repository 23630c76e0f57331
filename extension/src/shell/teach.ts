import type { PickTarget } from "./messages.js";
import type { Question } from "./notices.js";
import type { PageLink } from "./page-link.js";
import type { SiteConfig } from "./sites/adapter.js";

const STEPS: readonly (readonly [PickTarget, string])[] = [
  ["customerMessage", "In the page, click the text of a message that the customer wrote."],
  ["ownMessage", "Now the text of a message that you or a colleague wrote."],
  ["composer", "Now the box where you write your reply."],
];
const TYPING = "Does the page show what the customer is writing before it is sent?";

/** Asks the representative to point at a page's parts; null when given up. Throws an Error fit to show. */
export async function teach(page: PageLink, question: Question): Promise<SiteConfig | null> {
  for (const [target, text] of STEPS) {
    if (!(await point(page, question, target, text))) return null;
  }
  const shows = await question.ask(TYPING, ["No", "Yes"]);
  if (shows === 1 && !(await point(page, question, "typing", "Click where it stands."))) return null;
  const { site, reason } = await page.ask("derived", { kind: "derive" });
  if (!site) throw new Error(reason);
  return site;
}

async function point(page: PageLink, question: Question, target: PickTarget, text: string): Promise<boolean> {
  const cancelled = question.ask(text, ["Cancel"]).then((answer) => {
    if (answer !== null) page.post({ kind: "stop-picking" });
  });
  const { done } = await page.ask("picked", { kind: "pick", target });
  question.close();
  await cancelled;
  return done;
}
