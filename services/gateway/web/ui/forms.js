/** Fields of forms: a label, a hint, and what is wrong with what was entered. */

import { freshId, h, say, set, show } from "./dom.js";

/** A labelled text field (or `rows` of them). Returns `{node, input, error}`. */
export function textField({ label, hint = null, rows = 0, ...attributes }) {
  const input = h(rows ? "textarea" : "input", {
    id: freshId("field"),
    ...(rows ? { rows } : { type: "text" }),
    ...attributes,
  });
  const hinted = hint && h("p", { class: "hint", id: freshId("hint") }, hint);
  set(input, "aria-describedby", hinted?.id);
  const error = errorOf(input);
  const node = h("div", { class: "field" }, h("label", { for: input.id }, label), hinted, input);
  node.append(error.node);
  return { node, input, error };
}

/** Where the fault of `input` is told: `error.tell(text)`, null for none. */
export function errorOf(input) {
  const node = h("p", { class: "error", id: freshId("error"), hidden: true });
  const described = input.getAttribute("aria-describedby");
  return {
    node,
    tell(text) {
      say(node, text ?? "");
      show(node, Boolean(text));
      set(input, "aria-invalid", text ? "true" : null);
      set(
        input,
        "aria-describedby",
        text ? [described, node.id].filter(Boolean).join(" ") : described,
      );
    },
  };
}

/** A labelled choice of one; `options` are `[value, text]`. Returns `{node, input}`. */
export function selectField({ label, options, value, onchange, ...attributes }) {
  const choices = options.map(([code, text]) => h("option", { value: code }, text));
  const input = h("select", { id: freshId("select"), onchange, ...attributes }, ...choices);
  if (value !== undefined) input.value = value;
  return { node: h("div", { class: "field" }, h("label", { for: input.id }, label), input), input };
}

/** A box to tick with its text beside it. Returns `{node, input}`. */
export function checkbox(text, attributes = {}, hint = null) {
  const input = h("input", { type: "checkbox", id: freshId("check"), ...attributes });
  const hinted = hint && h("p", { class: "hint", id: freshId("hint") }, hint);
  set(input, "aria-describedby", hinted?.id);
  const label = h("label", { for: input.id }, text);
  return { node: h("div", { class: "check" }, input, label, hinted), input };
}

/** Choices drawn as pills: `type` checkbox or radio. Returns `{node, chosen()}`. */
export function pills({ legend, type, name, options, chosen = [] }) {
  const inputs = options.map(([value]) =>
    h("input", { type, name, value, id: freshId("pill"), checked: chosen.includes(value) }),
  );
  const labels = options.map(([, text], n) =>
    h("span", { class: "pill" }, inputs[n], h("label", { for: inputs[n].id }, text)),
  );
  const node = h("fieldset", { class: `pills ${type}` }, h("legend", {}, legend), ...labels);
  const values = () => inputs.filter((input) => input.checked).map((input) => input.value);
  return { node, chosen: values, inputs };
}
