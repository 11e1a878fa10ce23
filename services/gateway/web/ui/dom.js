/** Making and changing elements. Text only, never markup: what partners write stays text. */

const SVG = "http://www.w3.org/2000/svg";
let serial = 0;

/** An element; `on…` are listeners, `true` is an empty attribute, null and false are none. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for drawings. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else set(node, name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Set, empty or remove an attribute, only if that changes it. */
export function set(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value === true ? "" : value))
    node.setAttribute(name, value === true ? "" : value);
}

/** Change the text only if it is another, so that nothing is read out again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** A fresh id for a label, a description or an option. */
export function freshId(prefix) {
  serial += 1;
  return `${prefix}-${serial}`;
}

/** A decorative picture, drawn by the style sheet in the colour of the text. */
export function icon(name) {
  return h("span", { class: `icon icon-${name}`, "aria-hidden": "true" });
}

// All there are: drawn once unseen, so that each is there when it is needed, also offline.
const PICTURES = [
  "home",
  "history",
  "settings",
  "globe",
  "search",
  "microphone",
  "microphone-off",
  "call",
  "hang-up",
  "text",
  "send",
  "speaker",
  "bell",
  "flag",
  "block",
  "close",
  "retry",
  "offline",
  "hand",
  "clock",
  "tabs",
  "key",
  "parley",
];

export function allIcons() {
  return h("div", { class: "unseen", "aria-hidden": "true" }, ...PICTURES.map(icon));
}

/** A button with a text and perhaps a picture. `kind`: primary, quiet, danger or plain. */
export function button(text, onclick, { kind = "plain", picture = null, ...more } = {}) {
  const label = h("span", { class: "button-text" }, text);
  const content = picture ? [icon(picture), label] : [label];
  return h("button", { type: "button", class: `button ${kind}`, onclick, ...more }, ...content);
}

/** The heading of a step; the focus comes here. */
export function heading(text) {
  return h("h1", { tabindex: "-1" }, text);
}

export function paragraph(text, attributes = {}) {
  return h("p", attributes, text);
}
