/* Asking the API. Whatever goes wrong becomes one Refusal with words that can be shown. */

const PATIENCE = 30_000; // ms, as long as a rewrite in front of the API waits

const KINDS = { 401: "token", 403: "closed", 404: "missing" };

/**
 * No answer: `kind` is refused, missing, token, closed, off, failed, slow or offline; `errors` are the server's
 * own messages.
 */
export class Refusal extends Error {
  constructor(kind, message, errors = []) {
    super(message);
    this.kind = kind;
    this.errors = errors;
  }
}

/**
 * Ask one path and give the JSON of the answer; `body` makes it a POST, `token` is sent as a bearer.
 * Raises Refusal, and AbortError when given up.
 */
export async function ask(path, { signal, body, method = body ? "POST" : "GET", token } = {}) {
  const limit = AbortSignal.timeout(PATIENCE);
  const options = {
    method,
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    headers: { Accept: "application/json" },
  };
  if (token) options.headers.Authorization = `Bearer ${bytes(token)}`;
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  try {
    const answer = await fetch(path, options);
    return await read(answer);
  } catch (error) {
    throw signal?.aborted || error instanceof Refusal ? error : lost(error);
  }
}

/** Write text as UTF-8, one character a byte, which is all that a header can hold. */
function bytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

async function read(answer) {
  const told = await answer.json().catch((error) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
  if (answer.ok && told) return told;
  throw refusal(answer.status, told?.error, answer.headers.get("Retry-After"));
}

function refusal(status, error, wait) {
  const message = error?.message ?? `The service answered with something that is not JSON (HTTP ${status}).`;
  const errors = Array.isArray(error?.details?.errors) ? error.details.errors.map(String) : [];
  if (KINDS[status]) return new Refusal(KINDS[status], message, errors);
  if (status === 503 && error?.details?.missing) return new Refusal("off", message, errors);
  if (status >= 400 && status < 500 && status !== 429) return new Refusal("refused", message, errors);
  const later = wait ? ` It can be asked again in ${wait} seconds.` : "";
  return new Refusal("failed", message + later, errors);
}

function lost(error) {
  if (error.name === "TimeoutError") return new Refusal("slow", "No answer came within 30 seconds.");
  if (!navigator.onLine) return new Refusal("offline", "This device is offline.");
  return new Refusal("failed", "The service cannot be reached.");
}

/** Runs one question at a time: a newer one gives up the older, whose answer is never shown. */
export class Newest {
  #turn = 0;
  #controller = new AbortController();

  /** Run `question(signal)`; give its answer, or null when a newer one was asked meanwhile. */
  async run(question) {
    this.#controller.abort();
    this.#controller = new AbortController();
    const turn = ++this.#turn;
    try {
      const answer = await question(this.#controller.signal);
      return turn === this.#turn ? { answer } : null;
    } catch (error) {
      if (turn !== this.#turn) return null;
      return { error };
    }
  }
}
