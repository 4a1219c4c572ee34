// What the theme leaves unsaid to those who listen, and tables that are wider than a phone.
document.addEventListener("DOMContentLoaded", () => {
  for (const summary of document.querySelectorAll("summary"))
    if (!summary.textContent.trim()) summary.setAttribute("aria-label", "Show or hide what is below");
  for (const button of document.querySelectorAll("button[aria-label]"))
    if (button.innerText.trim()) button.removeAttribute("aria-label");
  for (const table of document.querySelectorAll(".bd-content table")) {
    const frame = document.createElement("div");
    frame.className = "scrolls";
    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", "Table");
    table.replaceWith(frame);
    frame.append(table);
  }
});
