// SPDX-License-Identifier: Apache-2.0
// Calls at most every so often, first at once and last for sure. Loading while scrolling needs this: to
// wait until the scrolling ends leaves the rows empty all the way.

/** `run` at once, then at most every `ms`, with the last arguments. */
export function throttle<A extends unknown[]>(run: (...args: A) => void, ms: number): (...args: A) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: A | undefined;
  const fire = (): void => {
    timer = undefined;
    if (!waiting) return;
    const args = waiting;
    waiting = undefined;
    timer = setTimeout(fire, ms);
    run(...args);
  };
  return (...args) => {
    waiting = args;
    if (timer === undefined) fire();
  };
}
