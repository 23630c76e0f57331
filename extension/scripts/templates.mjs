// Takes the indentation out of html`…`, svg`…` and css`…`: minifiers leave the inside of templates alone.
import { readFile } from "node:fs/promises";
import ts from "typescript";

const TAGS = new Set(["html", "svg", "css"]);

export const templates = {
  name: "templates",
  setup(build) {
    build.onLoad({ filter: /\/src\/panel\/.*\.ts$/ }, async ({ path }) => ({
      contents: withoutIndentation(await readFile(path, "utf8"), path),
      loader: "ts",
    }));
  },
};

/** The source with white space in tagged templates made one space, and gone from where CSS needs none. */
export function withoutIndentation(source, path) {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.ES2022, true);
  const edits = [];
  const visit = (node) => {
    if (ts.isTaggedTemplateExpression(node) && TAGS.has(node.tag.getText(file))) {
      const isCss = node.tag.getText(file) === "css";
      for (const part of partsOf(node.template)) {
        const text = source.slice(part.getStart(file), part.end);
        edits.push([part.getStart(file), part.end, isCss ? shorterCss(text) : text.replace(/\s*\n\s*/g, " ")]);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return edits
    .sort(([a], [b]) => b - a)
    .reduce((text, [start, end, replacement]) => text.slice(0, start) + replacement + text.slice(end), source);
}

function partsOf(template) {
  if (ts.isNoSubstitutionTemplateLiteral(template)) return [template];
  return [template.head, ...template.templateSpans.map((span) => span.literal)];
}

function shorterCss(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\s+/g, " ")
    .replace(/ ?([{};,>]) ?/g, "$1")
    .replace(/: /g, ":")
    .replace(/;}/g, "}");
}
