// Before the first paint, so that the page never shows the other theme first. The inbox has the same choice.
document.documentElement.dataset.theme = localStorage.getItem("copilot.theme") ?? "auto";
