// The physician's week as a calendar, over the list that the page is without it. Dragging posts to
// the page "Move to…", with the version that was seen; whatever else an entry can do, that page
// does, shown over the week.
import { Calendar } from "fullcalendar";
import interaction from "fullcalendar/interaction";
import theme from "fullcalendar/themes/breezy";
import timeGrid from "fullcalendar/timegrid";
import "fullcalendar/skeleton.css";
import "fullcalendar/themes/breezy/theme.css";

const data = JSON.parse(document.getElementById("calendar-data").textContent);
const over = document.getElementById("over");
const content = document.getElementById("over-content");
const wide = matchMedia("(min-width: 60rem)");
let stale = false;

const pageOf = (id) => `/physician/consultations/${id}/move/`;

// --- the page of one consultation, over the week

async function show(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.querySelector("main");
  main.querySelector(".back")?.remove();
  content.replaceChildren(...main.childNodes);
  if (!over.open) over.showModal();
  content.querySelector("[role=alert]")?.scrollIntoView({ block: "nearest" });
}

async function open(address) {
  const answer = await fetch(address, { cache: "no-store" }).catch(() => null);
  if (answer && !answer.redirected) await show(answer);
  else location.assign(address);
}

content.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get") return;
  event.preventDefault();
  open(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`);
});
content.addEventListener("click", (event) => {
  const day = event.target.closest("[data-on]");
  if (!day) return;
  event.preventDefault();
  const form = content.querySelector(".on-day");
  form.elements.on.value = day.dataset.on;
  form.requestSubmit();
});
over.addEventListener("close", () => { if (stale) location.reload(); });

// --- dragging

async function move(info) {
  const { event } = info;
  const body = new URLSearchParams({
    csrfmiddlewaretoken: document.querySelector("[name=csrfmiddlewaretoken]").value,
    do: "move",
    start: event.startStr,
    version: event.extendedProps.version,
  });
  const sent = { method: "POST", body, redirect: "manual" };
  const answer = await fetch(pageOf(event.id), sent).catch(() => null);
  if (answer?.type === "opaqueredirect") {
    location.reload();
    return;
  }
  info.revert();
  stale = true;
  if (answer) await show(answer);
  else tell("That did not arrive: it stays where it was. Please look at your connection.");
}

function tell(words) {
  const notice = document.createElement("div");
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  notice.textContent = words;
  document.querySelector("main > .notices").replaceChildren(notice);
  notice.scrollIntoView({ block: "nearest" });
}

// --- what is drawn

function drawn(entry) {
  const common = { id: entry.id, start: entry.start, end: entry.end, title: entry.title };
  if (entry.type === "time_off") return { ...common, display: "background", className: "away" };
  const moves = entry.moves;
  const url = entry.type === "consultation" ? pageOf(entry.id) : undefined;
  return { ...common, url, startEditable: moves, className: `is-${entry.type}`, extendedProps: entry };
}

function buffers(entry) {
  const kept = [[entry.busy_start, entry.start], [entry.end, entry.busy_end]];
  if (entry.type === "time_off") return [];
  return kept
    .filter(([start, end]) => new Date(start) < new Date(end))
    .map(([start, end]) => ({ start, end, display: "background", className: "buffer" }));
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function inside({ event, timeText }) {
  const { kind, theirs, marks = [] } = event.extendedProps;
  const about = element("div", "about", "");
  about.append(element("span", "who", event.title), element("span", "at number", timeText));
  if (theirs) about.append(element("span", "theirs", theirs));
  for (const [tone, words] of marks) about.append(element("span", `mark ${tone}`, words));
  if (kind) about.append(element("span", "what", kind));
  return { domNodes: [about] };
}

function background({ event }) {
  return event.title ? { domNodes: [element("span", "away-title", event.title)] } : { domNodes: [] };
}

function draw() {
  const box = document.getElementById("calendar");
  const open = data.open.map(([start, end]) => ({
    start, end, groupId: "open", display: "inverse-background", className: "closed",
  }));
  box.hidden = false;
  document.getElementById("legend").hidden = false;
  document.body.classList.add("has-calendar");
  new Calendar(box, {
    plugins: [timeGrid, interaction, theme],
    initialView: "timeGridWeek",
    initialDate: data.first,
    firstDay: 1,
    weekends: data.weekends,
    timeZone: data.zone,
    now: data.now,
    nowIndicator: true,
    locale: "en-US",
    headerToolbar: false,
    allDaySlot: false,
    height: "auto",
    slotMinTime: data.from,
    slotMaxTime: data.until,
    slotDuration: "00:30",
    snapDuration: { minutes: data.step },
    slotEventOverlap: false,
    eventDurationEditable: false,
    eventOverlap: true,
    eventTimeFormat: { hour: "numeric", minute: "2-digit" },
    dayHeaderFormat: { weekday: "short", month: "short", day: "numeric" },
    eventContent: inside,
    backgroundEventContent: background,
    eventClick(info) {
      if (!info.event.url) return;
      info.jsEvent.preventDefault();
      open(info.event.url);
    },
    eventDrop: move,
    events: [...open, ...data.entries.flatMap(buffers), ...data.entries.map(drawn)],
  }).render();
}

// On a phone the list is the better calendar; a window that grows wide gets the other one.
if (wide.matches) draw();
else wide.addEventListener("change", draw, { once: true });
