// The keys of the queue; while a person types or a dialog is open they mean what they always do.

const STEP_PX = 80;

/** Call the actions of the page by key. */
export function keyboard(actions) {
  const keys = {
    j: () => actions.step(1), k: () => actions.step(-1), g: actions.nextGroup, n: actions.notADefect, t: actions.askName,
    s: actions.later, u: actions.undo, a: actions.tickAll, " ": actions.tick, h: actions.heat, b: actions.box, m: actions.brush,
    f: actions.whole, "+": actions.zoomIn, "=": actions.zoomIn, "-": actions.zoomOut, "?": actions.keys,
    ArrowLeft: () => actions.pan(STEP_PX, 0), ArrowRight: () => actions.pan(-STEP_PX, 0),
    ArrowUp: () => actions.pan(0, STEP_PX), ArrowDown: () => actions.pan(0, -STEP_PX),
  };
  for (let at = 0; at < 9; at += 1) keys[String(at + 1)] = () => actions.type(at);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea")) return;
    if (event.key === " " && event.target.closest("button, a, input")) return; // space presses what has the focus
    if (event.key.startsWith("Arrow") && event.target.closest("input[type=radio]")) return;
    const run = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!run) return;
    event.preventDefault();
    run();
  });
}
