/* The client of the API. Every failure becomes an ApiError with a message for people. */

const TIMEOUT_MS = 30_000; // that of a rewrite in front of the API

const KINDS = { 401: "token", 403: "closed", 404: "missing" };

/**
 * A request without a usable answer: `kind` is refused (invalid), missing (404), token (401), closed (403), off (not
 * configured), failed, slow or offline; `errors` are the server's messages.
 */
export class ApiError extends Error {
  constructor(kind, message, errors = []) {
    super(message);
    this.kind = kind;
    this.errors = errors;
  }
}

/**
 * Request a path and return the JSON of the answer; `body` makes it a POST, `token` is sent as a bearer token.
 * Throws ApiError, or AbortError if `signal` aborts.
 */
export async function ask(path, { signal, body, method = body ? "POST" : "GET", token } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const options = {
    method,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    headers: { Accept: "application/json" },
  };
  if (token) options.headers.Authorization = `Bearer ${utf8(token)}`;
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, options);
    return await read(response);
  } catch (error) {
    throw signal?.aborted || error instanceof ApiError ? error : networkError(error);
  }
}

/** Encode text as UTF-8, one character per byte, as a header can hold only Latin-1. */
function utf8(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

async function read(response) {
  const body = await response.json().catch((error) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
  if (response.ok && body) return body;
  throw apiError(response.status, body?.error, response.headers.get("Retry-After"));
}

function apiError(status, error, wait) {
  const message = error?.message ?? `The service answered with something that is not JSON (HTTP ${status}).`;
  const errors = Array.isArray(error?.details?.errors) ? error.details.errors.map(String) : [];
  if (KINDS[status]) return new ApiError(KINDS[status], message, errors);
  if (status === 503 && error?.details?.missing) return new ApiError("off", message, errors);
  if (status >= 400 && status < 500 && status !== 429) return new ApiError("refused", message, errors);
  const later = wait ? ` Try again in ${wait} seconds.` : "";
  return new ApiError("failed", message + later, errors);
}

function networkError(error) {
  if (error.name === "TimeoutError") return new ApiError("slow", "No answer came within 30 seconds.");
  if (!navigator.onLine) return new ApiError("offline", "This device is offline.");
  return new ApiError("failed", "The service cannot be reached.");
}

/** Runs one request at a time: a new one aborts the previous one, whose answer is discarded. */
export class LatestOnly {
  #latest = 0;
  #controller = new AbortController();

  /** Run `request(signal)`; return `{answer}` or `{error}`, or null if a newer request was started meanwhile. */
  async run(request) {
    this.#controller.abort();
    this.#controller = new AbortController();
    const number = ++this.#latest;
    try {
      const answer = await request(this.#controller.signal);
      return number === this.#latest ? { answer } : null;
    } catch (error) {
      if (number !== this.#latest) return null;
      return { error };
    }
  }
}
