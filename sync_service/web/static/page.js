// What the page does beyond plain forms; everything works without it.
"use strict";

const KEYS_OFF = "ecp-keys-off";

function keysAreOn() {
  return localStorage.getItem(KEYS_OFF) === null;
}

function isTyping(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
}

// ── the conflict card: outcome per field, effect on the button, keys ──

function sides(form) {
  const rows = new Map();
  for (const radio of form.querySelectorAll("input[type=radio]")) {
    const list = rows.get(radio.name) ?? [];
    list.push(radio);
    rows.set(radio.name, list);
  }
  return rows;
}

function outcomeOf(row, side) {
  if (side === "other") return row.querySelector("input[name^='value-']")?.value ?? "";
  return row.dataset[side];
}

// Every row of a decided group shows what it comes to; the button says what is written where.
function refresh(form) {
  const words = form.dataset;
  const written = { school: [], gis: [] };
  let does = "";
  for (const [name, radios] of sides(form)) {
    const radio = radios.find((one) => one.checked);
    if (!radio) continue;
    does = radio.dataset.does ?? "";
    for (const row of form.querySelectorAll(`tr[data-group="${CSS.escape(name.slice("side-".length))}"]`)) {
      const value = outcomeOf(row, radio.value);
      const shown = row.querySelector("[data-result]");
      if (shown) shown.textContent = does || value;
      if (value !== row.dataset.school) written.school.push(value);
      if (value !== row.dataset.gis) written.gis.push(value);
    }
  }
  const button = form.querySelector("button[data-effect]");
  const all = new Set([...written.school, ...written.gis]);
  if (!button || (all.size === 0 && !does)) return;
  const where = written.school.length && written.gis.length ? words.tBoth : written.gis.length ? words.tGis : words.tSchool;
  const one = [...all][0];
  const many = Math.max(written.school.length, written.gis.length);
  const what = many > 1 ? `${words.tValues}: ${many}` : one === "" || one === "—" ? words.tEmpty : one;
  button.firstChild.textContent = `${does || `${words.tWrite} ${what} ${where}`} ${words.tNext} `;
}

function firstUndecided(form) {
  for (const radios of sides(form).values()) {
    if (!radios.some((radio) => radio.checked)) return radios;
  }
  return [...sides(form).values()].at(-1);
}

function choose(form, number) {
  const focused = document.activeElement?.closest?.("tr[data-group]");
  const radios = focused
    ? [...form.querySelectorAll(`input[name="side-${CSS.escape(focused.dataset.group)}"]`)]
    : firstUndecided(form);
  const radio = radios?.find((one) => one.value === ["school", "gis", "other"][number - 1]);
  if (!radio) return;
  radio.checked = true;
  refresh(form);
  if (radio.value === "other") radio.closest("tr").querySelector("input[name^='value-']")?.focus();
}

for (const form of document.querySelectorAll("[data-card]")) {
  form.addEventListener("change", () => refresh(form));
  form.addEventListener("input", (event) => {
    if (event.target.name?.startsWith("value-")) {
      const group = event.target.closest("tr").dataset.group;
      const other = form.querySelector(`input[name="side-${CSS.escape(group)}"][value=other]`);
      if (other && event.target.value) other.checked = true;
      refresh(form);
    }
  });
  refresh(form);
}

for (const hint of document.querySelectorAll("[data-keys]")) hint.hidden = false;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("details.menu[open]")?.removeAttribute("open");
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const form = document.querySelector("[data-card]");
  if (event.key === "?" && document.querySelector("[data-keys]")) {
    if (keysAreOn()) localStorage.setItem(KEYS_OFF, "1");
    else localStorage.removeItem(KEYS_OFF);
    for (const hint of document.querySelectorAll("[data-keys]")) hint.classList.toggle("is-off", !keysAreOn());
    return;
  }
  if (!form || !keysAreOn()) return;
  const key = event.key.toLowerCase();
  if (key === "j" || key === "о") document.querySelector("a[rel=next]")?.click();
  else if (key === "k" || key === "л") document.querySelector("a[rel=prev]")?.click();
  else if (key === "u" || key === "г") document.querySelector("[data-undo]")?.click();
  else if (["1", "2", "3"].includes(key)) choose(form, Number(key));
  else if (key === "enter" && !event.target.closest("a, button")) form.querySelector("[data-effect]")?.click();
  else return;
  event.preventDefault();
});

// ── what was just done can be taken back: ten seconds in front of the eyes, then in the history of the case ──

for (const ring of document.querySelectorAll("[data-fade]")) {
  const toast = ring.closest(".toast-at");
  const [, circle] = ring.querySelectorAll("circle");
  let left = 10;
  ring.removeAttribute("hidden");
  const ticking = setInterval(() => {
    if (toast.matches(":hover, :focus-within")) return; // somebody is about to press it
    left -= 1;
    circle.setAttribute("stroke-dasharray", `${left} 10`);
    ring.querySelector("text").textContent = left;
    if (left > 0) return;
    clearInterval(ticking);
    toast.remove();
  }, 1000);
}

// ── a waiting page: ask whether the work has ended, then show what came of it ──

for (const waiting of document.querySelectorAll("[data-poll]")) {
  const ask = async () => {
    try {
      const answer = await fetch(waiting.dataset.poll, { headers: { Accept: "text/plain" } });
      if (answer.status !== 204) return location.reload();
    } catch {
      // the line is down for a moment; the next question will tell
    }
    setTimeout(ask, 1500);
  };
  setTimeout(ask, 1500);
}
// ── a run that goes on: server-sent events, else asking again every few seconds ──

const ASK_AGAIN = 3000;

function follow(box) {
  const path = box.dataset.live;
  const said = document.querySelector("[data-said]");

  function show(html, running) {
    const open = box.querySelector("details[open]") !== null;
    box.innerHTML = html; // rendered by our own templates, which escape everything
    if (open) for (const detail of box.querySelectorAll("details")) detail.open = true;
    const news = box.querySelector("[data-say]")?.textContent ?? "";
    if (said && said.textContent !== news) said.textContent = news;
    if (!running) document.querySelector("[data-renew]")?.remove();
  }

  async function ask() {
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (answer.redirected) return location.reload(); // the session has ended
      const fresh = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("run");
      if (fresh) {
        show(fresh.innerHTML, fresh.dataset.live !== undefined);
        if (fresh.dataset.live === undefined) return;
      }
    } catch {
      // the server is away: it will be back
    }
    setTimeout(listen, ASK_AGAIN);
  }

  function listen() {
    if (!window.EventSource) return ask();
    const source = new EventSource(path);
    source.addEventListener("run", (event) => show(event.data, true));
    source.addEventListener("end", (event) => {
      source.close();
      show(event.data, false);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) ask(); // refused, not merely cut off: look for the reason
    });
    window.addEventListener("pagehide", () => source.close(), { once: true });
  }

  listen();
}

for (const box of document.querySelectorAll("[data-live]")) follow(box);
