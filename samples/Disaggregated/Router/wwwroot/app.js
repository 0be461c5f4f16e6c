// The page: one event source, and the parts that show what it says.
import { byId, setText } from "./dom.js";
import { showEngines } from "./engines.js";
import { showLinks } from "./links.js";
import { showLog } from "./log.js";
import { limitTokens, startPrompt } from "./prompt.js";
import { showRequests } from "./requests.js";

const retryAfter = 2000;

function connect() {
  const source = new EventSource("/events");
  source.onmessage = message => show(JSON.parse(message.data));
  source.onerror = () => {
    setText(byId("router"), "The router does not answer; trying again …");
    byId("router").classList.add("error");
    // The browser tries again by itself unless it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, retryAfter);
  };
}

function show(frame) {
  const { router } = frame;
  const state = router.ready ? "Ready." : `Not ready: ${router.reason}`;
  setText(byId("router"), `${state} Model ${router.model} · ${router.waiting} waiting, ${router.running} running, limit ${router.limit} · fail-overs: ${router.failovers}`);
  byId("router").classList.toggle("error", !router.ready);
  limitTokens(router.maxPositions);
  showEngines(frame.engines);
  showRequests(frame.requests, frame.full, frame.now);
  showLinks(frame.links, frame.full, frame.now);
  showLog(frame.log, frame.full);
}

startPrompt();
connect();
