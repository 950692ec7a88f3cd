(() => {
  const two = n => String(n).padStart(2, "0");
  const local = d => `${d.getFullYear()}-${two(d.getMonth()+1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  const utc = d => d.toISOString().slice(0, 19).replace("T", " ") + "Z";
  const isLocal = () => localStorage.getItem("tradewinds-times") === "local";
  const show = () => {
    const mode = isLocal() ? "local" : "utc";
    for (const one of document.querySelectorAll("time[datetime]")) {
      if (one.dataset.mode === mode) continue;
      const at = new Date(one.getAttribute("datetime"));
      if (isNaN(at)) continue;
      one.dataset.mode = mode;
      one.textContent = mode === "local" ? local(at) : utc(at);
      one.title = mode === "local" ? utc(at) : local(at) + " here";
    }
    const button = document.getElementById("times");
    if (button) { button.textContent = isLocal() ? "Local time" : "UTC"; button.setAttribute("aria-pressed", String(isLocal())); }
  };
  let asked = false;
  const soon = () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; show(); }); } };
  document.addEventListener("DOMContentLoaded", () => { new MutationObserver(soon).observe(document.body, {childList: true, subtree: true}); soon(); });
  let tries = 0;
  const strip = () => {
    const here = document.querySelector("nav.side a[aria-current]");
    if (!here) { if (tries++ < 300) requestAnimationFrame(strip); return; }
    const nav = here.closest("nav");
    if (nav.scrollWidth > nav.clientWidth) nav.scrollLeft = here.offsetLeft - 40;
  };
  requestAnimationFrame(strip);
  document.addEventListener("click", event => {
    if (event.target.closest("#times")) { localStorage.setItem("tradewinds-times", isLocal() ? "utc" : "local"); show(); }
    if (event.target.closest("#theme")) {
      document.cookie = `tradewinds_theme=${document.body.classList.contains("body--dark") ? "light" : "dark"};path=/;max-age=31536000;samesite=strict`;
      location.reload();
    }
  });
  document.addEventListener("keydown", event => {
    if (event.key === "H" && event.shiftKey && !event.ctrlKey && !event.altKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName))
      document.getElementById("halt")?.click();
  });
})();
