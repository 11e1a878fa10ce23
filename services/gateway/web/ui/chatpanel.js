/** The text beside the call: what was written, and writing. Gone when the talk is over. */

import { button, freshId, h, icon, paragraph, say, set, show } from "./dom.js";
import { t, timeOfDay } from "./i18n.js";
import { problemText } from "./problems.js";

const TEXT_LENGTH_MAX = 2_000;

/** `toggle` is the button that opens it where there is no room beside the call. */
export function chatPanel(app, name) {
  const { parley } = app;
  const list = h("ul");
  const log = h("div", { class: "log", role: "log", "aria-label": t("chat.messages"), tabindex: "0" }, list);
  const empty = paragraph(t("chat.empty"), { class: "hint" });
  const fault = h("p", { class: "error", role: "alert", hidden: true });
  const form = writing(parley);
  const title = h("h2", { id: "chat-title" }, t("chat.title"));
  const close = h(
    "button",
    { type: "button", class: "remove chat-close", "aria-label": t("chat.close"), onclick: () => open(false) },
    icon("close"),
  );
  const head = h("div", { class: "chat-head" }, title, close);
  const node = h("section", { class: "card chat", id: freshId("chat"), "aria-labelledby": "chat-title" });
  node.append(head, empty, log, fault, form.node);
  const badge = h("span", { class: "badge", hidden: true });
  const toggle = button(t("chat.title"), () => open(!node.classList.contains("open")), {
    kind: "control chat-toggle",
    picture: "text",
    "aria-expanded": "false",
    "aria-controls": node.id,
  });
  toggle.append(badge);
  const rows = new Map();
  let seen = parley.chat.length;

  function open(wanted) {
    node.classList.toggle("open", wanted);
    set(toggle, "aria-expanded", String(wanted));
    if (wanted) form.input.focus();
    else toggle.focus();
    update();
  }

  function update() {
    const items = parley.chat;
    show(empty, items.length === 0);
    items.forEach((item) => draw(item));
    const visible = node.classList.contains("open") || toggle.offsetParent === null;
    if (visible) seen = items.length;
    const unseen = items.slice(seen).filter(({ mine }) => !mine).length;
    show(badge, unseen > 0);
    say(badge, unseen > 0 ? t("chat.new", { count: unseen }) : "");
  }

  /** Rows come in the order both see; one's own moves to its place when it is told. */
  function draw(item) {
    const key = `${item.mine} ${item.id}`;
    const drawn = JSON.stringify(item);
    const old = rows.get(key);
    if (old?.drawn === drawn) return;
    const row = message(item, name);
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 24;
    old?.row.remove();
    list.append(row);
    rows.set(key, { drawn, row });
    if (atEnd || item.mine) log.scrollTop = log.scrollHeight;
  }

  function refused({ detail }) {
    if (!["too-many-messages", "invalid-frame"].includes(detail.code)) return;
    say(fault, problemText(detail));
    show(fault, true);
    setTimeout(() => show(fault, false), 6_000);
  }

  function heard({ detail }) {
    if (detail.sender === parley.user?.id || toggle.offsetParent === null) return;
    if (!node.classList.contains("open")) app.announce(t("chat.said", { name, text: detail.text }));
  }

  parley.addEventListener("problem", refused);
  parley.addEventListener("chat", heard);
  const stop = () => {
    parley.removeEventListener("problem", refused);
    parley.removeEventListener("chat", heard);
  };
  return { node, toggle, update, close: stop };
}

function message({ mine, text, sent_at, pending, failed }, name) {
  const who = h("span", { class: "who", dir: "auto" }, mine ? t("call.you") : name);
  const state = failed ? t("chat.failed") : pending ? t("chat.sending") : timeOfDay(sent_at);
  const words = h("p", { dir: "auto" }, text);
  return h("li", { class: mine ? "mine" : "theirs" }, who, words, h("span", { class: "hint" }, state));
}

function writing(parley) {
  const input = h("textarea", {
    rows: 1,
    id: freshId("message"),
    "aria-label": t("chat.message"),
    placeholder: t("chat.message"),
    maxlength: TEXT_LENGTH_MAX,
    dir: "auto",
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      send();
    },
  });
  const node = h(
    "form",
    {
      class: "writing",
      onsubmit: (event) => {
        event.preventDefault();
        send();
      },
    },
    input,
    button(t("chat.send"), null, { kind: "primary", type: "submit", picture: "send" }),
  );

  function send() {
    const text = input.value.trim();
    if (!text) return;
    parley.sendChat(text);
    input.value = "";
    input.focus();
  }

  return { node, input };
}
