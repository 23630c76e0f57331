// Builds what CRMs load: the widget's scripts, and dist/hosts with a folder for each ready host.
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const BUDGETS_KB = { "copilot.js": 4, "widget-frame.js": 44 };

export async function buildWidget(root, outdir, common) {
  const hosts = `${root}dist/hosts`;
  await rm(hosts, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  await Promise.all([
    esbuild.build({ ...common, format: "iife", entryPoints: { copilot: "src/widget/global.ts" }, outdir }),
    esbuild.build({ ...common, format: "esm", outExtension: { ".js": ".mjs" }, outdir, entryPoints: { copilot: "src/widget/loader.ts", "copilot-element": "src/widget/element.ts" } }),
    esbuild.build({ ...common, format: "esm", outdir, entryPoints: { "widget-frame": "src/widget/frame.ts", "widget-chatwoot": "hosts/chatwoot/app.ts" } }),
    cp(`${root}src/widget/copilot.d.ts`, `${outdir}/copilot.d.ts`),
  ]);
  for (const [name, most] of Object.entries(BUDGETS_KB)) {
    const gzipped = gzipSync(await readFile(`${outdir}/${name}`), { level: 9 }).length / 1024;
    console.log(`${name}: ${gzipped.toFixed(1)} KB gzipped`);
    if (gzipped > most) throw new Error(`${name} is over its ${most} KB.`);
  }
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
