// The engines: role, state, queue, blocks, peers.
import { byId, element, setText } from "./dom.js";

const cards = new Map();
const parts = [
  ["free", "free", b => b.free - b.cached], ["cached", "cached", b => b.cached], ["reserved", "reserved", b => b.reserved], ["in-flight", "in flight", b => b.inFlight],
  ["used", "in use", b => b.ready + b.quiesced], ["quarantined", "quarantined", b => b.quarantined],
];

export function showEngines(engines) {
  byId("no-engines").hidden = engines.length > 0;
  for (const [name, card] of cards) {
    if (engines.some(engine => engine.name === name)) continue;
    card.root.remove();
    cards.delete(name);
  }
  engines.forEach((engine, index) => {
    let card = cards.get(engine.name);
    if (!card) cards.set(engine.name, card = makeCard(engine.name));
    const list = byId("engines");
    if (list.children[index] !== card.root) list.insertBefore(card.root, list.children[index] ?? null);
    update(card, engine);
  });
}

function makeCard(name) {
  const root = element("li", "engine");
  const head = element("div", "head");
  const title = element("h3", "", name);
  const state = element("span", "state");
  head.append(title, state);
  const about = element("p", "quiet"), queue = element("p"), bar = element("div", "bar"), blocks = element("p", "quiet"), peers = element("p", "quiet"), waits = element("p", "quiet");
  bar.setAttribute("role", "img");
  const segments = parts.map(([kind]) => bar.appendChild(element("i", kind)));
  root.append(head, about, queue, bar, blocks, peers, waits);
  return { root, state, about, queue, bar, blocks, peers, waits, segments };
}

function update(card, engine) {
  setText(card.state, engine.state);
  card.state.classList.toggle("bad", engine.state !== "alive");
  setText(card.about, `${engine.role}, TP ${engine.tensorParallel}, process ${engine.processId || "?"}${engine.problem ? `: ${engine.problem}` : ""}`);
  if (!engine.queue) return;
  setText(card.queue, `${engine.queue.waiting} waiting, ${engine.queue.running} running; ${engine.tokens} tokens out, ${engine.prompts} in`);
  const counts = parts.map(([, label, count]) => [label, count(engine.blocks)]);
  counts.forEach(([, count], index) => { card.segments[index].style.flexGrow = count; });
  const text = `${engine.blocks.total} blocks: ${counts.filter(([, count]) => count > 0).map(([label, count]) => `${count} ${label}`).join(", ")}`;
  card.bar.setAttribute("aria-label", text);
  setText(card.blocks, text);
  setText(card.peers, engine.peers.map(peer => `${peer.name} ${peer.state}${peer.transport ? ` (${peer.transport})` : ""}${peer.state !== "connected" && peer.reason ? `: ${peer.reason}` : ""}`).join("; "));
  setText(card.waits, engine.quarantine.map(entry => `${entry.blocks} blocks wait for ${entry.peer}, ${(entry.ageMs / 1000).toFixed(0)} s`).join("; "));
}
