"use strict";
// The chat. The page reads without this file. It adds: messages that come and change by themselves, a running clock,
// sending without a reload, and command suggestions.

import { follow } from "./status.js";

const byId = (id) => document.getElementById(id);
const scroller = byId("scroller"), log = byId("log"), input = byId("text"), list = byId("suggestions");

const said = document.body.dataset; // words in the language of the page

// --- scrolling: follow the newest message only if it was in view
let following = true;
const toEnd = () => { scroller.scrollTop = scroller.scrollHeight; };
const seeEnd = () => { following = true; byId("newest").hidden = true; toEnd(); };
scroller.addEventListener("scroll", () => {
  following = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
  if (following) byId("newest").hidden = true;
}, { passive: true });
new ResizeObserver(() => { if (following) toEnd(); }).observe(log);
new ResizeObserver(() => { if (following) toEnd(); }).observe(scroller);
byId("newest").addEventListener("click", seeEnd);

// --- messages
let unseen = 0;
const title = document.title;
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) { unseen = 0; document.title = title; }
});

function parse(html) {
  const box = document.createElement("template");
  box.innerHTML = html; // ours, and escaped where it was made
  return box.content.querySelector("article");
}

async function loaded(message) {
  const picture = message.querySelector("img");
  if (!picture) return;
  const ahead = new Image();
  ahead.src = picture.src;
  await ahead.decode().catch(() => {}); // a picture that cannot be shown has its words
}

const revision = (message) => Number(message.dataset.revision);

function add(fresh) {
  const number = Number(fresh.dataset.number);
  let before = log.lastElementChild;
  while (before && Number(before.dataset.number) > number) before = before.previousElementSibling;
  if (before) before.after(fresh); else log.prepend(fresh);
  if (document.hidden) document.title = `(${++unseen}) ${title}`;
  if (following) toEnd(); else byId("newest").hidden = false;
}

async function change(old, fresh) {
  await loaded(fresh); // no hole where the picture was
  if (revision(old) >= revision(fresh)) return;
  const held = old.contains(document.activeElement) ? document.activeElement.value : null;
  // A screen reader hears one sentence per revision, not the whole card again.
  old.setAttribute("aria-live", "off");
  old.className = fresh.className;
  old.dataset.revision = fresh.dataset.revision;
  old.replaceChildren(...fresh.childNodes);
  if (held) old.querySelector(`button[value="${CSS.escape(held)}"]`)?.focus();
  old.classList.remove("changed");
  void old.offsetWidth; // restarts the animation
  old.classList.add("changed");
  byId("announcer").textContent = said.revised.replace("{title}", old.querySelector(".title")?.textContent ?? "");
}

function put(html) {
  const fresh = parse(html);
  const old = fresh && byId(fresh.id);
  if (fresh && !old) add(fresh);
  else if (fresh && revision(fresh) > revision(old)) change(old, fresh);
}

// --- the stream
let lastId = document.body.dataset.lastId;
follow(() => `/events?after=${encodeURIComponent(lastId)}`, (on) => {
  const told = (name, what) => on(name, (event) => {
    if (event.lastEventId) lastId = event.lastEventId;
    what(event.data);
  });
  told("message", put);
  told("history", (html) => {
    log.innerHTML = html;
    if (following) toEnd();
  });
});

// --- saying something
async function say(text) {
  const sent = text.trim();
  if (!sent) return;
  seeEnd();
  byId("say").classList.add("pending");
  try {
    const answer = await fetch("/say", {
      method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams({ text: sent }),
    });
    if (!answer.ok) throw new Error(`${answer.status}`);
  } catch (fault) {
    byId("announcer").textContent = said.unanswered;
    input.placeholder = fault instanceof TypeError ? said.unconnected : said.unanswered;
    if (!input.value) input.value = sent;
  } finally {
    byId("say").classList.remove("pending");
  }
}
byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value;
  input.value = "";
  suggest();
  say(text);
});
byId("tap").addEventListener("submit", (event) => {
  event.preventDefault();
  say(event.submitter?.value ?? "");
});

// --- suggestions
const commands = [...byId("commands").options].map(({ value, label }) => ({ value, label }));
input.removeAttribute("list"); // the browser's own list is only for pages without this file
input.setAttribute("role", "combobox");
input.setAttribute("aria-controls", "suggestions");
input.setAttribute("aria-expanded", "false");
input.setAttribute("aria-autocomplete", "list");
let chosen = -1, offered = [];

function suggest() {
  const typed = input.value.toLowerCase();
  offered = typed.startsWith("/") && !typed.includes(" ") ? commands.filter((c) => c.value.startsWith(typed)) : [];
  if (offered.length === 1 && offered[0].value === typed) offered = [];
  list.replaceChildren(...offered.map((command, place) => {
    const item = document.createElement("li");
    item.id = `suggestion-${place}`;
    item.setAttribute("role", "option");
    const name = document.createElement("b"), words = document.createElement("span");
    name.textContent = command.value;
    words.textContent = command.label;
    item.append(name, words);
    item.addEventListener("mousedown", (event) => { event.preventDefault(); take(place); });
    return item;
  }));
  choose(-1);
  list.hidden = !offered.length;
  input.setAttribute("aria-expanded", String(!list.hidden));
}
function choose(place) {
  list.children[chosen]?.removeAttribute("aria-selected");
  chosen = place;
  const item = list.children[chosen];
  item?.setAttribute("aria-selected", "true");
  item?.scrollIntoView({ block: "nearest" });
  if (item) input.setAttribute("aria-activedescendant", item.id); else input.removeAttribute("aria-activedescendant");
}
function take(place) {
  input.value = `${offered[place].value} `;
  suggest();
  input.focus();
}
function lastSaid() {
  const mine = log.querySelectorAll(".you .line");
  return mine.length ? mine[mine.length - 1].textContent : "";
}
input.addEventListener("input", suggest);
input.addEventListener("blur", () => { list.hidden = true; });
input.addEventListener("focus", suggest);
input.addEventListener("keydown", (event) => {
  if (list.hidden) {
    if (event.key === "ArrowUp" && !input.value) { event.preventDefault(); input.value = lastSaid(); }
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    choose((chosen + step + offered.length + (chosen < 0 && step < 0 ? 1 : 0)) % offered.length);
  } else if (event.key === "Tab" && !event.shiftKey) {
    event.preventDefault();
    take(Math.max(chosen, 0));
  } else if (event.key === "Enter" && chosen >= 0) {
    event.preventDefault();
    take(chosen);
  } else if (event.key === "Escape") {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }
});

if (location.hash && location.hash !== "#end") following = false; else toEnd();
