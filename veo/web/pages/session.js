/* The admin session: its token is only in the memory of this page, so a reload clears it. */

import { ask } from "./api.js";

/** Sends requests with a token; calls `onRejected(error)` if the server rejects it. */
export class Session {
  #token;
  #onRejected;
  #controller = new AbortController();

  constructor(token, onRejected) {
    this.#token = token;
    this.#onRejected = onRejected;
  }

  /** Request a path below `/admin/cache/` and return its data. Throws ApiError, or AbortError once it has ended. */
  async ask(path, options = {}) {
    const { signal } = this.#controller;
    try {
      return (await ask(`/admin/cache/${path}`, { ...options, signal, token: this.#token })).data;
    } catch (error) {
      if (error.kind === "token" || error.kind === "closed") {
        this.end();
        this.#onRejected(error);
      }
      throw error;
    }
  }

  get isOver() {
    return this.#controller.signal.aborted;
  }

  /** Abort pending requests and clear the token. */
  end() {
    this.#token = null;
    this.#controller.abort();
  }
}

/** Check whether an error only means that the session has ended meanwhile. */
export function isOver(error) {
  return error.name === "AbortError";
}
