// A simulation that waits or runs: its bar goes on by itself, and the page comes anew at the end.
(() => {
  "use strict";

  const EVERY = 2000; // ms
  // One that waits is begun by whoever opens the page, if the process that should have is gone.
  const PATIENCE = 30;

  document.addEventListener("DOMContentLoaded", () => {
    const shown = document.querySelector("[data-simulation-progress]");
    if (!shown) return;
    const bar = shown.querySelector("progress");
    const says = shown.querySelector("[data-simulation-says]");
    let asked = 0;

    const look = async () => {
      try {
        const answer = await fetch(shown.dataset.simulationProgress, { redirect: "error" });
        if (!answer.ok) throw new Error(String(answer.status));
        const now = await answer.json();
        asked += 1;
        if (!now.unfinished || (now.state === "waiting" && asked >= PATIENCE)) {
          window.location.reload();
          return;
        }
        bar.value = now.progress;
        says.textContent = now.says;
      } catch {
        says.textContent = "The server did not answer. Look again, or sign in again.";
      }
      setTimeout(look, EVERY);
    };
    setTimeout(look, EVERY);
  });
})();
