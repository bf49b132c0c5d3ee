/* The admin token: in the memory of this page and nowhere else, so that a reload forgets it. */

import { ask } from "./api.js";

/** Asks as the bearer of a token; `onLost(refusal)` is told when the token turns out to open nothing. */
export class Session {
  #token;
  #onLost;
  #given = new AbortController();

  constructor(token, onLost) {
    this.#token = token;
    this.#onLost = onLost;
  }

  /** Ask one path below `/admin/cache/` and give its data. Raises Refusal, and AbortError once it is over. */
  async ask(path, options = {}) {
    const { signal } = this.#given;
    try {
      return (await ask(`/admin/cache/${path}`, { ...options, signal, token: this.#token })).data;
    } catch (error) {
      if (error.kind === "token" || error.kind === "closed") {
        this.end();
        this.#onLost(error);
      }
      throw error;
    }
  }

  get isOver() {
    return this.#given.signal.aborted;
  }

  /** Give up what is under way, and the token. */
  end() {
    this.#token = null;
    this.#given.abort();
  }
}

/** Tell whether an error is no more than a session that has ended meanwhile. */
export function isOver(error) {
  return error.name === "AbortError";
}
