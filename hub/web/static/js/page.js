// Small manners of every page: messages close, menus close, rows open by a click, new rows wait behind a bar.
(() => {
  "use strict";
  document.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".notice")?.remove();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    }
    const row = event.target.closest("tr[data-row]");
    if (row && !event.target.closest("a, button, input, select, label") && !String(getSelection())) {
      row.querySelector("a")?.click();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.removeAttribute("open");
      menu.querySelector("summary")?.focus();
    }
  });

  // A scanner types into the waybill field at once; on a phone that would only raise the keyboard.
  if (matchMedia("(hover: hover) and (min-width: 1024px)").matches) {
    document.getElementById("waybill-field")?.focus({ preventScroll: true });
  }

  document.addEventListener("pulse", (event) => {
    const bar = document.querySelector("[data-new-orders]");
    if (!bar) return;
    const { stream, arrived } = event.detail;
    if (bar.dataset.stream !== stream) {
      bar.dataset.stream = stream;
      bar.dataset.arrived = String(arrived);
    }
    const fresh = arrived - Number(bar.dataset.arrived);
    bar.hidden = fresh <= 0;
    const place = bar.querySelector("[data-new-count]");
    if (place && fresh > 0) {
      const told = new Intl.NumberFormat(document.documentElement.lang).format(fresh);
      place.textContent = fresh === 1 ? place.dataset.one : place.dataset.many.replace("#", told);
    }
  });
})();
