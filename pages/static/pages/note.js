// The note is saved as it is typed, by htmx. Here: what is said when that fails, and nobody leaves
// the page with something unsaved without being asked. Without this, a button saves it.
"use strict";

const form = document.getElementById("note-form");
const told = document.getElementById("note-told");
const AGAIN = 5_000;
let unsaved = false;
let typedSince = false;

const say = (words) => {
  let line = told.querySelector(".note-state");
  if (!line) told.append((line = document.createElement("p")));
  line.className = "note-state bad";
  line.textContent = words;
};
const again = () => setTimeout(() => { if (unsaved) form.dispatchEvent(new Event("input")); }, AGAIN);

form.addEventListener("input", (event) => {
  unsaved = true;
  if (event.isTrusted) typedSince = true;
});
form.addEventListener("submit", () => { unsaved = false; });
form.addEventListener("htmx:beforeRequest", () => { typedSince = false; });
form.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.xhr.status === 200 && !typedSince) unsaved = false;
});
// Signed out meanwhile: the page stays, so that what is typed stays.
form.addEventListener("htmx:beforeOnLoad", (event) => {
  if (!event.detail.xhr.getResponseHeader("HX-Redirect")) return;
  event.preventDefault();
  say("Not saved — you are signed out. Copy your note before you sign in again.");
});
form.addEventListener("htmx:sendError", () => {
  say("Not saved — there is no connection. It is tried again by itself.");
  again();
});
form.addEventListener("htmx:timeout", again);
form.addEventListener("htmx:responseError", () => {
  say("Not saved — something went wrong on our side. It is tried again by itself.");
  again();
});
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
