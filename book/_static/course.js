// Opened from a folder, a page may not fetch its neighbours: list the found pages without extracts.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Paper is light, whatever the screen is.
const page = document.documentElement;
addEventListener("beforeprint", () => { page.dataset.screen = page.dataset.theme; page.dataset.theme = "light"; });
addEventListener("afterprint", () => { page.dataset.theme = page.dataset.screen; });

// Practice questions: count those whose first choice was right.
addEventListener("toggle", ({ target: taken }) => {
  const question = taken.open && taken.closest(".question");
  if (!question || question.dataset.first) return;
  question.dataset.first = taken.matches(".right") ? "right" : "wrong";
  const questions = [...document.querySelectorAll(".question")];
  const firsts = questions.map((asked) => asked.dataset.first).filter(Boolean);
  const right = firsts.filter((first) => first === "right").length;
  const tally = document.querySelector(".tally");
  if (firsts.length === questions.length) tally.textContent = `${right} of ${questions.length} right at the first choice.`;
}, true);

// A formula that is wider than the page scrolls, so the keyboard must reach it.
const reach = () => {
  for (const formula of document.querySelectorAll(".bd-article mjx-container[display='true']")) {
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
  }
};
addEventListener("load", () => window.MathJax?.startup?.promise?.then(reach).then(() => addEventListener("resize", reach)));

// The theme binds the first button of each kind, which is in the bar that this book hides: the others press that one.
addEventListener("DOMContentLoaded", () => {
  for (const kind of [".primary-toggle", ".secondary-toggle"]) {
    const [bound, ...shown] = document.querySelectorAll(kind);
    for (const button of shown) button.addEventListener("click", () => bound.click());
  }
});
