/** The text beside the call: what was written, and writing. Gone when the talk is over. */

import { button, freshId, h, icon, paragraph, say, set, show } from "./dom.js";
import { t, timeOfDay } from "./i18n.js";
import { problemText } from "./problems.js";

const TEXT_LENGTH_MAX = 2_000;
const FAULT_SHOWN_MS = 6_000;
// As in the style sheet: from here on it stands beside the call and is always open.
const BESIDE = matchMedia("(min-width: 48rem)");

/** `toggle` is the button that opens it where there is no room beside the call. */
export function chatPanel(app, name) {
  const { parley } = app;
  const messages = messageLog(name);
  const empty = paragraph(t("chat.empty"), { class: "hint" });
  const fault = h("p", { class: "error", role: "alert", hidden: true });
  const form = writing(parley);
  const drawer = openable(form.input, () => update());
  const badge = h("span", { class: "badge", hidden: true });
  drawer.toggle.append(" ", badge);
  drawer.node.append(empty, messages.node, fault, form.node);
  let seen = parley.chat.length;

  function update() {
    const items = parley.chat;
    show(empty, items.length === 0);
    messages.update(items);
    if (drawer.visible()) seen = items.length;
    const unseen = items.slice(seen).filter(({ mine }) => !mine).length;
    show(badge, unseen > 0);
    say(badge, unseen > 0 ? t("chat.new", { count: unseen }) : "");
    drawer.update();
  }

  function refused({ detail }) {
    if (!["too-many-messages", "invalid-frame"].includes(detail.code)) return;
    say(fault, problemText(detail));
    show(fault, true);
    setTimeout(() => show(fault, false), FAULT_SHOWN_MS);
  }

  function heard({ detail }) {
    if (detail.sender === parley.user?.id || drawer.visible()) return;
    app.announce(t("chat.said", { name, text: detail.text }));
  }

  parley.addEventListener("problem", refused);
  parley.addEventListener("chat", heard);
  const close = () => {
    parley.removeEventListener("problem", refused);
    parley.removeEventListener("chat", heard);
    drawer.close();
  };
  return { node: drawer.node, toggle: drawer.toggle, update, close };
}

/** The panel that lies over the page on phones; what it covers is out of reach meanwhile. */
function openable(first, changed) {
  const title = h("h2", { id: freshId("chat-title") }, t("chat.title"));
  const shut = h(
    "button",
    {
      "type": "button",
      "class": "remove chat-close",
      "aria-label": t("chat.close"),
      "onclick": () => open(false),
    },
    icon("close"),
  );
  const node = h(
    "section",
    {
      "class": "card chat",
      "id": freshId("chat"),
      "aria-labelledby": title.id,
      "onkeydown": ({ key }) => key === "Escape" && isOpen() && open(false),
    },
    h("div", { class: "chat-head" }, title, shut),
  );
  const toggle = button(t("chat.title"), () => open(!isOpen()), {
    "kind": "control chat-toggle",
    "picture": "text",
    "aria-expanded": "false",
    "aria-controls": node.id,
  });
  const isOpen = () => node.classList.contains("open");
  const covered = () => document.querySelectorAll("header, .call-main");

  function open(wanted) {
    node.classList.toggle("open", wanted);
    set(toggle, "aria-expanded", String(wanted));
    update();
    (wanted ? first : toggle).focus();
    changed();
  }

  function update() {
    for (const element of covered()) element.inert = isOpen() && !BESIDE.matches;
  }

  function close() {
    for (const element of covered()) element.inert = false;
  }

  const visible = () => isOpen() || BESIDE.matches;
  return { node, toggle, update, close, visible };
}

function messageLog(name) {
  const list = h("ul");
  const attributes = {
    "class": "log",
    "role": "log",
    "aria-label": t("chat.messages"),
    "tabindex": "0",
  };
  const node = h("div", attributes, list);
  const rows = new Map();

  /** Rows come in the order both see; one's own moves to its place when it is told. */
  function draw(item) {
    const key = `${item.mine} ${item.id}`;
    const drawn = JSON.stringify(item);
    const old = rows.get(key);
    if (old?.drawn === drawn) return;
    const row = message(item, name);
    const atEnd = node.scrollTop + node.clientHeight >= node.scrollHeight - 24;
    old?.row.remove();
    list.append(row);
    rows.set(key, { drawn, row });
    if (atEnd || item.mine) node.scrollTop = node.scrollHeight;
  }

  return { node, update: (items) => items.forEach(draw) };
}

function message({ mine, text, sent_at, pending, failed }, name) {
  const who = h("span", { class: "who", dir: "auto" }, mine ? t("call.you") : name);
  const state = failed ? t("chat.failed") : pending ? t("chat.sending") : timeOfDay(sent_at);
  const words = h("p", { dir: "auto" }, text);
  const about = h("span", { class: "hint" }, state);
  return h("li", { class: mine ? "mine" : "theirs" }, who, words, about);
}

function writing(parley) {
  const input = h("textarea", {
    "rows": 1,
    "id": freshId("message"),
    "aria-label": t("chat.message"),
    "placeholder": t("chat.message"),
    "maxlength": TEXT_LENGTH_MAX,
    "dir": "auto",
    "onkeydown": (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      send();
    },
  });
  const submit = button(t("chat.send"), null, {
    kind: "primary",
    type: "submit",
    picture: "send",
  });
  const onsubmit = (event) => {
    event.preventDefault();
    send();
  };

  function send() {
    const text = input.value.trim();
    if (!text) return;
    parley.sendChat(text);
    input.value = "";
    input.focus();
  }

  return { node: h("form", { class: "writing", onsubmit }, input, submit), input };
}
