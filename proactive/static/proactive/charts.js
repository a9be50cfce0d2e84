// Charts take the colours of the page.
(() => {
  "use strict";

  // Before Unfold draws them, and before it redraws them when the page turns dark or light.
  const colourCharts = () => {
    const style = getComputedStyle(document.documentElement);
    const isDark = document.documentElement.classList.contains("dark");
    const colour = (light, dark) => style.getPropertyValue(`--color-base-${isDark ? dark : light}`).trim();
    Chart.defaults.color = colour(600, 300);
    Chart.defaults.borderColor = colour(300, 700);
  };
  colourCharts();
  new MutationObserver(colourCharts).observe(document.documentElement, { attributeFilter: ["class"] });
})();
