// Sends a prompt and shows the answer as it streams. Several requests at once: the first one is shown, all are in the time lines.
import { byId, ms, setText } from "./dom.js";

let running = null;

export function startPrompt() {
  byId("form").addEventListener("submit", event => {
    event.preventDefault();
    if (!running) generate();
  });
  byId("stop").addEventListener("click", () => running?.abort());
  byId("prompt").addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
  });
}

export function limitTokens(most) {
  if (byId("tokens").max !== String(most)) byId("tokens").max = most;
}

async function generate() {
  const abort = running = new AbortController();
  const prompt = byId("prompt").value, copies = Number(byId("copies").value);
  // One request with several prompts: a browser has only six connections for one server.
  const body = { prompt: Array(copies).fill(prompt), max_tokens: Number(byId("tokens").value), stream: true, stream_options: { include_usage: true } };
  show(true, prompt);
  const began = performance.now();
  const seen = { first: 0, usage: null };
  try {
    await stream(body, abort.signal, piece => take(piece, seen));
    setText(byId("figures"), figures(began, seen, copies, "Complete"));
  } catch (error) {
    if (abort.signal.aborted) setText(byId("figures"), figures(began, seen, copies, "Stopped"));
    else fail(error.message);
  } finally {
    running = null;
    show(false);
  }
}

function show(isRunning, prompt) {
  byId("answer").classList.toggle("running", isRunning);
  byId("answer").setAttribute("aria-busy", isRunning);
  byId("stop").disabled = !isRunning;
  byId("start").setAttribute("aria-disabled", isRunning);
  if (!isRunning) return;
  byId("asked").textContent = prompt;
  byId("text").textContent = "";
  byId("error").hidden = true;
  setText(byId("figures"), "Waiting for the first token …");
}

function take(piece, seen) {
  if (piece.usage) seen.usage = piece.usage;
  for (const choice of piece.choices.filter(choice => choice.index === 0)) {
    if (choice.text && !seen.first) {
      seen.first = performance.now();
      setText(byId("figures"), "");
    }
    byId("text").append(choice.text);
  }
  const answer = byId("answer");
  answer.scrollTop = answer.scrollHeight;
}

function fail(message) {
  byId("error").textContent = message;
  byId("error").hidden = false;
  setText(byId("figures"), "");
}

function figures(began, seen, copies, how) {
  const now = performance.now(), parts = [`${how} after ${ms(now - began)}`];
  if (seen.first) parts.push(`first token after ${ms(seen.first - began)}`);
  if (seen.usage) parts.push(`${seen.usage.completion_tokens} tokens, ${(seen.usage.completion_tokens / (now - began) * 1000).toFixed(0)} per second`);
  if (copies > 1) parts.push(`${copies} requests at once`);
  return parts.join(", ") + ".";
}

async function stream(body, signal, onPiece) {
  const answer = await fetch("/v1/completions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
  if (!answer.ok) throw new Error((await answer.json()).error?.message ?? `HTTP ${answer.status}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", done = false;
  while (true) {
    const { value, done: ended } = await reader.read();
    if (ended) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const data = line.slice(6);
      if (data === "[DONE]") { done = true; continue; }
      const piece = JSON.parse(data);
      if (piece.error) throw new Error(piece.error.message);
      onPiece(piece);
    }
  }
  if (!done) throw new Error("The answer ended too early.");
}
