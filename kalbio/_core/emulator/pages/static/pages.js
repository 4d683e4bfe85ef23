// Shows in a narrow navigation where one is, and renews the element with `data-live` (a number of seconds) from the page
// itself. Pages work without this file.
"use strict";
const current = document.querySelector("nav [aria-current='page']");
const bar = current?.closest("nav");
// Not `scrollIntoView`, from which on the keyboard would begin there.
if (bar) bar.scrollLeft += current.getBoundingClientRect().left - bar.clientWidth / 3;
const live = document.querySelector("[data-live]");
const note = document.querySelector("[data-live-note]");
if (live && note) {
  const text = note.querySelector("[data-live-text]");
  const pause = note.querySelector("[data-live-pause]");
  let paused = false;
  note.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    note.classList.toggle("paused", paused);
    text.textContent = paused ? "Paused" : "Live";
    pause.textContent = paused ? "Go on" : "Pause";
  });
  const renew = async () => {
    // Nothing moves under the hands of somebody who is in it.
    if (paused || document.hidden || live.contains(document.activeElement)) return;
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
    if (found && found.innerHTML !== live.innerHTML) live.replaceChildren(...found.childNodes);
    text.textContent = "Live";
    note.classList.remove("paused");
  };
  const again = () => renew().catch(() => {
    text.textContent = "No answer";
    note.classList.add("paused");
  }).finally(() => setTimeout(again, 1000 * Number(live.dataset.live)));
  setTimeout(again, 1000 * Number(live.dataset.live));
}
