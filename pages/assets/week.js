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
const HALF_HOUR = 54; // px
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
over.addEventListener("close", () => { if (stale) location.assign(location.pathname + location.search); });

// --- dragging

async function move(info) {
  const { event } = info;
  const body = new URLSearchParams({
    csrfmiddlewaretoken: document.querySelector("[name=csrfmiddlewaretoken]").value,
    do: "move",
    start: event.startStr,
    version: event.extendedProps.version,
  });
  // Asked so, a page that wants a sign-in first says it with a 204: it is no success.
  const sent = { method: "POST", body, redirect: "manual", headers: { "HX-Request": "true" } };
  const answer = await fetch(pageOf(event.id), sent).catch(() => null);
  if (answer?.type === "opaqueredirect") {
    location.assign(location.pathname + location.search);
    return;
  }
  info.revert();
  stale = true;
  if (answer?.status === 204) tell("Nothing was moved: your sign-in has ended. Please sign in again.");
  else if (answer) await show(answer);
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

const SIGNS = { good: "✓", warn: "?", bad: "▲", calm: "●" };

const clock = new Intl.DateTimeFormat("en-US", { timeZone: data.zone, hour: "numeric", minute: "2-digit" });

function inside({ event, isMirror }) {
  const { kind, theirs, marks = [] } = event.extendedProps;
  const about = element("div", "about", "");
  const who = element("span", "who", "");
  for (const [tone, words] of marks) {
    const sign = element("span", `mark ${tone}`, `${SIGNS[tone]} `);
    sign.setAttribute("aria-hidden", "true");
    who.append(sign, element("span", "unseen", `${words}: `));
  }
  who.append(event.title);
  const at = element("span", "at number", clock.format(event.start));
  if (theirs && !isMirror) at.append(` · ${theirs}`);
  about.append(who, at);
  if (kind) about.append(element("span", "what", kind));
  about.title = [...marks.map(([, words]) => words), kind].filter(Boolean).join(" · ");
  return { domNodes: [about] };
}

function background({ event }) {
  return event.title ? { domNodes: [element("span", "away-title", event.title)] } : { domNodes: [] };
}

function draw() {
  const box = document.getElementById("calendar");
  const closed = data.open.map(([start, end]) => ({
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
    // As fine as what is offered: an entry is dropped on the row that is under its pointer.
    slotDuration: { minutes: data.step },
    slotMinHeight: (HALF_HOUR * data.step) / 30,
    slotHeaderInterval: "01:00",
    slotHeaderInnerClass: "hour",
    slotHeaderFormat: { hour: "numeric" },
    slotLaneClass: ({ time }) => (time.milliseconds % 1_800_000 ? "between" : ""),
    slotEventOverlap: false,
    eventDurationEditable: false,
    eventOverlap: true,
    dayHeaderFormat: { weekday: "short", month: "short", day: "numeric" },
    eventContent: inside,
    backgroundEventContent: background,
    // A browser would drag the address of the link.
    eventDidMount({ el }) { el.draggable = false; },
    eventClick(info) {
      if (!info.event.url) return;
      info.jsEvent.preventDefault();
      info.el.focus({ preventScroll: true }); // where one is again when it is closed
      open(info.event.url);
    },
    eventDrop: move,
    events: [...closed, ...data.entries.flatMap(buffers), ...data.entries.map(drawn)],
  }).render();
}

// On a phone the list is the better calendar; a window that grows wide gets the other one.
if (wide.matches) draw();
else wide.addEventListener("change", draw, { once: true });
