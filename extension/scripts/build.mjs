// Builds dist/chrome and dist/firefox, and the panel bundle that pages load. `--watch` keeps at it.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { holdBudget } from "./budget.mjs";
import { manifestFor } from "./manifest.mjs";
import { templates } from "./templates.mjs";
import { buildWidget } from "./widget.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const panelDir = `${root}../src/copilot/console/static/panel`;
const BUDGET_KB = 40;

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  legalComments: "none",
  target: ["chrome123", "firefox140"],
  logLevel: "warning",
  plugins: [templates],
};

const modules = (outdir, browser) => ({
  ...common,
  define: { BROWSER: JSON.stringify(browser) },
  format: "esm",
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
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
  splitting: true, // a locale is fetched when somebody wants it
  entryPoints: { "copilot-panel": "src/panel/index.ts" },
  chunkNames: "chunks/[name]-[hash]",
  outdir: panelDir,
  metafile: true,
};

async function buildExtension(browser) {
  const out = `${root}dist/${browser}`;
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await Promise.all([esbuild.build(modules(out, browser)), esbuild.build(content(out)), cp(`${root}static`, out, { recursive: true })]);
  const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"));
  await writeFile(`${out}/manifest.json`, `${JSON.stringify(manifestFor(browser, version), null, 2)}\n`);
}

if (process.argv.includes("--watch")) {
  await (await esbuild.context({ ...page, logLevel: "info" })).watch();
} else {
  await rm(panelDir, { recursive: true, force: true }); // chunks of an earlier build
  const [panel] = await Promise.all([
    esbuild.build(page),
    buildExtension("chrome"),
    buildExtension("firefox"),
    buildWidget(root, panelDir, common),
  ]);
  await holdBudget(root, panel.metafile, "copilot-panel.js", BUDGET_KB);
}
