/** Reporting and blocking a partner, in a talk and after it. */

import { ask } from "./dialog.js";
import { button, h } from "./dom.js";
import { pills, textField } from "./forms.js";
import { t } from "./i18n.js";
import { partnerName } from "./history.js";

const REASONS = ["harassment", "hate", "sexual", "minor", "spam", "scam", "other"];
const DETAILS_LENGTH_MAX = 2_000;

/** `session()` has the `session_id` and `partner` of what it is about. */
export function safetyButtons(app, session) {
  const options = { kind: "quiet" };
  const report = button(t("report.open"), () => askReport(app, session()), {
    ...options,
    picture: "flag",
  });
  const block = button(t("block.open"), () => askBlock(app, session()), {
    ...options,
    picture: "block",
  });
  return h("div", { class: "actions small" }, report, block);
}

function askReport(app, { session_id, partner }) {
  const name = partnerName(partner);
  const reasons = pills({
    legend: t("report.reason"),
    type: "radio",
    name: "reason",
    options: REASONS.map((reason) => [reason, t(`report.${reason}`)]),
  });
  const details = textField({
    label: t("report.details"),
    rows: 4,
    maxlength: DETAILS_LENGTH_MAX,
    dir: "auto",
  });
  ask({
    title: t("report.title", { name }),
    texts: [t("report.text")],
    fields: [reasons.node, details.node],
    action: t("report.send"),
    kind: "primary",
    check: () => (reasons.chosen().length > 0 ? null : [t("report.missing"), reasons.inputs[0]]),
    act: () =>
      app.parley.report({
        session_id,
        reason: reasons.chosen()[0],
        details: details.input.value.trim(),
      }),
    done: () => app.announce(t("report.sent")),
  });
}

function askBlock(app, { partner }) {
  const name = partnerName(partner);
  ask({
    title: t("block.title", { name }),
    texts: [t("block.text", { name })],
    action: t("block.do", { name }),
    act: () => app.parley.block(partner.id),
    done: () => app.announce(t("block.done", { name })),
  });
}
