// Keeps the page live: every two seconds what the same process says by now takes the place of what
// it said before. Without it the page works, too.
"use strict";
const EVERY = 2000; // milliseconds
const TRIES = 8; // so many processes may answer before the right one does
const pause = document.getElementById("pause");
const live = document.getElementById("live");
const process = document.getElementById("process").dataset.process;

async function ask() {
  const url = new URL(location.href);
  url.searchParams.delete("done");
  url.searchParams.delete("refresh");
  url.searchParams.set("process", process);
  for (let tried = 0; tried < TRIES; tried++) {
    const answer = await fetch(url, { cache: "no-store" });
    if (answer.redirected) { // logged out
      location.reload();
    }
    if (answer.ok && answer.status !== 204) {
      return new DOMParser().parseFromString(await answer.text(), "text/html");
    }
  }
  return null;
}

// Not where somebody is reading with the keyboard or is about to copy something.
function isBusy(part) {
  const selection = getSelection();
  return part.contains(document.activeElement) ||
    (!selection.isCollapsed && selection.containsNode(part, true));
}

function take(fresh) {
  const pools = (page) => [...page.querySelectorAll("[data-live]")].map((part) => part.dataset.live);
  if (pools(fresh).join() !== pools(document).join()) {
    location.reload(); // a pool has come or gone
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    if (!isBusy(part)) {
      part.replaceChildren(...fresh.querySelector(`[data-live="${part.dataset.live}"]`).childNodes);
    }
  }
  const status = document.getElementById("status");
  const said = fresh.getElementById("status").textContent;
  if (status.textContent !== said) { // it is spoken: only what is new
    status.textContent = said;
  }
}

async function turn() {
  if (pause.getAttribute("aria-pressed") === "false" && !document.hidden) {
    let fresh = null;
    try {
      fresh = await ask();
    } catch {
      // the site is restarting, or the network is gone
    }
    if (fresh) {
      take(fresh);
    }
    live.textContent = fresh ? "live" : `process ${process} does not answer`;
  }
  setTimeout(turn, EVERY);
}

pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") === "true";
  pause.setAttribute("aria-pressed", String(!paused));
  live.textContent = paused ? "live" : "paused";
});
document.documentElement.classList.add("live");
pause.hidden = live.hidden = false;
setTimeout(turn, EVERY);
