// The editor of a template: what is typed is shown on the phones beside it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const PAUSE = 300; // ms without a key, before the server is asked
  const form = document.querySelector("[data-policy-preview]");
  if (!form) return;
  const words = form.querySelector("[name=body]");
  const shown = document.getElementById("policy-preview");
  const status = form.querySelector("[data-policy-status]");
  let timer;
  let request;

  async function preview() {
    request?.abort(); // an older answer must not come after a newer one
    request = new AbortController();
    try {
      const answer = await fetch(form.dataset.policyPreview, {
        method: "POST",
        body: new FormData(form),
        signal: request.signal,
      });
      if (!answer.ok) throw new Error(String(answer.status));
      shown.innerHTML = await answer.text();
      status.textContent = shown.querySelector("[data-policy-sum]").dataset.policySum;
    } catch (error) {
      if (error.name === "AbortError") return;
      shown.textContent = "The preview could not be loaded. Sign in again, or press Preview.";
    }
  }

  words.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(preview, PAUSE);
  });
  shown.addEventListener("click", (event) => {
    const button = event.target.closest("[data-policy-tidied]");
    if (!button) return;
    event.preventDefault();
    words.value = button.dataset.policyTidied;
    words.focus();
    preview();
  });
});
