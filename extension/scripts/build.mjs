// Builds dist/chrome and dist/firefox, and the panel bundle that pages load. `--watch` keeps at it.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { manifestFor } from "./manifest.mjs";
import { templates } from "./templates.mjs";

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
  plugins: [templates],
};

const modules = (outdir) => ({
  ...common,
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
  await Promise.all([esbuild.build(modules(out)), esbuild.build(content(out)), cp(`${root}static`, out, { recursive: true })]);
  const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"));
  await writeFile(`${out}/manifest.json`, `${JSON.stringify(manifestFor(browser, version), null, 2)}\n`);
}

/** What a page loads before the panel can be seen: the entry and all that it imports, not what it may fetch later. */
function filesLoaded(metafile) {
  const entry = Object.keys(metafile.outputs).find((name) => name.endsWith("/copilot-panel.js"));
  const loaded = new Set([entry]);
  for (const name of loaded) {
    for (const { path, kind } of metafile.outputs[name].imports) if (kind === "import-statement") loaded.add(path);
  }
  return [...loaded];
}

async function checkBudget(metafile) {
  const contents = await Promise.all(filesLoaded(metafile).map((name) => readFile(`${root}${name}`)));
  const gzipped = contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0);
  console.log(`copilot-panel.js: ${(gzipped / 1024).toFixed(1)} KB gzipped`);
  if (gzipped > BUDGET_BYTES) throw new Error(`The panel bundle is over its ${BUDGET_BYTES / 1024} KB.`);
}

if (process.argv.includes("--watch")) {
  await (await esbuild.context({ ...page, logLevel: "info" })).watch();
} else {
  await rm(panelDir, { recursive: true, force: true }); // chunks of an earlier build
  const [panel] = await Promise.all([esbuild.build(page), buildExtension("chrome"), buildExtension("firefox")]);
  await checkBudget(panel.metafile);
}
