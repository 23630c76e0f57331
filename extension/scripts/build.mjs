// Builds dist/chrome and dist/firefox, and the panel bundle that pages load. `--watch` keeps at it.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { manifestFor } from "./manifest.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const panelDir = `${root}../src/copilot/console/static/panel`;
const BUDGET_BYTES = 40 * 1024;

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  legalComments: "none",
  target: ["chrome123", "firefox140"],
  logLevel: "warning",
};

const modules = (outdir, browser) => ({
  ...common,
  define: { BROWSER: JSON.stringify(browser) },
  format: "esm",
  entryPoints: {
    background: "src/shell/background.ts",
    sidepanel: "src/shell/sidepanel.ts",
    options: "src/shell/options.ts",
  },
  outdir,
});

// An injected script is no module: it must stand alone.
const content = (outdir) => ({ ...common, format: "iife", entryPoints: { content: "src/shell/content.ts" }, outdir });

const page = {
  ...common,
  format: "esm",
  entryPoints: { "copilot-panel": "src/panel/index.ts" },
  outdir: panelDir,
};

async function buildExtension(browser) {
  const out = `${root}dist/${browser}`;
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await Promise.all([esbuild.build(modules(out, browser)), esbuild.build(content(out)), cp(`${root}static`, out, { recursive: true })]);
  const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"));
  await writeFile(`${out}/manifest.json`, `${JSON.stringify(manifestFor(browser, version), null, 2)}\n`);
}

async function checkBudget() {
  const gzipped = gzipSync(await readFile(`${panelDir}/copilot-panel.js`), { level: 9 }).length;
  console.log(`copilot-panel.js: ${(gzipped / 1024).toFixed(1)} KB gzipped`);
  if (gzipped > BUDGET_BYTES) throw new Error(`The panel bundle is over its ${BUDGET_BYTES / 1024} KB.`);
}

if (process.argv.includes("--watch")) {
  await (await esbuild.context({ ...page, logLevel: "info" })).watch();
} else {
  await Promise.all([esbuild.build(page), buildExtension("chrome"), buildExtension("firefox")]);
  await checkBudget();
}
