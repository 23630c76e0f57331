// Builds what CRMs load: the widget's scripts, and dist/hosts with a folder for each ready host.
import { cp, mkdir, rm } from "node:fs/promises";
import * as esbuild from "esbuild";
import { holdBudget } from "./budget.mjs";

const BUDGETS_KB = { "copilot.js": 4, "widget-frame.js": 44 };

/** A locale, and what is seldom opened, is fetched when somebody wants it. */
const split = { splitting: true, chunkNames: "chunks/[name]-[hash]" };

export async function buildWidget(root, outdir, common) {
  const hosts = `${root}dist/hosts`;
  await rm(hosts, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const [script, , frame] = await Promise.all([
    esbuild.build({ ...common, metafile: true, format: "iife", entryPoints: { copilot: "src/widget/global.ts" }, outdir }),
    esbuild.build({ ...common, format: "esm", outExtension: { ".js": ".mjs" }, outdir, entryPoints: { copilot: "src/widget/loader.ts", "copilot-element": "src/widget/element.ts" } }),
    esbuild.build({ ...common, ...split, metafile: true, format: "esm", outdir, entryPoints: { "widget-frame": "src/widget/frame.ts", "widget-chatwoot": "hosts/chatwoot/app.ts" } }),
    cp(`${root}src/widget/copilot.d.ts`, `${outdir}/copilot.d.ts`),
  ]);
  await holdBudget(root, script.metafile, "copilot.js", BUDGETS_KB["copilot.js"]);
  await holdBudget(root, frame.metafile, "widget-frame.js", BUDGETS_KB["widget-frame.js"]);
  await Promise.all([
    packHost("zendesk", "assets/app.js"),
    packHost("freshdesk", "app/scripts/app.js"),
    packSalesforce(),
  ]);

  /** The folder as its vendor's tool packs it, with our script in its place. */
  async function packHost(name, script) {
    await cp(`${root}hosts/${name}/package`, `${hosts}/${name}`, { recursive: true });
    await esbuild.build({ ...common, format: "iife", entryPoints: [`hosts/${name}/app.ts`], outfile: `${hosts}/${name}/${script}` });
  }

  async function packSalesforce() {
    await cp(`${root}hosts/salesforce/force-app`, `${hosts}/salesforce/force-app`, { recursive: true });
    await cp(`${root}hosts/salesforce/sfdx-project.json`, `${hosts}/salesforce/sfdx-project.json`);
    await cp(`${outdir}/copilot.js`, `${hosts}/salesforce/force-app/main/default/staticresources/copilot.js`);
  }
}
