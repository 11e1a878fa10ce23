/** Choosing a language by typing: the combobox with a listbox of ARIA 1.2. */

import { freshId, h, say, set, show } from "./dom.js";
import { t } from "./i18n.js";
import { findLanguages } from "./languages.js";

/**
 * `taken(code)` is why a language cannot be chosen (a text) or null, `onpick(code)` gets it.
 * Returns `{node, input}`.
 */
export function languageCombobox({ label, hint, taken, onpick }) {
  const box = new Combobox(taken, onpick);
  const labelled = h("label", { for: box.input.id }, label);
  const described = h("p", { class: "hint", id: freshId("hint") }, hint);
  set(box.input, "aria-describedby", described.id);
  set(box.list, "aria-label", label);
  const field = h("div", { class: "combobox" }, box.input, box.list, box.count);
  return { node: h("div", { class: "field" }, labelled, described, field), input: box.input };
}

class Combobox {
  #options = [];
  #active = -1;

  constructor(taken, onpick) {
    this.taken = taken;
    this.onpick = onpick;
    this.list = h("ul", { role: "listbox", id: freshId("languages"), hidden: true });
    this.count = h("p", { class: "unseen", role: "status" });
    this.input = h("input", {
      id: freshId("language"),
      type: "text",
      role: "combobox",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
      oninput: () => this.#open(),
      onclick: () => this.#open(),
      onkeydown: (event) => this.#key(event),
      onblur: () => this.#close(),
    });
    // The pointer must not take the focus from the input before the click arrives.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
  }

  #open() {
    const found = findLanguages(this.input.value);
    this.#options = found.map((language) => this.#option(language));
    this.list.replaceChildren(...this.#options.map(({ node }) => node));
    show(this.list, found.length > 0);
    set(this.input, "aria-expanded", String(found.length > 0));
    say(this.count, t("languages.found", { count: found.length }));
    this.#activate(this.input.value && found.length > 0 ? 0 : -1);
    this.list.scrollTop = 0;
  }

  #option({ code, shown, name, direction }) {
    const reason = this.taken(code);
    const own = name.toLocaleLowerCase() === shown.toLocaleLowerCase() ? null : name;
    const node = h(
      "li",
      {
        role: "option",
        id: freshId("option"),
        "aria-selected": "false",
        "aria-disabled": reason ? "true" : null,
        onclick: () => this.#pick({ code, reason }),
      },
      h("span", {}, shown),
      own && " ",
      own && h("span", { class: "own-name", lang: code, dir: direction }, own),
      reason && " ",
      reason && h("span", { class: "reason" }, reason),
    );
    return { code, reason, node };
  }

  #key(event) {
    const open = !this.list.hidden;
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.#move(event, open);
    else if (event.key === "Enter" && open && this.#active >= 0) {
      event.preventDefault();
      this.#pick(this.#options[this.#active]);
    } else if (event.key === "Enter")
      event.preventDefault(); // no half-filled form is sent
    else if (event.key === "Escape" && (open || this.input.value)) {
      event.preventDefault();
      if (!open) this.input.value = "";
      this.#close();
    }
  }

  #move(event, open) {
    event.preventDefault();
    const down = event.key === "ArrowDown";
    if (!open) this.#open();
    const length = this.#options.length;
    if (length === 0 || event.altKey) return;
    if (this.#active < 0 || !open) this.#activate(down ? 0 : length - 1);
    else this.#activate((this.#active + (down ? 1 : length - 1)) % length);
  }

  #activate(index) {
    if (this.#active >= 0)
      set(this.#options[this.#active]?.node ?? this.list, "aria-selected", "false");
    this.#active = index;
    const node = this.#options[index]?.node;
    set(this.input, "aria-activedescendant", node?.id);
    if (!node) return;
    set(node, "aria-selected", "true");
    node.scrollIntoView({ block: "nearest" });
  }

  #pick({ code, reason }) {
    if (reason) return say(this.count, reason);
    this.input.value = "";
    this.#close();
    this.onpick(code);
  }

  #close() {
    show(this.list, false);
    this.#activate(-1);
    set(this.input, "aria-expanded", "false");
    say(this.count, "");
  }
}
