"use strict";
// A page to read, kept true: when something has changed it is fetched anew and what it says put in place.
// It reads without this file, on reload.
import { follow } from "./status.js";

const AT_MOST_EACH_MS = 1500;
const main = () => document.getElementById("content");
const live = main().dataset.live ?? "";
let looking = false, again = false, lookedAt = 0;

async function look() {
  if (looking || document.hidden) { again = true; return; }
  looking = true;
  again = false;
  const wait = lookedAt + AT_MOST_EACH_MS - performance.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  lookedAt = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) put(new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("content"));
  } catch {
    // not connected: the stream says so, and its next word brings us here again
  } finally {
    looking = false;
    if (again) look();
  }
}

// Only what differs is replaced, so that focus, selection and scrolled tables stay where they are.
function put(fresh) {
  if (!fresh) return;
  const old = main();
  if (old.dataset.says !== fresh.dataset.says && fresh.dataset.says) {
    document.getElementById("announcer").textContent = fresh.dataset.says;
  }
  old.dataset.says = fresh.dataset.says ?? "";
  merge(old, fresh);
}

function merge(old, fresh) {
  const before = [...old.childNodes], after = [...fresh.childNodes];
  after.forEach((node, place) => {
    const known = before[place];
    if (!known) old.append(node);
    else if (!known.isEqualNode(node)) replace(known, node);
  });
  before.slice(after.length).forEach((node) => node.remove());
}

function replace(known, node) {
  const alike = known.nodeType === 1 && known.nodeName === node.nodeName && known.id === node.id;
  if (!alike || known.nodeName === "FORM") {
    if (!known.contains(document.activeElement)) known.replaceWith(node);
    return;
  }
  for (const { name } of [...known.attributes]) if (!node.hasAttribute(name)) known.removeAttribute(name);
  for (const { name, value } of node.attributes) if (known.getAttribute(name) !== value) known.setAttribute(name, value);
  merge(known, node);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden && again) look(); });
follow(() => "/live", (on) => {
  on("changed", () => { if (live) look(); });
  let beats = 0; // the first comes with the page itself, which is as new
  on("status", () => { if (live === "beat" && beats++) look(); });
});
