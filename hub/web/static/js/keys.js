// The keyboard: / search, g x go, j k rows, Enter open, e act, ? help, Ctrl K palette, Esc closes.
(() => {
  "use strict";
  const typing = (node) => node.closest("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  let waitsForPlace = 0;

  const show = (id) => {
    const dialog = document.getElementById(id);
    if (dialog && !dialog.open) dialog.showModal();
    return dialog;
  };

  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row.classList.contains("at"));
    const next = Math.min(Math.max(now + by, 0), all.length - 1);
    all.forEach((row) => row.classList.toggle("at", row === all[next]));
    (all[next].querySelector("a") || all[next]).focus({ preventScroll: true });
    all[next].scrollIntoView({ block: "nearest" });
  };

  const go = (key) => {
    const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    if (link) location.assign(link.href);
  };

  const palette = () => {
    const field = show("palette")?.querySelector("input");
    if (field) {
      field.value = "";
      field.dispatchEvent(new Event("input"));
      field.focus();
    }
  };

  const plain = {
    "/": () => document.getElementById("search")?.focus(),
    "?": () => show("help"),
    j: () => step(1),
    k: () => step(-1),
    e: () => document.querySelector("main [data-first-act]")?.focus(),
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (Date.now() < waitsForPlace) {
      waitsForPlace = 0;
      go(event.key);
      return;
    }
    if (event.key === "g") {
      waitsForPlace = Date.now() + 1200;
    } else if (plain[event.key]) {
      event.preventDefault();
      plain[event.key]();
    }
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) {
      opener.closest("details")?.removeAttribute("open");
      show(opener.dataset.open);
    }
  });

  document.getElementById("palette-field")?.addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const link of document.querySelectorAll("#palette-list a")) {
      link.parentElement.hidden = !link.dataset.name.includes(wanted);
    }
  });
  document.querySelector("#palette form")?.addEventListener("submit", (event) => {
    const first = document.querySelector("#palette-list li:not([hidden]) a");
    const wanted = document.getElementById("palette-field").value.trim();
    if (first && wanted) {
      event.preventDefault();
      location.assign(first.href);
    }
  });
})();
