// Booking: the time that a hold has left, and the day of the strip that is looked at.
"use strict";

const MINUTE = 60;

function words(left) {
  const seconds = String(left % MINUTE).padStart(2, "0");
  return `Yours for ${Math.floor(left / MINUTE)}:${seconds} more`;
}

const shown = document.querySelector("[data-seconds]");
if (shown) {
  const said = document.getElementById("countdown-said");
  const ends = Date.now() + Number(shown.dataset.seconds) * 1000;
  const tick = () => {
    const left = Math.ceil((ends - Date.now()) / 1000);
    if (left <= 0) {
      clearInterval(ticking);
      location.replace(location.pathname);
      return;
    }
    shown.textContent = words(left);
    shown.parentElement.classList.toggle("hurry", left <= 2 * MINUTE);
    if (left === 2 * MINUTE) said.textContent = "This time is yours for two more minutes.";
  };
  const ticking = setInterval(tick, 1000);
  tick();
}

function showDay() {
  const strip = document.getElementById("days");
  const day = strip && strip.querySelector("[aria-current]");
  if (day) strip.scrollLeft = day.offsetLeft - strip.clientWidth / 2 + day.clientWidth / 2;
}
showDay();
document.addEventListener("htmx:afterSettle", showDay);
