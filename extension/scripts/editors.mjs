// Bundles the page of editors for the insertion tests into build/editors; nothing of it ships.
import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const outdir = `${root}build/editors`;

await mkdir(outdir, { recursive: true });
await esbuild.build({
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  target: ["chrome123", "firefox140"],
  entryPoints: { editors: "test/editors/editors.ts" },
  outdir,
  minify: true,
  define: { "process.env.NODE_ENV": '"production"' },
  loader: { ".css": "empty", ".svg": "text" },
  logLevel: "warning",
});
await copyFile(`${root}test/editors/editors.html`, `${outdir}/editors.html`);
