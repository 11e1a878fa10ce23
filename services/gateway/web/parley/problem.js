/** What a call was refused with, or why it could not be made. */

const STANDARD = new Set(["type", "title", "status", "detail", "correlation_id", "errors"]);

/**
 * A refusal of the server (an RFC 9457 problem document), or one of this client's own codes:
 * `offline` (nobody answered), `signed-out` (no token, or none that is still good) and
 * `no-session` (there is no live session to take part in).
 */
export class Problem extends Error {
  /**
   * @param {string} code the end of the document's `type`: `/problems/request-pending`
   * @param {object} [more]
   * @param {number} [more.status] 0 when there was no answer
   * @param {string} [more.detail] for people, in English
   * @param {{detail: string, pointer?: string, parameter?: string}[]} [more.errors]
   * @param {number | null} [more.retryAfterS] when to ask again
   * @param {Record<string, string>} [more.about] what else the document names
   */
  constructor(code, { status = 0, detail = "", errors = [], retryAfterS = null, about = {} } = {}) {
    super(detail || code);
    this.name = "Problem";
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.errors = errors;
    this.retryAfterS = retryAfterS;
    this.about = about;
  }

  /** Whether the tokens it was tried with are no longer good, so that only signing up helps. */
  get signedOut() {
    return this.code === "signed-out";
  }

  /**
   * @param {Response} response
   * @returns {Promise<Problem>}
   */
  static async of(response) {
    const document = await response.json().catch(() => ({}));
    const retryAfter = Number.parseFloat(response.headers.get("Retry-After") ?? "");
    const code = String(document.type ?? "").split("/").pop() || `http-${response.status}`;
    return new Problem(code, {
      status: response.status,
      detail: document.detail ?? "",
      errors: document.errors ?? [],
      retryAfterS: Number.isNaN(retryAfter) ? null : retryAfter,
      about: Object.fromEntries(Object.entries(document).filter(([name]) => !STANDARD.has(name))),
    });
  }
}
