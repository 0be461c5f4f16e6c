// Failures, fail-overs, refusals, and engines that come and go: the newest first.
import { byId, element, time } from "./dom.js";

const most = 100;

export function showLog(lines, full) {
  const list = byId("log");
  if (full) list.replaceChildren();
  for (const line of lines) {
    const row = element("li", `about-${line.kind}`);
    const at = element("time", "", time(line.at));
    at.dateTime = new Date(line.at).toISOString();
    row.append(at, element("span", "", line.text));
    list.prepend(row);
  }
  while (list.children.length > most) list.lastElementChild.remove();
}
