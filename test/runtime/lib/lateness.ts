/** Watches how late a timer of 10 ms fires: what a notebook's event loop feels. */
export function watchLateness(): { readonly ticks: number; stop(): number[] } {
  const late: number[] = [];
  let due = performance.now() + 10;
  const tick = () => {
    const now = performance.now();
    late.push(Math.max(0, now - due));
    due = now + 10;
    timer = setTimeout(tick, 10);
  };
  let timer = setTimeout(tick, 10);
  return {
    get ticks() {
      return late.length;
    },
    stop() {
      clearTimeout(timer);
      return late;
    },
  };
}
