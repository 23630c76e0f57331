// How much a page loads before it can show something: a file and all that it imports, not what it may fetch later.
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

export async function holdBudget(root, metafile, fileName, kilobytes) {
  const entry = Object.keys(metafile.outputs).find((name) => name.endsWith(`/${fileName}`));
  const loaded = new Set([entry]);
  for (const name of loaded) {
    for (const { path, kind } of metafile.outputs[name].imports) if (kind === "import-statement") loaded.add(path);
  }
  const contents = await Promise.all([...loaded].map((name) => readFile(`${root}${name}`)));
  const gzipped = contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0) / 1024;
  console.log(`${fileName}: ${gzipped.toFixed(1)} KB gzipped`);
  if (gzipped > kilobytes) throw new Error(`${fileName} is over its ${kilobytes} KB.`);
}
