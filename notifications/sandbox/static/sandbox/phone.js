// Looks for news every two seconds; what somebody is typing stays.
const down = () => { const talk = document.querySelector(".talk"); talk.scrollTop = talk.scrollHeight; };
async function look() {
  if (document.hidden) return;
  const answer = await fetch(location.href).catch(() => null);
  if (!answer || !answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["nav", ".talk", "header time"]) {
    const here = document.querySelector(part), there = page.querySelector(part);
    if (here && there && here.innerHTML !== there.innerHTML) {
      here.innerHTML = there.innerHTML;
      if (part === ".talk") down();
    }
  }
}
down();
setInterval(look, 2000);
