// SPDX-License-Identifier: Apache-2.0
// What may get into our own page: the text of the editor, pasted and quoted mail. The server cleans once
// more what is sent; this protects who writes.
import DOMPurify, { type Config } from "dompurify";

const LIMITS: Config = {
  ALLOWED_TAGS: [
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "i", "img", "ins", "li", "mark", "ol", "p", "pre", "q", "s", "small", "span", "strike", "strong", "sub", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
  ],
  ALLOWED_ATTR: ["align", "alt", "cite", "class", "colspan", "data-cid", "dir", "height", "href", "lang", "rowspan", "src", "start", "style", "title", "type", "valign", "width"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|tel:|cid:|\/api\/v1\/blobs\/|\/api\/v1\/messages\/\d+\/parts\/)/i,
  // Those that are no addresses; DOMPurify would want each other attribute to look like an allowed one.
  ADD_URI_SAFE_ATTR: ["align", "colspan", "data-cid", "dir", "height", "lang", "rowspan", "start", "type", "valign", "width"],
  FORBID_CONTENTS: ["script", "style", "title", "template", "noscript", "svg", "math"],
};

// Styles that letters and tables have; nothing that reaches out or leaves its place.
const STYLES = new Set([
  "background-color", "border", "border-collapse", "color", "font-family", "font-size", "font-style", "font-weight",
  "line-height", "list-style-type", "margin", "margin-left", "padding", "text-align", "text-decoration", "vertical-align", "white-space", "width",
]);
const OWN_CLASSES = /^(?:quote|signature|attribution)$/;

// A purifier of its own: hooks of one must not meet another's.
const purifier = DOMPurify(window);

purifier.addHook("afterSanitizeAttributes", (node) => {
  if (!(node instanceof HTMLElement)) return;
  for (const name of [...node.style]) {
    const value = node.style.getPropertyValue(name);
    if (!STYLES.has(name) && !/^(?:border|margin|padding)-/.test(name)) node.style.removeProperty(name);
    else if (/url\(|image-set|expression|var\(/i.test(value)) node.style.removeProperty(name);
  }
  if (node.getAttribute("style") === "") node.removeAttribute("style");
  for (const name of [...node.classList]) if (!OWN_CLASSES.test(name)) node.classList.remove(name);
  if (node.getAttribute("class") === "") node.removeAttribute("class");
  if (node instanceof HTMLImageElement) {
    // Only pictures that belong to the draft: others would tell their server that somebody answers.
    const source = node.getAttribute("src") ?? "";
    const ours = source.startsWith("/api/v1/messages/") ? node.hasAttribute("data-cid") : /^(?:\/api\/v1\/blobs\/|cid:)/.test(source);
    if (!ours) node.replaceWith(node.alt);
  }
});

/** Harmless HTML as a tree that belongs to nobody yet. */
export function cleanFragment(html: string): DocumentFragment {
  const fragment = purifier.sanitize(html, { ...LIMITS, RETURN_DOM_FRAGMENT: true });
  return document.importNode(fragment, true);
}

/** Harmless HTML as text. */
export function cleanHtml(html: string): string {
  return purifier.sanitize(html, LIMITS);
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Plain text as paragraphs. */
export function htmlFromText(text: string): string {
  return text
    .split("\n")
    .map((line) => `<div>${escapeHtml(line) || "<br>"}</div>`)
    .join("");
}
