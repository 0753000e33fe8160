// Listens to the live stream and lays its figures into the page; other scripts hear "pulse" on the document.
(() => {
  "use strict";
  if (!window.EventSource || document.documentElement.dataset.live === "off") return;
  const lang = document.documentElement.lang;
  const figures = new Intl.NumberFormat(lang);
  let source = null;

  const put = (name, value) => {
    for (const place of document.querySelectorAll(`[data-live="${name}"]`)) {
      const text = typeof value === "number" ? figures.format(value) : String(value);
      if (place.textContent === text) continue;
      place.textContent = text;
      place.classList.remove("tint");
      void place.offsetWidth; // restarts the tint
      place.classList.add("tint");
      if (place.classList.contains("count")) place.hidden = value === 0;
    }
  };

  const hear = (event) => {
    const pulse = JSON.parse(event.data);
    for (const [name, value] of Object.entries(pulse.texts?.[lang.slice(0, 2)] || {})) put(name, value);
    for (const [name, value] of Object.entries(pulse.figures || {})) put(name, value);
    const light = document.querySelector("[data-live-light]");
    if (light && pulse.light) light.className = `light ${pulse.light}`;
    document.dispatchEvent(new CustomEvent("pulse", { detail: pulse }));
  };

  const open = () => {
    if (source) return;
    source = new EventSource("/live");
    source.addEventListener("pulse", hear);
  };
  const close = () => {
    if (source) source.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
})();
