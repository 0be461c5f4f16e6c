// The last requests, each with its time line: above what computes, below what is moved.
import { byId, bytes, element, ms, setText, svg } from "./dom.js";

const kept = 60, shown = 10; // as many are kept as the router has: who was forgotten and then changes would be taken for a new one
const rows = new Map();
const names = { queued: "queued", prefillQueued: "waiting at", prefill: "prefill", transfer: "transfer", decode: "decode" };

export function showRequests(requests, full, now) {
  const list = byId("requests");
  if (full) {
    rows.clear();
    list.replaceChildren();
  }
  for (const request of requests) {
    let row = rows.get(request.id);
    if (!row) {
      rows.set(request.id, row = makeRow(request));
      list.prepend(row.root);
    }
    row.request = request;
  }
  while (rows.size > kept) {
    const [id, row] = rows.entries().next().value;
    row.root.remove();
    rows.delete(id);
  }
  [...list.children].forEach((child, index) => { child.hidden = index >= shown; });
  byId("no-requests").hidden = rows.size > 0;
  for (const row of rows.values()) {
    // Those that still run grow with the clock; the others are drawn when they change.
    if (row.drawn === row.request && row.request.ended) continue;
    draw(row, now);
    row.drawn = row.request;
  }
}

function makeRow(request) {
  const root = element("li", "request"), head = element("div", "head"), asked = element("span", "asked", request.prompt), state = element("span", "state");
  asked.title = request.prompt;
  head.append(asked, state);
  const line = svg("svg", { viewBox: "0 0 1000 40", preserveAspectRatio: "none", role: "img" });
  const text = element("p", "quiet");
  root.append(head, line, text);
  return { root, state, line, text };
}

function draw(row, now) {
  const { request } = row;
  const begin = request.created, end = Math.max(request.ended ?? now, begin + 1);
  const x = at => Math.min(1000, Math.max(0, (at - begin) / (end - begin) * 1000));
  const shapes = [];
  for (const span of request.spans) {
    const from = x(span.start), to = x(span.end ?? end), below = span.kind === "transfer";
    const shape = svg("rect", { x: from, y: below ? 27 : 3, width: Math.max(2, to - from), height: below ? 10 : 20, class: span.kind });
    const title = svg("title", {});
    title.textContent = `${names[span.kind]} ${span.engine}: ${ms((span.end ?? end) - span.start)}${span.failed ? ", failed" : ""}`;
    shape.append(title);
    shapes.push(shape);
    if (span.failed) shapes.push(svg("rect", { x: to - 5, y: 0, width: 7, height: 40, class: "failure" }));
  }
  for (const at of request.layers) shapes.push(svg("line", { x1: x(at), x2: x(at), y1: 27, y2: 37, class: "layer" }));
  if (request.firstToken) shapes.push(svg("line", { x1: x(request.firstToken), x2: x(request.firstToken), y1: 0, y2: 40, class: "first" }));
  row.line.replaceChildren(...shapes);
  const text = summary(request, end);
  row.line.setAttribute("aria-label", `Time line: ${text}`);
  setText(row.text, text);
  setText(row.state, request.failovers ? `${request.state}, ${request.failovers} fail-over${request.failovers > 1 ? "s" : ""}` : request.state);
  row.state.classList.toggle("bad", request.state === "failed" || request.state === "refused");
}

function summary(request, end) {
  const sums = new Map();
  for (const span of request.spans) {
    const key = span.kind === "queued" ? "queued" : `${names[span.kind]} ${span.engine}`;
    sums.set(key, (sums.get(key) ?? 0) + (span.end ?? end) - span.start);
  }
  const texts = [...sums].filter(([, value]) => value >= 0.05).map(([key, value]) => `${key} ${ms(value)}`);
  if (request.bytes) texts.push(`${bytes(request.bytes)} moved, ${request.layers.length} layers`);
  if (request.firstToken) texts.push(`first token after ${ms(request.firstToken - request.created)}`);
  texts.push(`${request.promptTokens} tokens in (${request.cachedTokens} cached), ${request.tokens} out`);
  if (request.reason) texts.push(request.reason);
  return texts.join(" · ");
}
