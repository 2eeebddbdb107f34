// Keeps the page true: listens to /events, and fetches the page again when something changed. Only what differs is replaced.

const TABLES = "tables";
const SNAPSHOT = "snapshot";
const PAUSE_MS = 1000; // at most one fetch in this time

const main = document.getElementById("main");
const level = document.getElementById("level");
const lost = document.getElementById("lost");
// The server's clock, so that "3 s ago" is right on a phone whose clock is wrong.
let clockAhead = Number(main.dataset.now) - Date.now();
let seen = { rows: undefined, snapshot: undefined, at: 0 };
let due = false;
let fetching = false;
let fetchedAt = 0;

function length(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} days`;
}

function ago(datetime) {
  const ms = Date.now() + clockAhead - Date.parse(datetime);
  if (ms <= -1000) return `in ${length(-ms)}`;
  return ms < 1000 ? "now" : `${length(ms)} ago`;
}

function tell(root) {
  for (const time of root.querySelectorAll("time")) {
    const text = ago(time.dateTime);
    const place = time.querySelector(".ago");
    if (place && place.textContent !== text) place.textContent = text;
  }
}

// Puts `fresh` in the place of `old`, and gives the focus back to what had it.
function replace(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const all = "a, [tabindex]";
  const index = focused ? [...old.querySelectorAll(all)].indexOf(focused) : -1;
  const href = focused?.getAttribute("href");
  const scrolled = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  old.replaceChildren(...fresh.childNodes);
  [...old.querySelectorAll(".scroll")].forEach((box, i) => { box.scrollLeft = scrolled[i] ?? 0; });
  if (!focused) return;
  const same = href ? [...old.querySelectorAll("a")].find((a) => a.getAttribute("href") === href) : null;
  (same ?? old.querySelectorAll(all)[index])?.focus({ preventScroll: true });
}

async function refresh() {
  fetching = true;
  due = false;
  fetchedAt = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
    if (answer.redirected) return location.reload(); // the login is over
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    tell(page);
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (fresh && fresh.innerHTML !== old.innerHTML) replace(old, fresh);
    }
    document.dispatchEvent(new CustomEvent("remora:fresh"));
  } catch {
    due = true; // the stream will say that the connection is lost
  }
  fetching = false;
}

function look() {
  tell(document);
  if (due && !fetching && !document.hidden && Date.now() - fetchedAt >= PAUSE_MS) refresh();
}

function heard(event) {
  const status = JSON.parse(event.data);
  clockAhead = status.at - Date.now();
  lost.hidden = true;
  if (level.textContent !== status.word) {
    level.textContent = status.word;
    level.className = `badge level ${status.level}`;
    due = true;
  }
  const rowsChanged = seen.rows !== undefined && seen.rows !== status.rows;
  const snapshotChanged = seen.snapshot !== status.snapshot;
  const wants = new Set([...document.querySelectorAll("[data-live]")].map((part) => part.dataset.live || TABLES));
  if (rowsChanged || (snapshotChanged && wants.has(SNAPSHOT))) due = true;
  seen = status;
  look();
}

function watch() {
  const stream = new EventSource("/events");
  stream.addEventListener("status", heard);
  stream.addEventListener("error", () => {
    if (lost.hidden) document.getElementById("lost-since").textContent = `${new Date(Date.now() + clockAhead).toISOString().slice(11, 19)} UTC`;
    lost.hidden = false;
    // A browser gives up after an answer that is no stream; we do not.
    if (stream.readyState === EventSource.CLOSED) setTimeout(watch, 3000);
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
}

tell(document);
setInterval(look, 1000);
document.addEventListener("visibilitychange", look);
watch();
