// What every page does with a script, and does without where there is none: the choice between
// light and dark, and the key for the search.
"use strict";
(() => {
  const root = document.documentElement;
  // What stands in for scripts is not shown where they run.
  root.dataset.scripts = "";
  const place = "momentum-theme";
  const stored = () => {
    try {
      return localStorage.getItem(place);
    } catch {
      return null;
    }
  };
  const chosen = stored();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector(".theme");
    if (!button) return;
    const say = () => {
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", isDark() ? "Show in light" : "Show in dark");
    };
    button.hidden = false;
    say();
    system.addEventListener("change", say);
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem(place, root.dataset.theme);
      } catch {
        // The choice holds for this page then.
      }
      say();
    });
  });

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    const writes = target instanceof Element && target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || writes) return;
    const field = document.getElementById("query");
    const link = document.querySelector("a.search");
    if (!field && !link) return;
    event.preventDefault();
    if (field) field.focus();
    else location.href = link.href;
  });
})();
