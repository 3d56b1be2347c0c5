// The page without this script is forms and links. With it they work without loading the page
// anew, and what others do appears by itself.
"use strict";

const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
let source = null; // the stream of what changed
let opener = null; // the id of what had the focus before a form was laid over the page
let turn = 0; // the latest visit; the answer to an older one is not shown any more
let lights = true; // whether what is new in a list is lit up: not where the list is another one
let lost = 0; // waits for the stream to come back

// Makes `old` look like `now` and keeps what is in use: focus, what was typed, open menus.
function morph(old, now) {
  if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName || (old.id || "") !== (now.id || "")) {
    old.replaceWith(now);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE || "keep" in old.dataset) return;
  attributes(old, now);
  const known = new Map([...old.children].filter((one) => one.id).map((one) => [one.id, one]));
  let at = old.firstChild;
  for (const next of [...now.childNodes]) {
    const same = next.id && known.get(next.id);
    if (same) {
      if (same !== at) old.insertBefore(same, at);
      else at = at.nextSibling;
      morph(same, next);
    } else if (at && !at.id && !next.id && at.nodeName === next.nodeName) {
      const after = at.nextSibling;
      morph(at, next);
      at = after;
    } else {
      old.insertBefore(next, at);
      if (next.id && next.matches("li")) light(next);
    }
  }
  while (at) {
    const after = at.nextSibling;
    at.remove();
    at = after;
  }
}

// What is new in a list is lit up for a moment.
function light(element) {
  if (!reduced && lights) element.animate([{ background: "color-mix(in srgb, var(--accent) 22%, transparent)" }, {}], 1600);
}

function attributes(old, now) {
  for (const { name } of [...old.attributes]) {
    const ours = name === "open" && /^(DETAILS|DIALOG)$/.test(old.nodeName);
    if (!now.hasAttribute(name) && !ours) old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

// Shows `html` in the place of the element with the same id; what is followed stays at its end.
function show(elements) {
  const list = document.querySelector("[data-follow]");
  const view = list?.dataset.follow;
  const known = new Set([...(list?.children ?? [])].map((one) => one.id));
  const follows = list && atEnd(list);
  const before = document.getElementById("news")?.textContent;
  const held = document.activeElement;
  for (const now of elements) {
    const next = now?.querySelector("[data-follow]");
    lights = !next || next.dataset.follow === view;
    const old = now && document.getElementById(now.id);
    if (old) morph(old, now);
  }
  lights = true;
  const then = document.querySelector("[data-follow]");
  if (then && (then.dataset.follow !== view || follows)) {
    then.scrollTop = then.scrollHeight;
    seen();
  } else if (then) {
    point([...then.children].filter((one) => one.id && !known.has(one.id)).at(-1), then);
  }
  outside();
  overlay();
  if (!held.isConnected && document.activeElement === document.body) {
    document.querySelector("#messages, #home")?.focus({ preventScroll: true });
  }
  const news = document.getElementById("news");
  if (before !== undefined && news.textContent !== before) {
    news.classList.remove("fresh");
    void news.offsetWidth; // begins its movement anew
    news.classList.add("fresh");
  }
}

const atEnd = (list) => list.scrollHeight - list.scrollTop - list.clientHeight < 80;

// Says that something came below what is seen of a list.
function point(latest, list) {
  if (!latest || latest.getBoundingClientRect().top < list.getBoundingClientRect().bottom) return;
  const button = document.getElementById("unseen");
  button.textContent = latest.matches(".whisper") ? "New answer ↓" : "New message ↓";
  button.hidden = false;
}

function seen() {
  const button = document.getElementById("unseen");
  if (button) button.hidden = true;
}

// Says beside the way back from a thread how much came in the channel meanwhile.
let left = { thread: "", count: 0 };
function outside() {
  const back = document.getElementById("back");
  const [thread, count] = back ? [back.dataset.of, Number(back.dataset.outside)] : ["", 0];
  if (left.thread !== thread || count < left.count) left = { thread, count };
  if (back) document.getElementById("back-new").textContent = count > left.count ? `${count - left.count} new` : "";
}

// A form lies over the page while there is one; afterwards the focus is where it was.
function overlay() {
  const dialog = document.querySelector("#modal > dialog");
  if (dialog && !dialog.open) {
    opener = opener || document.activeElement?.id;
    dialog.showModal();
    dialog.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  } else if (!dialog && opener) {
    document.getElementById(opener)?.focus();
    opener = null;
  }
}

function listen() {
  source?.close();
  ended(false);
  source = new EventSource("/events" + location.search);
  source.onerror = () => {
    clearTimeout(lost);
    lost = setTimeout(ended, 2000, true);
  };
  source.onmessage = (event) => {
    ended(false);
    const parts = Object.values(JSON.parse(event.data));
    show(parts.map((html) => parsed(html).body.firstElementChild));
    document.documentElement.dataset.live = "yes";
  };
}

// Says that the page's server has ended: nothing that is clicked does anything then.
function ended(has) {
  clearTimeout(lost);
  document.getElementById("ended").hidden = !has;
}

const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

// Goes to an address, or sends a form there, and shows the page that comes of it.
async function visit(url, options, remember = true) {
  const mine = ++turn;
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    ended(true);
    return false;
  }
  if (!answer.ok || mine !== turn) return answer.ok;
  const page = parsed(await answer.text());
  if (mine !== turn) return true;
  if (remember && answer.url !== location.href) history.pushState(null, "", answer.url);
  show([page.getElementById("page")]);
  listen();
  const hash = new URL(url, location.href).hash;
  if (hash) spot(hash.slice(1));
  return true;
}

function spot(id) {
  const found = document.getElementById(id);
  found?.scrollIntoView({ block: "center", behavior: reduced ? "auto" : "smooth" });
  if (found) light(found);
}

function closeMenus(but) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== but) menu.open = false;
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.getAttribute("method") !== "post") return;
  event.preventDefault();
  const button = event.submitter;
  if (button?.dataset.sure && !(await sure(button.dataset))) return;
  const data = new URLSearchParams(new FormData(form, button));
  if (form.id === "view-click") typed(data);
  const menu = form.closest("details.menu");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  if (form.matches(".view-form")) form.setAttribute("aria-busy", "true");
  const went = await visit(form.getAttribute("action"), { method: "POST", body: data });
  form.removeAttribute("aria-busy");
  if (went && form.matches(".write, .agent")) form.reset();
  if (form.matches(".view-form")) form.querySelector("[aria-invalid]")?.focus();
});

