// Sets the colour scheme before the first paint: the person's choice, else the system's. Loaded blocking, on purpose.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  const choice = () => {
    try {
      return localStorage.getItem("tact-appearance") ?? "auto";
    } catch {
      return "auto"; // storage may be forbidden; the page still has to appear
    }
  };

  const apply = () => {
    const wanted = choice();
    const dark = wanted === "dark" || (wanted === "auto" && system.matches);
    root.dataset.bsTheme = dark ? "dark" : "light";
    root.dataset.appearance = wanted;
  };

  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply); // another tab changed it
  addEventListener("tact:appearance", apply);
})();
