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

/**
 * How long this thread computed between two ticks of a 10 ms timer, above those 10 ms:
 * the lateness that its own work causes, whatever else the machine is doing.
 */
export function watchHolding(): { readonly ticks: number; stop(): number[] } {
  const late: number[] = [];
  let before = process.threadCpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    before = process.threadCpuUsage();
    late.push(Math.max(0, (user + system) / 1000 - 10));
  }, 10);
  return {
    get ticks() {
      return late.length;
    },
    stop() {
      clearInterval(timer);
      return late;
    },
  };
}
