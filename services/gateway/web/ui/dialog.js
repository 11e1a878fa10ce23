/** Questions in front of the page. */

import { button, freshId, h, paragraph, say, show } from "./dom.js";
import { t } from "./i18n.js";
import { busy, problemBox } from "./problems.js";

/**
 * Ask before something that cannot be undone, or for more words. `act()` may throw a Problem, which
 * is told; else the dialog closes and `done()` follows. `check()` is null or what is missing, as
 * `[text, input]`.
 */
export function ask({
  title,
  texts = [],
  fields = [],
  action,
  kind = "danger",
  check = () => null,
  act,
  done = () => {},
}) {
  const id = freshId("dialog");
  const problem = problemBox();
  const fault = h("p", { class: "error", role: "alert", hidden: true });
  const cancel = button(t("action.cancel"), () => dialog.close());
  const confirm = button(action, null, { kind, type: "submit" });
  const form = h(
    "form",
    {
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        busy(confirm, confirmed);
      },
    },
    h("h2", { id, tabindex: "-1" }, title),
    ...texts.map((text) => paragraph(text)),
    ...fields,
    fault,
    problem.node,
    h("div", { class: "actions" }, confirm, cancel),
  );
  const dialog = h("dialog", { "aria-labelledby": id, onclose: () => dialog.remove() }, form);

  async function confirmed() {
    const [missing, input] = check() ?? [];
    say(fault, missing ?? "");
    show(fault, Boolean(missing));
    if (missing) return input.focus();
    if (!(await problem.attempt(act, { retry: false }))) return;
    dialog.close();
    done();
  }

  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("h2").focus();
}
