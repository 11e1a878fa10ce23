/** The HTTP API under `/api/v1`: every call decoded, every refusal a `Problem`. */

import { BackOff } from "./backoff.js";
import { identifier } from "./identifier.js";
import { Problem } from "./problem.js";

/** The server answers within seconds or not at all. */
const TIMEOUT_MS = 15_000;
/** What can be said twice is tried so often while nobody answers. */
const TRIES = 3;

/**
 * @typedef {object} Options
 * @property {unknown} [body] sent as JSON
 * @property {Record<string, unknown>} [query] what is null or undefined is left out
 * @property {boolean} [anonymous] without a token
 * @property {boolean} [once] a POST under an Idempotency-Key, which makes it safe to say again
 */

export class Calls {
  #base;
  #fetch;
  #access;
  #backOff;

  /**
   * @param {object} parts
   * @param {string} parts.baseUrl
   * @param {typeof globalThis.fetch} parts.fetch
   * @param {(refused?: string | null) => Promise<string>} parts.access an access token
   * @param {() => number} parts.random
   */
  constructor({ baseUrl, fetch, access, random }) {
    this.#base = `${baseUrl.replace(/\/$/, "")}/api/v1`;
    this.#fetch = fetch;
    this.#access = access;
    this.#backOff = () => new BackOff(random);
  }

  /**
   * The decoded answer, null for 204.
   * @param {string} method
   * @param {string} path below `/api/v1`
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async call(method, path, options = {}) {
    const headers = options.once ? { "Idempotency-Key": identifier() } : {};
    const tries = options.once || method === "GET" ? TRIES : 1;
    const backOff = this.#backOff();
    const began = Date.now();
    for (let tried = 1; ; tried += 1) {
      try {
        return await this.#signed(method, path, options, headers);
      } catch (problem) {
        const over = tried >= tries || Date.now() - began >= TIMEOUT_MS;
        if (over || !passing(problem)) throw problem;
        const delayMs = Math.max(backOff.next(), (problem.retryAfterS ?? 0) * 1000);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
  }

  /**
   * @param {string} refresh_token
   * @returns {Promise<import("./types.js").TokenPair>}
   */
  renew(refresh_token) {
    return this.call("POST", "/tokens", { body: { refresh_token }, anonymous: true });
  }

  /** With a token; a refused one is refreshed once. */
  async #signed(method, path, options, headers) {
    if (options.anonymous) return this.#send(method, path, options, headers);
    const token = await this.#access();
    try {
      return await this.#send(method, path, options, bearing(headers, token));
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      const fresh = await this.#access(token);
      return this.#send(method, path, options, bearing(headers, fresh));
    }
  }

  async #send(method, path, { body, query }, headers) {
    const given = Object.entries(query ?? {}).filter(([, value]) => value != null);
    const asked = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const url = `${this.#base}${path}${given.length ? `?${asked}` : ""}`;
    const response = await this.#answer(url, {
      method,
      headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw await Problem.of(response);
    if (response.status === 204) return null;
    return response.json().catch((error) => {
      throw offline(error);
    });
  }

  async #answer(/** @type {string} */ url, /** @type {RequestInit} */ request) {
    try {
      return await this.#fetch(url, request);
    } catch (error) {
      throw offline(error);
    }
  }
}

function offline(/** @type {unknown} */ error) {
  return new Problem("offline", { detail: `The server cannot be reached (${error}).` });
}

function passing(/** @type {unknown} */ problem) {
  return problem instanceof Problem && ["offline", "unavailable"].includes(problem.code);
}

function bearing(/** @type {Record<string, string>} */ headers, /** @type {string} */ token) {
  return { ...headers, Authorization: `Bearer ${token}` };
}
