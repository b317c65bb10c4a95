// One switch for the code of all pages, kept in the browser; without scripts each cell opens by itself.
document.addEventListener("DOMContentLoaded", () => {
  const cells = document.querySelectorAll("details.hide.above-input, .cell.tag_hide-input > details");
  const title = document.querySelector("article h1");
  if (!cells.length || !title) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "code-switch";
  const remembered = () => { try { return localStorage.getItem("vpipe-code") === "open"; } catch (error) { return false; } };
  function set(open) {
    document.documentElement.classList.toggle("code-away", !open);
    cells.forEach((cell) => { cell.open = open; });
    button.textContent = open ? "Hide code" : "Show code";
    button.setAttribute("aria-pressed", String(open));
    try { localStorage.setItem("vpipe-code", open ? "open" : "closed"); } catch (error) { /* only not remembered */ }
  }
  button.addEventListener("click", () => set(button.getAttribute("aria-pressed") !== "true"));
  title.after(button);
  set(remembered());
});
