// What every page does beside being read: no form is sent twice by a double tap, and nobody is
// signed out without a word. All of it works without this, too.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
  setTimeout(sendable, AGAIN); // a file that is answered leaves this page as it is
});

const AGAIN = 4_000;

function sendable() {
  for (const form of document.forms) delete form.dataset.sent;
  for (const busy of document.querySelectorAll("button[aria-busy]")) busy.removeAttribute("aria-busy");
}

// Back from another page, forms can be sent again.
window.addEventListener("pageshow", sendable);

// Buttons that open a dialog, and those that close the one they stand in.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    document.getElementById(opener.dataset.opens).showModal();
    event.preventDefault();
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog").close();
});

// A link that looks like a button is pressed like one.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches("a[role='button']")) return;
  event.preventDefault();
  event.target.click();
});

const idleAfter = Number(document.body.dataset.idleAfter || 0) * 1000;
const WARNING = 60_000;

if (idleAfter) {
  const dialog = document.getElementById("still-here");
  const others = new BroadcastChannel("used"); // the other tabs of the same sign-in
  let used = Date.now();
  let told = Date.now();
  const use = () => { used = Date.now(); };
  const goOn = async () => {
    told = Date.now();
    others.postMessage("used");
    const answer = await fetch("/still-here/", { cache: "no-store" }).catch(() => null);
    if (answer && answer.status === 401) location.assign(location.pathname + location.search);
  };
  const leave = async () => { // asks without being a use, and goes once the sign-in is over
    const by = { cache: "no-store", headers: { "X-Poll": "idle" } };
    const answer = await fetch("/still-here/", by).catch(() => null);
    if (answer && answer.status === 401) location.assign(location.pathname + location.search);
  };
  others.addEventListener("message", () => {
    use();
    if (dialog.open) dialog.close();
  });
  for (const kind of ["keydown", "input", "pointerdown", "scroll"]) {
    document.addEventListener(kind, () => { if (!dialog.open) use(); }, { passive: true });
  }
  dialog.querySelector("[data-goes-on]").addEventListener("click", () => {
    use();
    dialog.close();
    goOn();
  });
  setInterval(() => {
    const idle = Date.now() - used;
    if (idle >= idleAfter) leave();
    else if (idle >= idleAfter - WARNING) { if (!dialog.open) dialog.showModal(); }
    else if (used > told && Date.now() - told >= WARNING) goOn();
  }, 5_000);
}
