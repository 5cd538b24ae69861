"use strict";
const form = document.getElementById("setup");
const result = document.getElementById("result");
const token = location.hash.slice(1);
// The token must not stay in the address bar or the history.
history.replaceState(null, "", location.pathname);

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
form.elements.timezone.value = zone;
form.elements.country.value = (new Intl.Locale(navigator.language).maximize().region || "US").slice(0, 2);

function say(text, bad) {
  result.textContent = text;
  result.className = bad ? "bad" : "";
}

if (!token) {
  say("Open the whole link that the server printed: its last part is missing.", true);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = Object.fromEntries(new FormData(form));
  body.country = body.country.toUpperCase();
  body.token = token;
  say("Setting up…", false);
  try {
    const response = await fetch("/api/setup", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) {
      say(answer.message, true);
      return;
    }
    form.hidden = true;
    say("Done. Sign in with your e-mail address and password; the API is described at /docs.", false);
  } catch (error) {
    say("The server cannot be reached.", true);
  }
});
