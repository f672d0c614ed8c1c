// Opened from a folder, a page may not fetch its neighbours: list the found pages without extracts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Paper is light, whatever the screen is.
const page = document.documentElement;
addEventListener("beforeprint", () => { page.dataset.screen = page.dataset.theme; page.dataset.theme = "light"; });
addEventListener("afterprint", () => { page.dataset.theme = page.dataset.screen; });
