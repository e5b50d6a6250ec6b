"""Pages in headless Chromium: what only a browser can tell. Skipped where Playwright or Chromium is missing."""
