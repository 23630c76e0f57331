/** The classic script: `Copilot` on the page. */
import { Copilot } from "./loader.js";

(globalThis as { Copilot?: typeof Copilot }).Copilot = Copilot;
