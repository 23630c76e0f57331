/** Mounts the editor that the address names (`#quill`); `model()` tells what the editor itself thinks it holds. */
import { ClassicEditor } from "@ckeditor/ckeditor5-editor-classic";
import { Essentials } from "@ckeditor/ckeditor5-essentials";
import { Paragraph } from "@ckeditor/ckeditor5-paragraph";
import { createEmptyHistoryState, registerHistory } from "@lexical/history";
import { registerRichText } from "@lexical/rich-text";
import { Editor } from "@tiptap/core";
import StarterKit from "@tiptap/starter-kit";
import { $getRoot, createEditor as createLexical } from "lexical";
import { baseKeymap } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import { schema } from "prosemirror-schema-basic";
import { EditorState } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import Quill from "quill";
import { createElement, useState, type ChangeEvent } from "react";
import { createRoot } from "react-dom/client";
import { createEditor as createSlate, Node as SlateNode } from "slate";
import { withHistory } from "slate-history";
import { Editable, Slate, withReact } from "slate-react";

type Model = () => string;

const place = (): HTMLElement => document.querySelector("#stage")!.appendChild(document.createElement("div"));

const EDITORS: Record<string, () => Model | Promise<Model>> = {
  react() {
    let state = "";
    function ReplyBox() {
      const [value, setValue] = useState("");
      state = value;
      const onChange = (event: ChangeEvent<HTMLTextAreaElement>): void => setValue(event.target.value);
      return createElement("textarea", { className: "composer", value, onChange, rows: 5 });
    }
    createRoot(place()).render(createElement(ReplyBox));
    return () => state;
  },
  prosemirror() {
    const plugins = [history(), keymap({ "Mod-z": undo, "Mod-y": redo }), keymap(baseKeymap)];
    const view = new EditorView(place(), { state: EditorState.create({ schema, plugins }) });
    view.dom.classList.add("composer");
    return () => view.state.doc.textBetween(0, view.state.doc.content.size, "\n");
  },
  tiptap() {
    const editor = new Editor({ element: place(), extensions: [StarterKit], editorProps: { attributes: { class: "composer" } } });
    return () => editor.getText({ blockSeparator: "\n" });
  },
  quill() {
    const quill = new Quill(place(), { theme: "snow", modules: { toolbar: false } });
    quill.root.classList.add("composer");
    return () => quill.getText();
  },
  lexical() {
    const root = place();
    root.contentEditable = "true";
    root.className = "composer";
    const editor = createLexical({ namespace: "test", onError: (error) => { throw error; } });
    editor.setRootElement(root);
    registerRichText(editor);
    registerHistory(editor, createEmptyHistoryState(), 0);
    return () => editor.getEditorState().read(() => $getRoot().getTextContent());
  },
  async ckeditor() {
    const editor = await ClassicEditor.create(place(), { licenseKey: "GPL", plugins: [Essentials, Paragraph] });
    editor.editing.view.change((writer) => writer.addClass("composer", editor.editing.view.document.getRoot()!));
    return () => editor.getData().replace(/<\/p><p>/g, "\n").replace(/<[^>]*>|&nbsp;/g, "");
  },
  slate() {
    const editor = withHistory(withReact(createSlate()));
    const initialValue = [{ type: "paragraph", children: [{ text: "" }] }];
    const children = createElement(Editable, { className: "composer", placeholder: "Write a reply" });
    createRoot(place()).render(createElement(Slate, { editor, initialValue, children }));
    return () => editor.children.map((node) => SlateNode.string(node)).join("\n");
  },
  /** No editor at all: a box that the browser edits. */
  plain() {
    const box = place();
    box.contentEditable = "true";
    box.className = "composer";
    return () => box.innerText;
  },
};

declare global {
  interface Window {
    model: Model;
    sent: number;
  }
}

window.sent = 0;
addEventListener("keydown", (event) => event.key === "Enter" && (window.sent += 1), true);
addEventListener("submit", () => (window.sent += 1), true);
window.model = await EDITORS[location.hash.slice(1)]!();
document.documentElement.dataset.ready = "true";
