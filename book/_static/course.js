// Opened from a folder, a page may not fetch its neighbours: list the found pages without extracts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