// A button in a form takes along what was typed into the form so far.
function typed(data) {
  for (const [name, value] of new FormData(document.querySelector("#modal .view-form"))) {
    if (name !== "view") data.append(name, value);
  }
  data.append("typed", "yes");
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.menu"));
  if (event.target.closest("#unseen")) {
    const list = document.querySelector("[data-follow]");
    list.scrollTop = list.scrollHeight;
    list.focus({ preventScroll: true });
    return seen();
  }
  const link = event.target.closest("a[href^='?']");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  visit(link.href);
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.matches(".write textarea")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// Asks once more, where the app wants that for a button.
function sure(words) {
  const dialog = document.createElement("dialog");
  dialog.className = "view sure";
  dialog.setAttribute("aria-labelledby", "sure-title");
  const form = Object.assign(document.createElement("form"), { method: "dialog", className: "view-form" });
  const title = Object.assign(document.createElement("h2"), { id: "sure-title", textContent: words.sure });
  const why = Object.assign(document.createElement("p"), { textContent: words.why });
  const [no, yes] = [words.no, words.yes].map((text) => Object.assign(document.createElement("button"), { className: "button", textContent: text }));
  no.value = "";
  yes.value = "yes";
  yes.classList.add("primary");
  const footer = document.createElement("footer");
  footer.append(no, yes);
  form.append(title, why, footer);
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  yes.focus();
  return new Promise((decided) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      decided(dialog.returnValue === "yes");
    });
  });
}

// Escape closes a form as its own button does: the app may want to hear of it.
document.addEventListener("cancel", (event) => {
  if (!event.target.matches("#modal > dialog")) return;
  event.preventDefault();
  document.getElementById("view-close")?.requestSubmit();
}, true);

// A field whose options come from the app.
let typing = 0;
function suggest(field) {
  const input = field.querySelector("input[type=search]");
  clearTimeout(typing);
  if (input.value.length < Number(field.dataset.least)) return;
  typing = setTimeout(async () => {
    const offered = field.querySelector(".offered");
    const data = new URLSearchParams({ view: field.dataset.view, block: field.dataset.suggest, text: input.value });
    for (const box of offered.querySelectorAll("input:checked")) data.append("chosen", box.value);
    const answer = await fetch("/suggest" + location.search, { method: "POST", body: data });
    if (answer.ok) offered.replaceChildren(...parsed(await answer.text()).body.childNodes);
  }, 120);
}
for (const kind of ["input", "focusin"]) {
  document.addEventListener(kind, (event) => {
    if (event.target.matches?.(".choices input[type=search]")) suggest(event.target.closest(".choices"));
  });
}

// A field of which the app wants to hear at once.
document.addEventListener("change", (event) => {
  const field = event.target.closest("[data-dispatch]");
  if (!field || event.target.type === "search") return;
  const data = new URLSearchParams(new FormData(event.target.form));
  data.set("view", field.dataset.view);
  data.set("block", field.dataset.dispatch);
  fetch("/do/choose" + location.search, { method: "POST", body: data, redirect: "manual" });
});

document.addEventListener("scroll", (event) => {
  if (event.target.matches?.("[data-follow]") && atEnd(event.target)) seen();
}, true);

addEventListener("popstate", () => visit(location.href, undefined, false));
show([]);
const followed = document.querySelector("[data-follow]");
if (followed) followed.scrollTop = followed.scrollHeight;
listen();
