// Names what Django's own widgets leave without one, for whoever has the page read aloud.
"use strict";

(() => {
  // A select that can be searched in is drawn anew by select2, which forgets the label.
  function nameSearchedSelects(within) {
    for (const select of within.querySelectorAll("select.select2-hidden-accessible")) {
      const label = select.labels[0];
      const drawn = select.nextElementSibling;
      if (!label || !drawn) continue;
      for (const part of drawn.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]")) {
        part.setAttribute("aria-label", label.textContent.trim());
        part.removeAttribute("aria-labelledby");
      }
    }
  }

  // A picture with words, but with no role that could have any.
  function namePictures(within) {
    for (const picture of within.querySelectorAll(".help-tooltip[aria-label]:not([role])")) {
      picture.setAttribute("role", "img");
    }
  }

  function nameAll(within) {
    nameSearchedSelects(within);
    namePictures(within);
  }

  // Django makes its widgets when the page has loaded: after them.
  window.addEventListener("load", () => setTimeout(() => nameAll(document)));
  document.addEventListener("formset:added", (event) => nameAll(event.target));
})();
