// Opened from a folder, a page may not fetch its neighbours: list the found pages without extracts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Paper is light, whatever the screen is.
const page = document.documentElement;
addEventListener("beforeprint", () => { page.dataset.screen = page.dataset.theme; page.dataset.theme = "light"; });
addEventListener("afterprint", () => { page.dataset.theme = page.dataset.screen; });

// Practice questions: count those whose first choice was right, and remember on this machine what was taken.
const shelf = `practice ${location.pathname}`;
const remembered = () => { try { return JSON.parse(localStorage.getItem(shelf)) ?? {}; } catch { return {}; } };
const remember = (taken) => { try { localStorage.setItem(shelf, JSON.stringify(taken)); } catch { /* a private window */ } };
const questions = () => [...document.querySelectorAll(".question")];
const choices = (question) => [...question.querySelectorAll(".choice")];
function tell() {
  const asked = questions(), firsts = asked.map((question) => question.dataset.first).filter(Boolean);
  const right = firsts.filter((first) => first === "right").length, tally = document.querySelector(".tally");
  if (!tally || firsts.length < asked.length) return;
  const forget = Object.assign(document.createElement("button"), { type: "button", textContent: "Start again" });
  forget.addEventListener("click", () => {
    for (const question of asked) {
      delete question.dataset.first;
      for (const choice of choices(question)) choice.open = false;
    }
    remember({});
    tally.replaceChildren();
  });
  tally.replaceChildren(`${right} of ${asked.length} right at the first choice. `, forget);
}
addEventListener("toggle", ({ target: taken }) => {
  const question = taken.open && taken.closest(".question");
  if (!question || question.dataset.first) return;
  question.dataset.first = taken.matches(".right") ? "right" : "wrong";
  remember({ ...remembered(), [questions().indexOf(question)]: choices(question).indexOf(taken) });
  tell();
}, true);
addEventListener("DOMContentLoaded", () => {
  const taken = remembered();
  questions().forEach((question, k) => {
    const choice = choices(question)[taken[k]];
    if (choice) question.dataset.first = (choice.open = true, choice.matches(".right") ? "right" : "wrong");
  });
  tell();
});

// A term says what it means to those who rest on its link, by pointer or by keyboard.
addEventListener("DOMContentLoaded", () => {
  const card = Object.assign(document.createElement("div"), { id: "preview", role: "tooltip", hidden: true });
  document.querySelector("article")?.append(card);
  let soon = 0, shown = null;
  const hide = () => {
    clearTimeout(soon);
    shown?.removeAttribute("aria-describedby");
    card.hidden = true;
  };
  const place = () => {
    const at = shown.getBoundingClientRect(), high = card.offsetHeight, below = at.bottom + high + 12 < innerHeight;
    card.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - card.offsetWidth - 8))}px`;
    card.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - high - 6)}px`;
  };
  const show = (link) => {
    shown = link;
    card.innerHTML = link.dataset.says; // written when the book was built
    card.hidden = false;
    link.setAttribute("aria-describedby", card.id);
    place();
  };
  for (const link of document.querySelectorAll("a[data-says]:not([data-says=''])")) {
    link.addEventListener("pointerenter", ({ pointerType }) => {
      if (pointerType === "mouse") soon = setTimeout(() => show(link), 250);
    });
    link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
    link.addEventListener("pointerleave", ({ relatedTarget }) => card.contains(relatedTarget) || hide());
    link.addEventListener("blur", hide);
  }
  card.addEventListener("pointerleave", hide);
  addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  // Reaching a link by keyboard scrolls to it; a pointer that scrolling takes off a link leaves it, and is heard above.
  addEventListener("scroll", () => card.hidden || (shown.matches(":focus-visible") ? place() : hide()), { passive: true });
});

// What is wider than the page scrolls, so the keyboard must reach it. The theme looks after code, but not after what a
// closed panel shows when it opens.
const reach = (boxes) => {
  for (const box of boxes) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
};
const formulas = () => reach(document.querySelectorAll(".bd-article div.math"));
addEventListener("load", formulas);
addEventListener("resize", formulas);
addEventListener("toggle", ({ target }) => reach(target.querySelectorAll("div.math, pre")), true);

// The theme binds the first button of each kind, which is in the bar that this book hides: the others press that one.
addEventListener("DOMContentLoaded", () => {
  for (const kind of [".primary-toggle", ".secondary-toggle"]) {
    const [bound, ...shown] = document.querySelectorAll(kind);
    for (const button of shown) button.addEventListener("click", () => bound.click());
  }
});
