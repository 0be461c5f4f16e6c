// How fast each pair of engines moves KV cache, over the last minute.
import { byId, bytes, element, setText, svg } from "./dom.js";

const span = 60000, width = 600, height = 120, styles = 4;
const links = new Map();

export function showLinks(changes, full, now) {
  if (full) {
    links.clear();
    byId("links").replaceChildren();
    byId("chart").replaceChildren();
  }
  for (const change of changes) {
    const key = `${change.from} → ${change.to}`;
    let link = links.get(key);
    if (!link) links.set(key, link = makeLink(key));
    change.at.forEach((at, index) => link.points.push([at, change.rate[index]]));
    link.bytes = change.bytes;
  }
  const peak = Math.max(1, ...[...links.values()].flatMap(link => link.points.map(([, rate]) => rate)));
  for (const [key, link] of links) {
    link.points = link.points.filter(([at]) => at > now - span);
    if (link.points.length === 0) {
      link.path.remove();
      link.row.remove();
      links.delete(key);
      continue;
    }
    const at = point => `${((point[0] - now + span) / span * width).toFixed(1)} ${(height - 4 - point[1] / peak * (height - 10)).toFixed(1)}`;
    link.path.setAttribute("d", `M${link.points.map(at).join("L")}`);
    setText(link.text, `${key}: ${bytes(link.points.at(-1)[1])}/s now, ${bytes(link.bytes)} in all`);
  }
  setText(byId("peak"), links.size ? `top of the chart: ${bytes(peak)}/s` : "nothing moved yet");
}

function makeLink(key) {
  const style = `line${links.size % styles}`;
  const path = svg("path", { class: style }), row = element("li"), text = element("span");
  row.append(element("i", `swatch ${style}`), text);
  byId("chart").append(path);
  byId("links").append(row);
  return { points: [], bytes: 0, path, row, text };
}
