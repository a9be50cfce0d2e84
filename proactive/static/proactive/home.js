// The clocks of the home page go on without a request.
(() => {
  "use strict";

  // As proactive/admin/moments.py says it.
  const words = (milliseconds) => {
    const minutes = Math.max(0, Math.floor(milliseconds / 60000));
    const hours = Math.floor(minutes / 60);
    if (hours === 0) return `${minutes} min`;
    if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  };

  const startClocks = () => {
    const home = document.querySelector("[data-home-now]");
    if (!home) return;
    // Counted from what the server's clock said: the one here may be wrong.
    const ahead = Date.now() - Date.parse(home.dataset.homeNow);
    const update = () => {
      const now = Date.now() - ahead;
      for (const one of home.querySelectorAll("[data-home-since]")) {
        one.textContent = words(now - Date.parse(one.dataset.homeSince));
      }
      for (const one of home.querySelectorAll("[data-home-until]")) {
        const left = Date.parse(one.dataset.homeUntil) - now;
        one.textContent = left > 0 ? `in ${words(left)}` : "due now";
      }
    };
    update();
    setInterval(update, 60000);
  };

  document.addEventListener("DOMContentLoaded", startClocks);
})();
