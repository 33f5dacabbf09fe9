"use strict";
// The status line: the market's clock runs here between two heartbeats, and a line that says nothing is broken.

const QUIET_MS = 16_000; // three heartbeats
const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const dayOf = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

let status = null, heardAt = performance.now();
export const lost = () => !byId("lost").hidden;

function showStatus() {
  if (!status) return;
  const passed = (performance.now() - heardAt) * (status.speed ?? 1);
  const at = new Date(Date.parse(status.at) + passed);
  byId("venues").textContent = status.venues;
  byId("clock").textContent = `${dayOf.format(at)} ${at.toISOString().slice(11, 19)} UTC`;
  byId("status").dataset.state = status.state;
}
setInterval(() => { if (!lost()) showStatus(); }, 1000);

// `listen` is given each new stream, to hear its own events by `on(name, what)`.
export function follow(address, listen) {
  let stream, spokeAt = performance.now(), again = 0;
  const on = (name, what) => stream.addEventListener(name, (event) => {
    spokeAt = performance.now();
    byId("lost").hidden = true;
    what(event);
  });
  function connect() {
    clearTimeout(again);
    stream?.close();
    stream = new EventSource(address());
    on("status", (event) => {
      status = JSON.parse(event.data);
      heardAt = performance.now();
      showStatus();
    });
    listen(on);
    stream.onerror = () => {
      byId("lost").hidden = false;
      stream.close();
      again = setTimeout(connect, 1000);
    };
  }
  setInterval(() => {
    if (performance.now() - spokeAt < QUIET_MS) return;
    spokeAt = performance.now();
    byId("lost").hidden = false;
    connect();
  }, 2000);
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
}
