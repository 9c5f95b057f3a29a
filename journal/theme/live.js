// Sent along by `momentum serve` only: reloads the page when it changes, and shows what is wrong.
(() => {
  "use strict";
  let build = Number(document.currentScript.dataset.build);
  const path = decodeURIComponent(location.pathname.slice(1));
  const page = path === "" || path.endsWith("/") ? `${path}index.html` : path;
  const wrong = new Map();
  let greeted = false;
  let source = null;

  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = "/_momentum/live.css";
  document.head.append(style);

  function element(name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = `momentum-${kind}`;
    if (text) made.textContent = text;
    return made;
  }

  function say(text) {
    let status = document.getElementById("momentum-status");
    if (!text) return status?.remove();
    if (!status) {
      status = element("p", "status");
      status.id = "momentum-status";
      status.setAttribute("role", "status");
      document.body.append(status);
    }
    status.textContent = text;
  }

  function show() {
    document.getElementById("momentum-overlay")?.remove();
    const problems = [...wrong.values()].flat();
    if (problems.length === 0) return;
    const overlay = element("section", "overlay");
    overlay.id = "momentum-overlay";
    overlay.setAttribute("role", "alert");
    overlay.setAttribute("aria-label", "What is wrong with the journal");
    const head = element("div", "head");
    const many = problems.length === 1 ? "One problem" : `${problems.length} problems`;
    head.append(element("h2", "", many), element("p", "", "The page below is the last good one."));
    const close = element("button", "close", "Close");
    close.type = "button";
    close.addEventListener("click", () => overlay.remove());
    head.append(close);
    overlay.append(head);
    for (const problem of problems) {
      const item = element("article");
      if (problem.place) item.append(element("h3", "", problem.place));
      item.append(element("pre", "", problem.message));
      if (problem.excerpt) item.append(element("pre", "excerpt", problem.excerpt));
      if (problem.help) item.append(element("p", "help", problem.help));
      overlay.append(item);
    }
    document.body.append(overlay);
  }

  function hear(event) {
    switch (event.kind) {
      case "hello":
        // Another server may have come to this address, and counts its builds from the start.
        if (greeted || event.build !== build) return location.reload();
        greeted = true;
        wrong.clear();
        break;
      case "built":
        if (event.changed.some((file) => file === page || file.startsWith("theme/"))) {
          return location.reload();
        }
        build = event.build;
        wrong.delete("journal");
        break;
      case "problems":
        wrong.set("journal", event.problems);
        break;
      case "running":
        wrong.delete(event.notebook);
        say(`Running ${event.notebook}: cell ${event.number} of ${event.of}, ${event.cell}`);
        break;
      case "ran":
        say("");
        return;
      case "cell":
        wrong.set(event.notebook, [event]);
        say("");
        break;
    }
    show();
  }

  function listen() {
    if (source || document.visibilityState === "hidden") return;
    source = new EventSource("/_momentum/events");
    source.onmessage = (message) => hear(JSON.parse(message.data));
  }

  // A browser keeps six connections to a server: pages that no one sees leave them to the others.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") {
      source?.close();
      source = null;
    } else {
      listen();
    }
  });
  window.addEventListener("pagehide", () => source?.close());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.getElementById("momentum-overlay")?.remove();
  });
  listen();
})();
