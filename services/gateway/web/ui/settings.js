/** The profile, whom one has blocked, and leaving. */

import { ask } from "./dialog.js";
import { button, h, heading, paragraph, show } from "./dom.js";
import { t } from "./i18n.js";
import { busy, problemBox } from "./problems.js";
import { profileForm } from "./profileform.js";

// Blocks come as ids; their names stand in the history, as far back as this.
const NAMED_PAGES = 3;
const PAGE = 100;

export function settings(app) {
  const { journey, parley } = app;
  const top = heading(t("settings.title"));
  const saved = paragraph(t("settings.saved"), { class: "notice", role: "status", hidden: true });
  const form = profileForm({
    profile: journey.state.user,
    action: t("settings.save"),
    announce: app.announce,
    send: async (profile) => {
      show(saved, false);
      await parley.changeProfile(profile);
      show(saved, true);
    },
  });
  form.node.append(saved);
  const node = h(
    "section",
    { class: "plain" },
    top,
    h("div", { class: "card" }, h("h2", {}, t("settings.profile")), form.node),
    blocked(app),
    leaving(app),
  );
  return { heading: top, node };
}

function blocked(app) {
  const list = h("ul", { class: "blocks" });
  const none = paragraph(t("blocks.none"), { class: "hint", hidden: true });
  const problem = problemBox();

  async function load() {
    const ids = await app.parley.blocks();
    const names = ids.length > 0 ? await namesOf(app.parley, ids) : new Map();
    list.replaceChildren(...ids.map((id) => row(id, names.get(id) ?? t("partner.unknown"))));
    show(none, ids.length === 0);
  }

  function row(id, name) {
    const lift = () => busy(free, () => problem.attempt(() => lifted(id, name)));
    const free = button(t("blocks.lift", { name }), lift);
    return h("li", {}, h("span", {}, h("bdi", {}, name)), free);
  }

  async function lifted(id, name) {
    await app.parley.unblock(id).catch((problem) => {
      if (problem.code !== "not-blocked") throw problem;
    });
    app.announce(t("blocks.lifted", { name }));
    await load();
  }

  problem.attempt(load);
  return h("div", { class: "card" }, h("h2", {}, t("blocks.title")), none, list, problem.node);
}

async function namesOf(parley, wanted) {
  const names = new Map();
  let cursor = null;
  for (let n = 0; n < NAMED_PAGES; n += 1) {
    const page = await parley.sessions({ cursor, limit: PAGE });
    for (const { partner } of page.sessions)
      if (partner.display_name) names.set(partner.id, partner.display_name);
    cursor = page.next_cursor;
    if (!cursor || wanted.every((id) => names.has(id))) break;
  }
  return names;
}

/** There is no password: this browser is the only key to the profile. */
function leaving(app) {
  const { journey } = app;
  const signOut = button(t("leave.signOut"), () =>
    ask({
      title: t("leave.signOut"),
      texts: [t("leave.signOut.text")],
      action: t("leave.signOut"),
      act: () => journey.signOut(),
    }),
  );
  const erase = button(
    t("leave.erase"),
    () =>
      ask({
        title: t("leave.erase"),
        texts: [t("leave.erase.text")],
        action: t("leave.erase"),
        act: () => journey.erase(),
      }),
    { kind: "danger" },
  );
  const actions = h("div", { class: "actions" }, signOut, erase);
  return h("div", { class: "card" }, h("h2", {}, t("leave.title")), actions);
}
