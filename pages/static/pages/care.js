// How long ago the page was made; whoever comes back to it after a while sees it anew.
const STALE = 120_000;
const made = Date.now();
const says = document.querySelector("[data-checked]");

const tell = () => {
  const minutes = Math.floor((Date.now() - made) / 60_000);
  says.textContent = minutes < 1 ? "just now" : minutes === 1 ? "1 minute ago" : `${minutes} minutes ago`;
};

setInterval(() => { if (!document.hidden) tell(); }, 15_000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (Date.now() - made > STALE) location.reload();
  else tell();
});
