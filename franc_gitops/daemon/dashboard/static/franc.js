// Keeps the page live: hears that something changed, asks for the page anew, and changes only
// what differs, so that focus, scroll place and what is being typed stay as they are.
"use strict";

const PARTS = ["main", "foot"];
const live = document.getElementById("live");
let skew = 0; // milliseconds that this machine's clock is ahead of the daemon's
let asking = false;
let again = false;

function say(state, word) {
  live.dataset.state = state;
  live.querySelector(".word").textContent = word;
}

function key(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id : "";
}

// Makes `old` like `fresh`; nodes with a key move with their key.
function become(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || key(old) !== key(fresh)) {
    old.replaceWith(fresh.cloneNode(true));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  becomeAttributes(old, fresh);
  becomeChildren(old, fresh);
}

function becomeAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    const kept = name === "open" || name === "title" && old.nodeName === "TIME";
    if (!fresh.hasAttribute(name) && !kept) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function becomeChildren(old, fresh) {
  const keyed = new Map([...old.children].filter(key).map((child) => [key(child), child]));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = key(wanted) && keyed.get(key(wanted));
    if (known) {
      if (known !== at) old.insertBefore(known, at);
      else at = at.nextSibling;
      become(known, wanted);
    } else if (at && !key(at) && !key(wanted) && at.nodeName === wanted.nodeName) {
      const next = at.nextSibling;
      become(at, wanted);
      at = next;
    } else {
      const added = wanted.cloneNode(true);
      if (key(wanted) && added.matches?.(".row")) added.classList.add("fresh");
      old.insertBefore(added, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

async function refresh() {
  if (document.hidden) return;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    noteClock(answer.headers.get("date"));
    if (answer.redirected) location.replace(answer.url);
    else if (answer.ok || answer.status === 404) show(await answer.text());
    else setTimeout(refresh, 1000);
  } catch {
    say("lost", "Lost");
  } finally {
    asking = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

// The header counts whole seconds, and the answer took a while.
function noteClock(date) {
  const ahead = Date.now() - Date.parse(date);
  skew = Math.abs(ahead) > 3000 ? ahead : 0;
}

function show(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const id of PARTS) {
    const fresh = page.getElementById(id);
    speakTimes(fresh);
    become(document.getElementById(id), fresh);
  }
  document.title = page.title;
}

// Ages in words; the full time stays where the pointer or a screen reader finds it.
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

function age(seconds) {
  for (const [size, unit] of STEPS) {
    if (seconds >= size * (unit === "s" ? 5 : 1)) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return "just now";
}

function speakTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    const seconds = (Date.now() - skew - Date.parse(time.dateTime)) / 1000;
    if (!time.title) time.title = time.textContent;
    if (seconds > -5) time.textContent = age(Math.max(0, seconds));
  }
}

function listen() {
  const stream = new EventSource("/stream");
  stream.addEventListener("open", () => {
    say("on", "Live");
    refresh();
  });
  stream.addEventListener("change", refresh);
  stream.addEventListener("error", () => {
    say("lost", "Lost");
    if (stream.readyState === EventSource.CLOSED) setTimeout(askAgain, 5000);
  });
}

// Too many may be listening: then the page is only as old as this.
function askAgain() {
  refresh();
  listen();
}

document.addEventListener("visibilitychange", refresh);
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  const search = document.getElementById("q");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && typing === search) {
    search.blur();
  }
});

speakTimes(document.body);
setInterval(() => speakTimes(document.body), 1000);
listen();
