// What Django's and Unfold's own widgets lack, for whoever has the page read aloud or uses keys.
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

  // What opens a menu, filters or the sidebar is no button by itself, so keys never reach it.
  const OPENERS = [
    "a[x-on\\:click]:not([href])",
    "div.cursor-pointer[x-on\\:click]",
    "span.material-symbols-outlined[x-on\\:click]",
  ].join(",");
  const NAMES = { sidebar: "Navigation", openTheme: "Light or dark", showPassword: "Show password" };

  function makeOpenersButtons(within) {
    for (const opener of within.querySelectorAll(OPENERS)) {
      opener.setAttribute("role", "button");
      opener.tabIndex = 0;
      const does = Object.keys(NAMES).find((part) => opener.getAttribute("x-on:click").includes(part));
      if (does) opener.setAttribute("aria-label", NAMES[does]);
      opener.addEventListener("keydown", (event) => {
        if (event.target !== opener || (event.key !== "Enter" && event.key !== " ")) return;
        event.preventDefault();
        opener.click();
      });
    }
  }

  // The name of a picture beside words would be read out as if it were one of them.
  function hidePicturesBesideWords(within) {
    for (const picture of within.querySelectorAll(".material-symbols-outlined:not([role])")) {
      const around = picture.closest("a, button, [role=button], label, h1, h2, h3, p");
      if (!around || around === picture || around.hasAttribute("aria-label")) continue;
      const words = [...around.childNodes].some(
        (node) => node !== picture && !node.contains(picture) && node.textContent.trim(),
      );
      if (words) picture.setAttribute("aria-hidden", "true");
    }
  }

  function nameAll(within) {
    nameSearchedSelects(within);
    namePictures(within);
    makeOpenersButtons(within);
    hidePicturesBesideWords(within);
  }

  // Django makes its widgets when the page has loaded: after them.
  window.addEventListener("load", () => setTimeout(() => nameAll(document)));
  document.addEventListener("formset:added", (event) => nameAll(event.target));
})();
