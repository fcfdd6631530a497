// The board follows what others do: it asks every ten seconds, not while nobody looks, and swaps
// the cards that changed. A card in which somebody types, or has opened a form, is left alone.
"use strict";

const EVERY = 10_000;
const board = document.getElementById("board");
const news = document.getElementById("news");
let mark = board.dataset.mark;
let timer = 0;
let changes = 0;

const isTyped = (field) =>
  field.type === "checkbox" || field.type === "radio" ? false
    : field.tagName === "SELECT" ? !field.options[field.selectedIndex]?.defaultSelected && field.selectedIndex > 0
    : field.type !== "hidden" && field.value !== field.defaultValue;

const isUsed = (card) =>
  card.contains(document.activeElement) || card.querySelector("details[open]") !== null ||
  [...card.querySelectorAll("input, select, textarea")].some(isTyped);

const isSame = (old, now) => old.dataset.version === now.dataset.version &&
  old.textContent.replace(/\s+/g, " ") === now.textContent.replace(/\s+/g, " ");

const isChecked = (card) => card?.querySelector("[name=only]")?.checked || false;

function tellStale(card, now) {
  if (card.dataset.version === now?.dataset.version || card.querySelector("[data-stale]")) return 0;
  const line = document.createElement("p");
  line.dataset.stale = "";
  line.className = "small notice warn";
  line.textContent = "Somebody else has changed this parcel.";
  card.append(line);
  return 1;
}

function follow(list, wanted) {
  let count = 0;
  let place = list.firstElementChild;
  for (const now of wanted) {
    const old = document.getElementById(now.id);
    if (old && isUsed(old)) {
      count += tellStale(old, now);
      if (place === old) place = old.nextElementSibling;
      continue;
    }
    if (old && old.parentElement === list && isSame(old, now)) {
      if (place === old) place = old.nextElementSibling;
      else list.insertBefore(old, place);
      continue;
    }
    const box = now.querySelector("[name=only]");
    if (box) box.checked = isChecked(old);
    if (place === old) place = old?.nextElementSibling ?? null;
    old?.remove();
    list.insertBefore(now, place);
    count += 1;
  }
  return count;
}

// Columns come and go: the whole frame is taken over, unless somebody is at work in it.
function takeOver(fresh) {
  const ids = new Set([...fresh.querySelectorAll(".parcel")].map((card) => card.id));
  let count = 0;
  for (const card of board.querySelectorAll(".parcel")) {
    if (ids.has(card.id)) continue;
    if (isUsed(card)) count += tellStale(card, null);
    else { card.remove(); count += 1; }
  }
  for (const section of fresh.querySelectorAll(".column")) {
    const column = document.getElementById(section.id);
    if (!column) { count += addColumn(section); continue; }
    count += follow(column.querySelector(".cards"), [...section.querySelectorAll(".parcel")]);
    column.querySelector("[data-total]").textContent = section.querySelector("[data-total]").textContent;
  }
  for (const column of board.querySelectorAll(".exceptions .column")) {
    if (!fresh.querySelector(`#${column.id}`) && !column.querySelector(".parcel")) column.remove();
  }
  if (!board.querySelector(".exceptions .column")) board.querySelector(".exceptions")?.remove();
  board.querySelector(".empty")?.remove();
  const none = fresh.querySelector(".empty");
  if (none) board.append(none);
  return count;
}

function addColumn(section) {
  let count = 0;
  for (const card of section.querySelectorAll(".parcel")) {
    const old = document.getElementById(card.id);
    const box = card.querySelector("[name=only]");
    if (box) box.checked = isChecked(old);
    if (old && isUsed(old)) { count += tellStale(old, card); card.remove(); continue; }
    old?.remove();
    count += 1;
  }
  const group = section.closest(".group");
  let frame = board.querySelector(`.${group.classList[1]} .columns`);
  if (!frame) {
    const shell = group.cloneNode(true);
    frame = shell.querySelector(".columns");
    frame.replaceChildren();
    board.prepend(shell);
  }
  const order = [...group.querySelectorAll(".column")].map((each) => each.id);
  const later = order.slice(order.indexOf(section.id) + 1);
  const next = later.map((id) => frame.querySelector(`#${id}`)).find(Boolean);
  frame.insertBefore(section, next ?? null);
  return count;
}

async function ask() {
  const answer = await fetch(location.href, {
    cache: "no-store", headers: { "X-Poll": "1", "If-None-Match": `"${mark}"` }, redirect: "manual",
  }).catch(() => null);
  if (!answer) { news.textContent = "No connection: what you see may be old."; return; }
  // The sign-in has ended. To reload what a form was answered with would send the form again.
  if (answer.type === "opaqueredirect") { location.assign(location.pathname + location.search); return; }
  if (answer.status === 304) { if (!changes) news.textContent = "Up to date."; return; }
  if (!answer.ok) { news.textContent = "The board cannot be read just now."; return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("board");
  mark = fresh.dataset.mark;
  const count = takeOver(fresh);
  if (!count) return;
  changes += count;
  news.textContent = `${changes} ${changes === 1 ? "change" : "changes"} since you came.`;
}

async function tick() {
  clearTimeout(timer);
  if (document.visibilityState === "visible") {
    await ask();
    timer = setTimeout(tick, EVERY);
  }
}

document.addEventListener("visibilitychange", tick);
timer = setTimeout(tick, EVERY);

// A file is no other page: the form can be sent again.
document.addEventListener("submit", (event) => {
  if (!event.submitter?.matches("[data-file]")) return;
  setTimeout(() => {
    delete event.target.dataset.sent;
    event.submitter.removeAttribute("aria-busy");
  }, 1_000);
});

const checks = document.querySelector("[data-checks]");
checks.hidden = false;
checks.addEventListener("click", () => {
  const boxes = [...board.querySelectorAll("[name=only]")];
  const wanted = !boxes.every((box) => box.checked);
  for (const box of boxes) box.checked = wanted;
});
