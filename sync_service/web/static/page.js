// What the page does beyond plain forms; everything works without it.
"use strict";

document.addEventListener("keydown", (event) => {
  // Escape closes the menu of a narrow screen.
  if (event.key === "Escape") document.querySelector("details.menu[open]")?.removeAttribute("open");
});
