// <script type="application/json" data-problems-for="id_body">[{"line": 3, "column": 7, "message": "..."}]</script>
// tells the editor of that textarea what is wrong, on the page or in what htmx brings.

/** The problems the page states for a field; lines and columns count from 1. */
export function stated(id) {
  const scripts = document.querySelectorAll(`script[data-problems-for="${CSS.escape(id)}"]`);
  return scripts.length ? JSON.parse([...scripts].at(-1).textContent) : [];
}

export function showProblems(root) {
  const scripts = [...root.querySelectorAll("script[data-problems-for]")];
  if (root.matches("script[data-problems-for]")) scripts.push(root);
  for (const script of scripts) {
    const detail = JSON.parse(script.textContent);
    document.getElementById(script.dataset.problemsFor)?.dispatchEvent(new CustomEvent("tact:problems", { detail }));
  }
}
